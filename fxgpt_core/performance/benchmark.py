"""How a strategy did beside a benchmark: by default, beside holding the symbol through the same candles."""

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.performance.daily import daily
from fxgpt_core.performance.measures import sharpe_of
from fxgpt_core.performance.played import Played
from fxgpt_core.performance.ratios import deviation, held

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class BesideBenchmark:
    """A strategy's FX days against the benchmark's.

    `information_ratio` is the mean of the daily differences over their sample deviation, × √(days a year as measured). `alpha`
    (a fraction a year, Jensen 1968), `beta` and `correlation` are of returns above the risk-free rate. What does not vary has
    ratio, beta and correlation 0. `benchmark_return` is the benchmark's compound return over all the days.
    """

    information_ratio: float
    alpha: float
    beta: float
    correlation: float
    benchmark_return: float

    def to_json(self) -> dict[str, float]:
        """The five numbers by name."""
        return dataclasses.asdict(self)


def beside_benchmark(
    result: Played, candles: CandleArrays, benchmark: FloatArray | None = None, *, risk_free_rate: float = 0.0
) -> BesideBenchmark:
    """A backtest beside benchmark returns float64[P], one for each FX day of the candles; without them, beside `buy_and_hold`.

    `risk_free_rate` is a fraction a year. Raises `BadInputError` for a benchmark of another length or that is not finite, and
    for an equity curve that is not the candles'.
    """
    days = daily(result.equity, result.cash, candles)
    theirs = buy_and_hold(candles) if benchmark is None else benchmark
    if len(theirs) != len(days.returns) or not np.isfinite(theirs).all():
        raise BadInputError(
            f"the benchmark has {len(theirs)} returns, {int(np.isfinite(theirs).sum())} of them finite, for {len(days.returns)} "
            "FX days; one finite return is needed for each FX day with a candle"
        )
    if len(theirs) == 0:
        return BesideBenchmark(0.0, 0.0, 0.0, 0.0, 0.0)
    difference = days.returns - theirs
    beta, correlation = beta_and_correlation(days.returns, theirs)
    risk_free = risk_free_rate / days.periods_a_year
    alpha = float(days.returns.mean()) - risk_free - beta * (float(theirs.mean()) - risk_free)
    return BesideBenchmark(
        information_ratio=held(sharpe_of(difference) * math.sqrt(days.periods_a_year)),
        alpha=alpha * days.periods_a_year,
        beta=beta,
        correlation=correlation,
        benchmark_return=float(np.prod(1.0 + theirs)) - 1.0,
    )


def buy_and_hold(candles: CandleArrays) -> FloatArray:
    """float64[P]: the return of each FX day of the symbol itself, bought at the first open, without leverage and costs."""
    return daily(candles.close, float(candles.open[0]) if len(candles) else 1.0, candles).returns


def beta_and_correlation(returns: FloatArray, benchmark: FloatArray) -> tuple[float, float]:
    """Slope of returns [P] on a benchmark's [P], and their correlation; 0 if either does not vary.

    A constant risk-free rate leaves both as they are.
    """
    ours, theirs = deviation(returns), deviation(benchmark)
    if ours == 0.0 or theirs == 0.0:
        return 0.0, 0.0
    together = float(np.mean((returns - returns.mean()) / ours * ((benchmark - benchmark.mean()) / theirs)))
    correlation = together * len(returns) / (len(returns) - 1)
    return correlation * ours / theirs, min(max(correlation, -1.0), 1.0)
