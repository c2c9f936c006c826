"""Does what the market filters refuse, or make smaller or larger, differ from the rest over the next day?

    python -m benchmarks.filters DATA_DIR
    python -m benchmarks.filters DATA_DIR --each --json

DATA_DIR holds fx/oanda_h1/SYMBOL_h1.parquet (hourly candles, `ts` their open in UTC), macro/VIX_d1.parquet,
macro/COT_legacy_weekly.csv and macro/COT_TFF_EUR_weekly.csv. Wishes are those of two signals at every candle: with the move of
the last 24 candles (trend), and against it (reversal). An outcome is the move of the next 24 in the direction of the wish, in
1e-4 of the price and without costs; none reaches across a hole. "Inside" are wishes to which a rule applies, "outside" the others
for which its series is known. Filters have their default parameters.
The difference of the means and the ratio of the volatilities (root mean squares) have the central 95 % of 2,000 resamples of
the weeks, in blocks of four on average and with all symbols of a week together (stationary bootstrap).
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.hourly_candles import SYMBOLS, read
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.context.kinds import KINDS, context_of_symbol
from fxgpt_core.context.market_context import MarketContext, market_context
from fxgpt_core.context.series import ContextSeries
from fxgpt_core.errors import FxgptError, MissingError
from fxgpt_core.market.sessions import stretch_starts
from fxgpt_core.market.symbols import symbol
from fxgpt_core.market.timeframes import DAY_US, Timeframe
from fxgpt_core.performance.bootstrap import Resampling, stationary_indices
from fxgpt_core.strategy import reasons
from fxgpt_core.strategy.filters import FilterParameters, SentimentFilterParameters, VixFilterParameters, filter_answers
from fxgpt_core.strategy.volume_measures import VolumeFilterParameters, volume_measures

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

ALL: Final = "all"
FILES: Final = {"vix": "macro/VIX_d1.parquet", "cot_legacy": "macro/COT_legacy_weekly.csv"}
EURO_REPORTS: Final = "macro/COT_TFF_EUR_weekly.csv"
EURO: Final = "EURUSD"
REPEATS: Final = 20
SIGNALS: Final = {"trend": 1.0, "reversal": -1.0}
DAY: Final = 24
PARAMETERS: Final = FilterParameters(VixFilterParameters(), SentimentFilterParameters(), VolumeFilterParameters())
RESAMPLING: Final = Resampling(block=4.0)
FEWEST_WEEKS: Final = 20
"""Weeks with wishes inside and weeks with wishes outside below which no interval is told."""


@dataclass(frozen=True, eq=False)
class Cases:
    """Wishes of one rule and signal: the `week` of each int64[N], whether it is `inside`, and its `outcome` float64[N]."""

    week: IntArray
    inside: Mask
    outcome: FloatArray


@dataclass(frozen=True)
class Row:
    """`share` of the wishes inside; means in 1e-4; `difference` inside less outside and `volatility` inside over outside, each
    with its interval, None where `weeks` (of the rarer kind) are too few.
    """

    rule: str
    signal: str
    symbol: str
    share: float
    weeks: int
    inside: float
    outside: float
    difference: tuple[float, float] | None
    volatility_ratio: float
    volatility: tuple[float, float] | None


def measured(folder: Path, seed: int) -> list[Row]:
    """A row for each rule, signal and symbol, and for all symbols together. Raises `MissingError` for an absent file."""
    context = _context(folder)
    cases: dict[tuple[str, str], dict[str, Cases]] = {}
    for name in SYMBOLS:
        for key, found in _cases(*_read(folder, name, context)):
            cases.setdefault(key, {})[name] = found
    rows = []
    for (rule, signal), by_symbol in cases.items():
        together = Cases(
            *(np.concatenate([getattr(each, part) for each in by_symbol.values()]) for part in vars(by_symbol[name]))
        )
        rows += [
            _row(rule, signal, each, found, seed) for each, found in {ALL: together, **by_symbol}.items() if found.inside.any()
        ]
    return rows


def _read(folder: Path, name: str, context: list[ContextSeries]) -> tuple[CandleArrays, MarketContext]:
    """A symbol's candles and what was known at each."""
    candles = read(folder, name)
    known = pl.DataFrame({"known_at": pl.Series(candles.known_at_us).cast(pl.Datetime("us", "UTC"))})
    # The reports of the euro alone are of no other symbol.
    of = context if name == EURO else context[:-1]
    return candles, market_context(context_of_symbol(known, of, symbol(name)))


