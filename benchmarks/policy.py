"""A policy of portfolio weights by PPO, with static and with equal weights, on folds of hourly symbols that none of them saw.

    python -m benchmarks.policy DATA_DIR
    python -m benchmarks.policy DATA_DIR --folds 3 --seeds 1 --days 4096 --signal reversal --json

DATA_DIR or its folder fx/oanda_h1 holds SYMBOL_h1.parquet: hourly candles, `ts` their open in UTC. What is weighed is a simple
signal, not a forecast: long where the mean close of 24 candles is above that of 120 (reversal: short), stop at three and target
at six mean ranges of 24 candles, out after a day, one percent of the account at risk; typical costs. Each fold trains on
`--train` FX days and tests on the `--test` days behind them; the policy is trained with its default parameters, once a seed.
"Best static" is the split of the capital into quarters among the symbols and cash that earned most on the train days;
"hindsight" the one that would have earned most on the test days. With `--vix FILE` (daily closes) the state knows the VIX.
"""

import argparse
import json
import math
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from benchmarks.hourly_candles import SYMBOLS, read
from benchmarks.hourly_forecasts import tell
from fxgpt_core.backtest.engine import ExecutionParameters
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError, FxgptError
from fxgpt_core.market.costs import costs_for
from fxgpt_core.market.fills import ExitPlan
from fxgpt_core.market.symbols import symbol as symbol_of
from fxgpt_core.portfolio.daily_context import DailyContext, daily_context
from fxgpt_core.portfolio.policy import policy_weights
from fxgpt_core.portfolio.policy_parameters import PolicyParameters
from fxgpt_core.portfolio.policy_state import RISK_DAYS, states
from fxgpt_core.portfolio.universe import Universe, universe_of
from fxgpt_core.rl.accounts import Accounts, Traded
from fxgpt_core.rl.environment import EpisodeRows, PolicyEnvironment
from fxgpt_core.rl.judgement import best_static, equal_weights, held, judged
from fxgpt_core.rl.training import train_policy
from fxgpt_core.strategy.decision import Decisions
from fxgpt_core.strategy.view import average_true_range

FloatArray = npt.NDArray[np.float64]

FAST, SLOW, RANGE = 24, 120, 24
STOP_RANGES, TARGET_RANGES, RISK, MOST_CANDLES = 3.0, 6.0, 0.01, 24
EXECUTION: Final = ExecutionParameters(ExitPlan(math.inf, math.inf, 0.01), MOST_CANDLES, 0.03, 0.2)
NAMES: Final = ("policy", "best static", "equal", "hindsight")


def traded(name: str, candles: CandleArrays, sign: int) -> Traded:
    """The signal of one symbol, and what it costs."""
    sums = np.concatenate(([0.0], np.cumsum(candles.close)))
    fast, slow = (np.full(len(candles), np.nan) for _ in range(2))
    for found, width in ((fast, FAST), (slow, SLOW)):
        found[width - 1 :] = (sums[width:] - sums[:-width]) / width
    ranges = average_true_range(candles, RANGE)
    known = np.isfinite(slow) & (ranges > 0.0)
    side = np.where(known, sign * np.sign(fast - slow), 0.0).astype(np.int8)
    wished = side != 0
    decisions = Decisions(
        candles.known_at_us,
        side,
        np.where(wished, STOP_RANGES * ranges, np.nan),
        np.where(wished, TARGET_RANGES * ranges, np.nan),
        np.where(wished, RISK, np.nan),
        np.zeros(len(candles), np.int8),
    )
    return Traded(candles, decisions, costs_for(symbol_of(name), float(np.median(candles.close[:1_000]))), EXECUTION)


def context_of(universe: Universe, of: dict[str, CandleArrays], vix: Path | None) -> DailyContext:
    """The VIX as known at each day's end, or nothing."""
    if vix is None:
        return DailyContext.nothing(*universe.close.shape)
    import polars as pl

    from fxgpt_core.context.as_of import joined
    from fxgpt_core.context.daily_index import read_daily_index
    from fxgpt_core.context.market_context import market_context

    name, candles = next(iter(of.items()))
    times = pl.from_epoch(pl.Series("known_at", candles.known_at_us), "us").dt.replace_time_zone("UTC")
    frame = joined(pl.DataFrame({"known_at": times}), [read_daily_index(vix, "vix")])
    return daily_context(universe, {name: (candles, market_context(frame))})


