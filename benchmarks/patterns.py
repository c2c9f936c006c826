"""Entries by patterns against the same entries at random times, walked forward over four hourly symbols, after costs.

    python -m benchmarks.patterns DATA_DIR
    python -m benchmarks.patterns DATA_DIR --symbols EURUSD --runs 100 --json

DATA_DIR or its folder fx/oanda_h1 holds SYMBOL_h1.parquet: hourly candles, `ts` their open in UTC. A position is entered where a
pattern signals and none is open, with the pattern's stop and target, 1 % of equity at risk, and closed after two days at the
latest; costs are the typical spread and commission (docs/costs.md). Every quarter from the second year on is played once, by
the kernel: with the default parameters, and with the set, of some drawn from all ranges, that had the best Sharpe ratio in the
year before it. Random entries are those of the quarter, all moved by the same random number of whole days within it: as many, the
same sides, stops, targets and hours. The p-value is the share of them that did as well.

`--study` makes the event study of the first half of each series instead, and `--speed` measures `patterns_of`.
"""

import argparse
import json
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from benchmarks.hourly_candles import SYMBOLS, read
from benchmarks.patterns_data import drawn_parameters
from fxgpt_core.backtest.engine import ExecutionParameters
from fxgpt_core.backtest.sets import ParameterSet, Replay, play_sets
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import FxgptError
from fxgpt_core.market.costs import costs_for
from fxgpt_core.market.fills import ExitPlan
from fxgpt_core.market.symbols import symbol as symbol_of
from fxgpt_core.patterns.event_study import StudyParameters, event_study
from fxgpt_core.patterns.events import events
from fxgpt_core.patterns.parameters import PatternParameters
from fxgpt_core.patterns.signals import patterns_of
from fxgpt_core.performance.bootstrap import rank_p_value, sharpe_ratios
from fxgpt_core.performance.measures import periods_a_year
from fxgpt_core.strategy.decision import Decisions
from fxgpt_core.validation.folds import FoldParameters, walk_forward
from fxgpt_core.validation.spans import SpanParameters, split_spans

FloatArray = npt.NDArray[np.float64]

RISK: Final = 0.01
HOLDING_CANDLES: Final = 48
FOLDS: Final = FoldParameters(train_days=365.0, test_days=91.0, step_days=91.0, purge_candles=HOLDING_CANDLES)
HOURS: Final = 24
EXECUTION: Final = ExecutionParameters(
    ExitPlan(np.inf, np.inf, 0.0), max_candles=HOLDING_CANDLES, daily_loss_limit=0.99, max_margin_fraction=1.0
)


@dataclass(frozen=True, eq=False)
class Played:
    """Returns of FX days, float64[R,D], and numbers of trades, int64[R], of R runs; that of the patterns is the first."""

    daily: FloatArray
    trades: npt.NDArray[np.int64]

    def told(self, periods: float) -> dict[str, float]:
        """Annual Sharpe ratio and total return in percent, those of random entries, and the p-value."""
        sharpe = np.sqrt(periods) * sharpe_ratios(self.daily)
        total = 100.0 * (np.prod(1.0 + self.daily, axis=1) - 1.0)
        low, middle, high = np.quantile(sharpe[1:], (0.05, 0.5, 0.95)).tolist()
        return {
            "trades": int(self.trades[0]),
            "sharpe": float(sharpe[0]),
            "return_pct": float(total[0]),
            "random_trades": float(np.mean(self.trades[1:])),
            "random_sharpe_5": low,
            "random_sharpe_50": middle,
            "random_sharpe_95": high,
            "random_return_pct": float(np.median(total[1:])),
            "p_value": rank_p_value(float(sharpe[0]), sharpe[1:]),
        }


def decisions_of(candles: CandleArrays, parameters: PatternParameters) -> Decisions:
    """Each candle's signal as a decision to enter."""
    signals = patterns_of(candles, parameters)
    return Decisions(
        known_at_us=candles.known_at_us,
        side=signals.side,
        stop_distance=signals.stop_distance,
        target_distance=signals.target_distance,
        risk_fraction=np.where(signals.side != 0, RISK, np.nan),
        reason=np.zeros(len(candles), np.int8),
    )


def measure(name: str, candles: CandleArrays, asked: argparse.Namespace) -> dict[str, Any]:
    """What is said of a symbol: entries with the default parameters, and with those that were best in the year before."""
    folds = walk_forward(candles.known_at_us, FOLDS)
    reference = float(np.median(candles.close[folds[0].train.slice(candles.known_at_us)]))
    replay = Replay(candles, costs_for(symbol_of(name), reference))
    rng = np.random.default_rng(asked.seed)
    drawn = [PatternParameters(), *(drawn_parameters(rng) for _ in range(asked.sets))]
    decisions = [decisions_of(candles, one) for one in drawn]
    train = np.array([[rows.start, rows.stop] for rows in (fold.train.slice(candles.known_at_us) for fold in folds)])
    sums = play_sets(replay, decisions, [ParameterSet(k, EXECUTION) for k in range(len(drawn))], train)
    best = np.argmax(_sharpe_of_sums(sums.of("sum_returns"), sums.of("sum_squares"), sums.of("days")), axis=0)
    test = [fold.test.slice(candles.known_at_us) for fold in folds]
    chosen = {"defaults": np.zeros(len(folds), np.int64), "searched": best}
    found: dict[str, Any] = {"candles": len(candles), "quarters": len(folds)}
    for how, which in chosen.items():
        parts = [_played(replay, decisions[k], rows, asked.runs, rng) for k, rows in zip(which.tolist(), test, strict=True)]
        played = Played(np.concatenate([part.daily for part in parts], axis=1), np.sum([part.trades for part in parts], axis=0))
        found[how] = played.told(periods_a_year(candles.slice(test[0].start, test[-1].stop)))
    return found