def _file(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.exists():
        raise MissingError(
            f"{path} is not there; DATA_DIR needs {name}: see the head of benchmarks/filters.py; name another folder"
        )
    return path


def _context(folder: Path) -> list[ContextSeries]:
    imported = [KINDS[kind].read(_file(folder, name)) for kind, name in FILES.items()]
    with tempfile.TemporaryDirectory() as scratch:
        # The file of one currency does not name it.
        named = Path(scratch) / "reports.csv"
        pl.read_csv(_file(folder, EURO_REPORTS)).with_columns(currency=pl.lit("EUR")).write_csv(named)
        return [*imported, KINDS["cot_tff"].read(named)]


def _cases(candles: CandleArrays, context: MarketContext) -> Iterator[tuple[tuple[str, str], Cases]]:
    rows = np.arange(DAY, len(candles) - DAY)
    starts = stretch_starts(candles.open_time_us, Timeframe.H1)
    rows = rows[starts[rows + DAY] == starts[rows - DAY]]
    before = candles.close[rows] - candles.close[rows - DAY]
    ahead = 1e4 * np.log(candles.close[rows + DAY] / candles.close[rows])
    measures = volume_measures(candles, PARAMETERS.volume)
    for signal, sign in SIGNALS.items():
        side = np.zeros(len(candles), dtype=np.int8)
        side[rows] = np.sign(sign * before)
        answers = filter_answers(side, context, measures, PARAMETERS)
        vix, sentiment, volume = answers.vix, answers.sentiment, answers.volume
        extreme = vix.factor == 1.0 - PARAMETERS.vix.extreme_reduction_pct
        heard = context.crowd_confidence >= PARAMETERS.sentiment.confidence_threshold
        rules = {
            "VIX high: smaller": ((vix.factor < 1.0) & ~extreme, ~vix.neutral & ~extreme),
            "VIX extreme: smaller": (extreme, ~vix.neutral),
            "crowd on this side: refused": (sentiment.refusal == reasons.CROWD, heard),
            "crowd on the other side: larger": (sentiment.factor > 1.0, heard),
            "too little volume: refused": (volume.refusal == reasons.ILLIQUID, ~volume.neutral),
            "OBV and VWAP against: refused": (volume.refusal == reasons.VOLUME_AGAINST, ~volume.neutral),
            "spike against: refused": (volume.refusal == reasons.SPIKE_AGAINST, ~volume.neutral),
        }
        for rule, (inside, known) in rules.items():
            chosen = rows[(side[rows] != 0) & known[rows]]
            outcome = side[chosen] * ahead[np.searchsorted(rows, chosen)]
            week = candles.known_at_us[chosen] // (7 * DAY_US)
            yield (rule, signal), Cases(week, inside[chosen], outcome)


def milliseconds(folder: Path) -> dict[str, float]:
    """Median milliseconds of `REPEATS` calls, for the first symbol's candles. Raises `MissingError` for an absent file."""
    candles, context = _read(folder, SYMBOLS[0], _context(folder))
    measures = volume_measures(candles, PARAMETERS.volume)
    side = np.where(np.arange(len(candles)) % 2 == 0, 1, -1).astype(np.int8)
    calls: dict[str, Callable[[], object]] = {
        "measures of volume": lambda: volume_measures(candles, PARAMETERS.volume),
        "answers of the filters": lambda: filter_answers(side, context, measures, PARAMETERS).refusal,
    }
    took: dict[str, list[float]] = {name: [] for name in calls}
    for name, call in calls.items():
        for _ in range(REPEATS):
            began = time.perf_counter()
            call()
            took[name].append(time.perf_counter() - began)
    return {f"{name}, {len(candles)} candles": 1e3 * statistics.median(each) for name, each in took.items()}


def _row(rule: str, signal: str, name: str, cases: Cases, seed: int) -> Row:
    """What lies inside and outside, and how far it could be otherwise."""
    weeks = np.unique(cases.week)
    at = np.searchsorted(weeks, cases.week)
    sums = np.array([
        [np.bincount(at[kind], weights=weights, minlength=len(weeks)) for weights in
         (np.ones(int(kind.sum())), cases.outcome[kind], cases.outcome[kind] ** 2)]
        for kind in (cases.inside, ~cases.inside)
    ])  # fmt: skip
    told = int((sums[:, 0] > 0.0).sum(axis=1).min())
    means, volatilities = _statistics(sums.sum(axis=2)[..., None])
    difference = ratio = None
    if told >= FEWEST_WEEKS:
        drawn = stationary_indices(len(weeks), RESAMPLING, np.random.default_rng(seed))
        resampled_means, resampled_volatilities = _statistics(sums[:, :, drawn].sum(axis=3))
        difference = _central(resampled_means[0] - resampled_means[1])
        ratio = _central(resampled_volatilities[0] / resampled_volatilities[1])
    return Row(
        rule=rule, signal=signal, symbol=name, share=float(cases.inside.mean()), weeks=told,
        inside=float(means[0, 0]), outside=float(means[1, 0]), difference=difference,
        volatility_ratio=float(volatilities[0, 0] / volatilities[1, 0]), volatility=ratio,
    )  # fmt: skip


def _statistics(sums: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Means and root mean squares float64[2,R] of counts, sums and sums of squares float64[2,3,R]; NaN of nothing."""
    count = np.where(sums[:, 0] > 0.0, sums[:, 0], np.nan)
    return sums[:, 1] / count, np.sqrt(sums[:, 2] / count)


def _central(resampled: FloatArray) -> tuple[float, float]:
    low, high = np.nanquantile(resampled, [0.025, 0.975])
    return float(low), float(high)


def _lines(rows: list[Row], each: bool) -> Iterator[str]:
    yield (
        f"{'rule':<34}{'signal':<10}{'symbol':<8}{'inside':>8}{'weeks':>7}{'mean':>8}{'rest':>8}"
        f"{'difference':>26}{'volatility':>22}"
    )
    for row in rows:
        if each or row.symbol == ALL:
            yield (
                f"{row.rule:<34}{row.signal:<10}{row.symbol:<8}{row.share:8.1%}{row.weeks:7d}{row.inside:8.2f}{row.outside:8.2f}"
                f"{_told(row.inside - row.outside, row.difference):>26}{_told(row.volatility_ratio, row.volatility):>22}"
            )


def _told(value: float, interval: tuple[float, float] | None) -> str:
    return f"{value:.2f} [too few weeks]" if interval is None else f"{value:.2f} [{interval[0]:.2f}, {interval[1]:.2f}]"


def main(arguments: list[str]) -> int:
    """Measure and print; 0, or the exit code of what was wrong with the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="DATA_DIR")
    parser.add_argument("--each", action="store_true", help="each symbol as well")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(arguments)
    try:
        rows, took = measured(chosen.folder, chosen.seed), milliseconds(chosen.folder)
    except FxgptError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    if chosen.json:
        print(json.dumps({"rows": [asdict(row) for row in rows], "milliseconds": took}))
    else:
        print("\n".join([*_lines(rows, chosen.each), *(f"{name}: {each:.1f} ms" for name, each in took.items())]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