def folds(n_days: int, train: int, test: int) -> list[tuple[EpisodeRows, EpisodeRows]]:
    """Train and test rows, one behind the other, from when all states are known."""
    starts = range(RISK_DAYS + 1, n_days - train - test, test)
    return [(EpisodeRows(start, start + train), EpisodeRows(start + train, start + train + test)) for start in starts]


def measure(
    accounts: Accounts, seen: FloatArray, fold: tuple[EpisodeRows, EpisodeRows], asked: argparse.Namespace
) -> list[dict[str, Any]]:
    """What each earns on the test days of a fold; the policy once a seed."""
    train, test = fold
    universe = accounts.universe
    environment = PolicyEnvironment(accounts, seen, train)
    rows = []
    for seed in range(asked.seeds):
        found = train_policy(environment, PolicyParameters(use_lstm=asked.lstm), asked.days, seed=seed)
        weights = policy_weights(found.policy, seen, universe.day)[test.first : test.stop - 1]
        rows.append(
            asdict(judged(NAMES[0], accounts.day_equity(weights, test.first))) | {"seed": seed, "cash": weights[:, -1].mean()}
        )
    fixed = (best_static(accounts, train), equal_weights(len(universe.names)), best_static(accounts, test))
    rows += [asdict(judged(name, held(accounts, weights, test))) for name, weights in zip(NAMES[1:], fixed, strict=True)]
    first, last = (str(day.astype("datetime64[D]")) for day in universe.day[[test.first, test.stop - 1]].astype(np.int64))
    return [row | {"from": first, "to": last} for row in rows]


def show(found: list[list[dict[str, Any]]]) -> None:
    """A line a fold, and what is left of all of them."""
    print(f"{'tested':<26}" + "".join(f"{name:>22}" for name in NAMES) + "   (total return %)")
    for rows in found:
        print(
            f"{rows[0]['from']} to {rows[0]['to']}  "
            + "".join(f"{spread(of(rows, name, 'total_return'), 100):>22}" for name in NAMES)
        )
    for key, factor in (("total_return", 100.0), ("sharpe_ratio", 1.0), ("max_drawdown", 100.0)):
        means = [spread(np.mean([of(rows, name, key) for rows in found], axis=0), factor) for name in NAMES]
        print(f"{'mean ' + key:<26}" + "".join(f"{mean:>22}" for mean in means))
    better = sum(np.mean(of(rows, "policy", "total_return")) > of(rows, "best static", "total_return")[0] for rows in found)
    print(f"the policy's mean over seeds is above the best static weights in {better} of {len(found)} folds")


def of(rows: list[dict[str, Any]], name: str, key: str) -> FloatArray:
    return np.array([row[key] for row in rows if row["name"] == name])


def spread(values: FloatArray, factor: float) -> str:
    """Mean, and deviation over seeds if there are several."""
    deviation = f" ± {factor * values.std(ddof=1):.2f}" if len(values) > 1 else ""
    return f"{factor * values.mean():+.2f}{deviation}"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="DATA_DIR")
    parser.add_argument("--symbols", nargs="+", default=list(SYMBOLS))
    parser.add_argument("--signal", choices=("trend", "reversal"), default="trend")
    parser.add_argument("--train", type=int, default=520, help="FX days to train on")
    parser.add_argument("--test", type=int, default=130, help="FX days to test on")
    parser.add_argument("--folds", type=int, default=100, help="the latest so many folds")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--days", type=int, default=8_192, help="days lived in training")
    parser.add_argument("--lstm", action="store_true")
    parser.add_argument("--vix", type=Path, default=None, metavar="FILE")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    found = []
    try:
        candles = {name: read(asked.folder, name) for name in asked.symbols}
        universe = universe_of(candles)
        sign = 1 if asked.signal == "trend" else -1
        accounts = Accounts(universe, tuple(traded(name, each, sign) for name, each in candles.items()))
        seen = states(universe, context_of(universe, candles, asked.vix))
        every = folds(len(universe), asked.train, asked.test)[-asked.folds :]
        if not every or asked.seeds < 1:
            raise BadInputError(
                f"{len(every)} folds and {asked.seeds} seeds found; give more candles, shorter folds, a seed at least"
            )
        for number, fold in enumerate(every, 1):
            found.append(measure(accounts, seen, fold, asked))
            tell(f"fold {number} of {len(every)} at {datetime.now(UTC):%H:%M:%S}")
    except FxgptError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    if asked.json:
        print(json.dumps({"signal": asked.signal, "seeds": asked.seeds, "days": asked.days, "folds": found}))
    else:
        show(found)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
