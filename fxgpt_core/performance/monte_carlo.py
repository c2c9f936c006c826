"""What else the same trades or the same days could have looked like: drawdowns, final equity, ruin, annual Sharpe ratio."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.errors import BadInputError
from fxgpt_core.performance.bootstrap import (
    RESAMPLES,
    Resampling,
    check_returns,
    portions,
    rank_p_value,
    resampled,
    sharpe_ratios,
)

FloatArray = npt.NDArray[np.float64]

_ROUNDING: Final = 1e-12


@dataclass(frozen=True)
class Percentiles:
    """The 5th, 50th and 95th percentile of simulated values."""

    p5: float
    p50: float
    p95: float


@dataclass(frozen=True)
class TradeSimulationParameters:
    """`cash` before the first trade and `ruin_equity`, at or below which trading would end; both in the trades' currency."""

    cash: float
    ruin_equity: float = 0.0
    resamples: int = RESAMPLES

    def __post_init__(self) -> None:
        if not (0.0 < self.cash < np.inf and -np.inf < self.ruin_equity < self.cash and self.resamples >= 1):
            raise BadInputError(
                f"cash {self.cash}, ruin at {self.ruin_equity} and {self.resamples} resamples found; the cash must be above 0, "
                "ruin below it, and at least one resample made"
            )


@dataclass(frozen=True)
class TradeSimulation:
    """What the trades did and could have done, in their currency; drawdowns are the deepest falls from the highest equity so far.

    `drawdown_fraction`: the deepest fall as a fraction of that highest equity. `drawdown_p_value`: how probable a drawdown at
    least as deep as the observed one is; near 1 the order of the trades was lucky, and deeper ones are to be expected.
    `ruin_probability`: share of simulations that ever reach the ruin equity; they trade on, so drawdowns count what follows.
    """

    observed_drawdown: float
    drawdown: Percentiles
    drawdown_fraction: Percentiles
    drawdown_p_value: float
    final_equity: Percentiles
    ruin_probability: float


def shuffled_trades(profits: FloatArray, parameters: TradeSimulationParameters, rng: np.random.Generator) -> TradeSimulation:
    """The same closed trades in any other order: profits float64[N] after costs. The final equity is always the same.

    Trades are taken to be independent and of fixed size: losses that come in rows are torn apart, so that real drawdowns can be
    deeper. Raises `BadInputError` for no trade and for profits that are not finite.
    """
    return _simulated(profits, parameters, lambda n: rng.permuted(np.tile(profits, (n, 1)), axis=1))


def redrawn_trades(profits: FloatArray, parameters: TradeSimulationParameters, rng: np.random.Generator) -> TradeSimulation:
    """As many trades drawn from the closed ones with replacement, as if others of their kind had come.

    Assumptions and errors as of `shuffled_trades`.
    """
    return _simulated(profits, parameters, lambda n: profits[rng.integers(0, len(profits), (n, len(profits)))])


def annual_sharpe_percentiles(
    returns: FloatArray, periods_a_year: float, resampling: Resampling, rng: np.random.Generator
) -> Percentiles:
    """Percentiles of the annual Sharpe ratio of returns [n] drawn again in blocks (stationary bootstrap).

    Raises `BadInputError` below 20 returns and for returns that are not finite.
    """
    check_returns(returns)
    return _percentiles(np.sqrt(periods_a_year) * resampled(returns, sharpe_ratios, resampling, rng))


def _simulated(profits: FloatArray, parameters: TradeSimulationParameters, draw: Callable[[int], FloatArray]) -> TradeSimulation:
    if profits.ndim != 1 or len(profits) == 0 or not np.isfinite(profits).all():
        raise BadInputError(f"profits of shape {profits.shape} found; needed is at least one closed trade, all of them finite")
    simulated = [
        _paths(draw(part.resamples), parameters.cash) for part in portions(len(profits), Resampling(1.0, parameters.resamples))
    ]
    drawdown, fraction, final, lowest = np.concatenate(simulated, axis=1)
    observed = float(_paths(profits[np.newaxis], parameters.cash)[0, 0])
    # The same trades in another order sum up to another last digit, which must not decide a rank.
    dust = _ROUNDING * (parameters.cash + float(np.abs(profits).sum()))
    return TradeSimulation(
        observed_drawdown=observed,
        drawdown=_percentiles(drawdown),
        drawdown_fraction=_percentiles(fraction),
        drawdown_p_value=rank_p_value(observed - dust, drawdown),
        final_equity=_percentiles(final),
        ruin_probability=float(np.mean(lowest <= parameters.ruin_equity + dust)),
    )


def _paths(profits: FloatArray, cash: float) -> FloatArray:
    """float64[4, R]: drawdown, the same as a fraction, final and lowest equity of profits [R, N] earned one after the other."""
    equity = cash + np.cumsum(profits, axis=1)
    peak = np.maximum(np.maximum.accumulate(equity, axis=1), cash)
    fall = peak - equity
    return np.stack([fall.max(axis=1), (fall / peak).max(axis=1), equity[:, -1], equity.min(axis=1)])


def _percentiles(values: FloatArray) -> Percentiles:
    return Percentiles(*(float(value) for value in np.quantile(values, (0.05, 0.5, 0.95))))
