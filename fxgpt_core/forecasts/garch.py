"""GARCH(1,1) with Student's t: the classic that a model of volatility has to beat."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.forecast import Forecasts, forecasts_at
from fxgpt_core.forecasts.horizons import steps_of
from fxgpt_core.forecasts.simulation import Simulation, t_shocks
from fxgpt_core.forecasts.volatility import Volatility

FloatArray = npt.NDArray[np.float64]

FEWEST_RETURNS = 500


@dataclass(frozen=True, eq=False)
class Garch:
    """Deseasonalised return e = √h·z, h ← omega + alpha·e² + beta·h (Bollerslev 1986), z of Student's t; quantiles are simulated.

    `start`: the variance that the recursion starts from, that of the training span.
    """

    symbol: str
    volatility: Volatility
    simulation: Simulation
    start: float
    name: str = "garch-t"

    def variance_at_close(self, candles: CandleArrays) -> FloatArray:
        """float64[N]: variance of the next deseasonalised return, run forward one candle at a time."""
        rule, h = self.simulation, self.start
        variance = np.empty(len(candles))
        for t, square in enumerate((self.volatility.deseasonalised(candles) ** 2).tolist()):
            h = rule.omega + rule.alpha * square + rule.beta * h
            variance[t] = h
        return variance

    def forecast(self, features: pl.DataFrame, candles: CandleArrays, origins: npt.NDArray[np.int64], *, seed: int) -> Forecasts:
        """Quantiles of simulated paths; `features` are not needed. Raises `BadInputError` inside the warm-up."""
        del features
        scale = self.volatility.scale(candles, origins)
        values = self.simulation.quantiles(
            self.variance_at_close(candles)[origins],
            self.volatility.season_ahead(candles, origins),
            candles.known_at_us[origins],
            steps_of(candles.timeframe),
            seed,
        )
        return forecasts_at(self.symbol, candles, origins, values, scale)


def fit_garch(symbol: str, candles: CandleArrays, volatility: Volatility) -> Garch:
    """Maximum likelihood on the candles of a training span, from which `volatility` was fitted.

    Raises `BadInputError` for a span that is too short, and when the likelihood finds no maximum.
    """
    # Seconds of import, needed here only.
    from arch import arch_model
    from threadpoolctl import threadpool_limits

    if len(candles) < FEWEST_RETURNS:
        raise BadInputError(f"{len(candles)} candles found; GARCH needs {FEWEST_RETURNS}; give a longer training span")
    returns = volatility.deseasonalised(candles)[1:]
    unit = float(returns.std())
    model = arch_model(returns / unit, mean="Zero", vol="GARCH", dist="t", rescale=False)
    # The search takes other steps with other threads: with one, the same candles give the same parameters to the last bit.
    with threadpool_limits(1):
        found = model.fit(disp="off", show_warning=False)
    if found.convergence_flag != 0:
        raise BadInputError(
            f"the likelihood of GARCH found no maximum on {len(candles)} candles of {symbol} "
            f"(code {found.convergence_flag}); give a longer training span"
        )
    omega, alpha, beta, degrees = (float(found.params[name]) for name in ("omega", "alpha[1]", "beta[1]", "nu"))
    return Garch(symbol, volatility, Simulation(omega * unit**2, alpha, beta, t_shocks(degrees)), unit**2)
