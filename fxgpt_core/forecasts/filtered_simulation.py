"""Filtered historical simulation: the shocks are those of the past, the volatility is that of now."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.forecast import Forecasts, forecasts_at
from fxgpt_core.forecasts.horizons import steps_of
from fxgpt_core.forecasts.simulation import Simulation, empirical_shocks
from fxgpt_core.forecasts.volatility import WARM_UP, Volatility

FEWEST_RESIDUALS = 500


@dataclass(frozen=True, eq=False)
class FilteredSimulation:
    """Standardised residuals of the training span, drawn again (Barone-Adesi, Giannopoulos & Vosper 1999).

    Along a path the volatility follows its own EWMA. `spread`: root mean square of the residuals, 1 if the volatility is right.
    """

    symbol: str
    volatility: Volatility
    simulation: Simulation
    spread: float
    name: str = "filtered simulation"

    def forecast(self, features: pl.DataFrame, candles: CandleArrays, origins: npt.NDArray[np.int64], *, seed: int) -> Forecasts:
        """Quantiles of simulated paths; `features` are not needed. Raises `BadInputError` inside the warm-up."""
        del features
        scale = self.volatility.scale(candles, origins)
        sigma = self.spread * self.volatility.at_close(candles)[origins]
        values = self.simulation.quantiles(
            sigma**2,
            self.volatility.season_ahead(candles, origins),
            candles.known_at_us[origins],
            steps_of(candles.timeframe),
            seed,
        )
        return forecasts_at(self.symbol, candles, origins, values, scale)


def fit_filtered_simulation(symbol: str, candles: CandleArrays, volatility: Volatility) -> FilteredSimulation:
    """The residuals of the candles of a training span, each return over the volatility and season known before it.

    Raises `BadInputError` for a span with too few of them.
    """
    residuals = volatility.standardised(candles)[WARM_UP + 1 :]
    if len(residuals) < FEWEST_RESIDUALS:
        raise BadInputError(
            f"{len(residuals)} residuals found; filtered simulation needs {FEWEST_RESIDUALS}; give a longer training span"
        )
    rule = Simulation(0.0, 1.0 - volatility.decay, volatility.decay, empirical_shocks(residuals))
    return FilteredSimulation(symbol, volatility, rule, float(np.std(residuals)))