def _sharpe_of_sums(total: FloatArray, squares: FloatArray, days: FloatArray) -> FloatArray:
    """float64[K,F]: Sharpe ratio a day from the kernel's sums; 0 where nothing was traded."""
    mean = total / days
    deviation = np.sqrt(np.maximum(squares / days - mean * mean, 0.0))
    return np.divide(mean, deviation, out=np.zeros_like(mean), where=deviation > 0.0)


def _played(replay: Replay, decisions: Decisions, rows: slice, runs: int, rng: np.random.Generator) -> Played:
    """A quarter with the decisions as they are, and moved by whole days: what goes over the end comes in at the start."""
    part = Replay(replay.candles.select(rows), replay.costs.select(rows), replay.account)
    own = decisions.select(rows)
    days = rng.integers(1, max(2, len(own) // HOURS), runs)
    every = [own, *(_moved(own, HOURS * int(count)) for count in days)]
    sums = play_sets(part, every, [ParameterSet(k, EXECUTION) for k in range(len(every))], daily=True)
    return Played(sums.daily, sums.of("trades")[:, 0].astype(np.int64))


def _moved(decisions: Decisions, candles: int) -> Decisions:
    names = ("side", "stop_distance", "target_distance", "risk_fraction")
    return replace(decisions, **{name: np.roll(getattr(decisions, name), candles) for name in names})


def study(candles: CandleArrays, seed: int) -> dict[str, Any]:
    """How many kinds and horizons beat random entries in the train span, alone and after correction, and the best of them."""
    train = split_spans(candles.known_at_us, SpanParameters()).train
    found = event_study(candles, events(candles, PatternParameters()), train, StudyParameters(), seed).sort("p_value")
    better = {f"{name}_below_5_pct": int((found[name] < 0.05).sum()) for name in ("p_value", "p_holm", "p_bh")}
    return {"judged": len(found), **better, "best": found.row(0, named=True)}


def speed(candles: CandleArrays) -> dict[str, float]:
    """Milliseconds of processor time of `patterns_of` on all candles and on 1,000: the median of twenty calls."""
    volume_off = replace(PatternParameters(), use_volume_confirmation=False)
    largest = replace(volume_off, lookback_period=100, max_pattern_size=30, max_age_bars=50)
    cases = {
        f"{len(candles)} candles, defaults": (candles, PatternParameters()),
        f"{len(candles)} candles, without volume": (candles, volume_off),
        f"{len(candles)} candles, without volume, largest": (candles, largest),
        "1000 candles, without volume": (candles.slice(0, 1000), volume_off),
    }
    return {name: _milliseconds(*case) for name, case in cases.items()}


def _milliseconds(candles: CandleArrays, parameters: PatternParameters) -> float:
    patterns_of(candles, parameters)
    taken = []
    for _ in range(20):
        began = time.process_time()
        patterns_of(candles, parameters)
        taken.append(1000.0 * (time.process_time() - began))
    return float(np.median(taken))


def _lines(found: dict[str, dict[str, Any]]) -> list[str]:
    lines = [f"{'':18}{'trades':>7}{'Sharpe':>8}{'return':>9}   {'random: 5 %':>11}{'50 %':>7}{'95 %':>7}{'return':>9}{'p':>7}"]
    for name, about in found.items():
        for how in ("defaults", "searched"):
            row = about[how]
            lines.append(
                f"{name} {how:11}{row['trades']:7}{row['sharpe']:8.2f}{row['return_pct']:8.1f}%   "
                f"{row['random_sharpe_5']:11.2f}{row['random_sharpe_50']:7.2f}{row['random_sharpe_95']:7.2f}"
                f"{row['random_return_pct']:8.1f}%{row['p_value']:7.3f}"
            )
    return lines


def main(arguments: list[str]) -> int:
    """Measure and print; 0, or the exit code of what was wrong with the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--symbols", nargs="+", default=list(SYMBOLS))
    parser.add_argument("--sets", type=int, default=31, help="parameter sets drawn beside the defaults")
    parser.add_argument("--runs", type=int, default=500, help="random entries for each quarter")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--study", action="store_true")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    try:
        series = {name: read(asked.folder, name) for name in asked.symbols}
        found: dict[str, Any] = {
            name: speed(candles) if asked.speed else study(candles, asked.seed) if asked.study else measure(name, candles, asked)
            for name, candles in series.items()
        }
    except FxgptError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    if asked.json or asked.speed or asked.study:
        print(json.dumps(found, indent=2))
    else:
        print("\n".join(_lines(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
