"""The methods of the exchange-rate benchmark: paths of eight prices from what was known at a row."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import torch
from arch import arch_model
from scipy.signal import lfilter
from scipy.stats import norm
from scipy.stats import t as t_distribution

from benchmarks.exchange_rate_data import AHEAD, FIRST_TEST_ROW, FloatArray, PriceForecast, Rates, forecast_of_paths
from fxgpt_core.diffusion.model import CLIP, untrained
from fxgpt_core.diffusion.paths import PathSampler
from fxgpt_core.diffusion.sampling_parameters import SamplingParameters
from fxgpt_core.forecasts.dependence import coupled, residual_correlation
from fxgpt_core.forecasts.horizons import Part
from fxgpt_core.training.loop import fit
from fxgpt_core.training.shrinkage import SAMPLING as JUDGED_BY
from fxgpt_core.training.shrinkage import Evidence, chosen_shrinkage
from fxgpt_core.training.surroundings import TrainingProgress
from fxgpt_core.training.training_parameters import TrainingParameters
from fxgpt_core.training.windows import Windows, together

DECAY, SLOW_DECAY = 0.97, 0.998
FLOOR_OF_SLOW, SMALLEST = 0.15, 1e-6
DECAYS = (0.8, 0.94, 0.99, 0.998)
PATHS = 500
CORRELATED_ROWS = 500
SEASON = 5
SAMPLING = SamplingParameters(n_paths=PATHS, n_steps=4)


@dataclass(frozen=True, eq=False)
class Known:
    """What every method may know at a row: returns float64[R,8], and the deviation of the next one, float64[R,8]."""

    rates: Rates

    @cached_property
    def returns(self) -> FloatArray:
        """float64[R,8]: log-returns, 0 in the first row."""
        return np.diff(self.rates.logs, axis=0, prepend=self.rates.logs[:1])

    def ewma(self, decay: float) -> FloatArray:
        """float64[R,8]: root of the exponential average of squared returns, this row's included."""
        squares = self.returns**2
        start = squares[1:61].mean(axis=0)
        averaged, _ = lfilter([1.0 - decay], [1.0, -decay], squares, axis=0, zi=decay * start[None])
        deviation: FloatArray = np.sqrt(averaged)
        return deviation

    @cached_property
    def sigma(self) -> FloatArray:
        """float64[R,8]: deviation of the next return; a peg that stood still for months has a floor."""
        return np.maximum(self.ewma(DECAY), FLOOR_OF_SLOW * self.ewma(SLOW_DECAY)) + SMALLEST

    @cached_property
    def residuals(self) -> FloatArray:
        """float64[R,8]: returns over the deviation known before them."""
        before = np.vstack([self.sigma[:1], self.sigma[:-1]])
        return np.clip(self.returns / before, -CLIP, CLIP)

    def noise(self, row: int, seed: int) -> FloatArray:
        """float64[PATHS,8,30]: standard normal, mirrored, correlated over the series as their latest residuals were."""
        generator = np.random.Generator(np.random.Philox(key=[seed, row]))
        half = generator.standard_normal((PATHS // 2, len(self.rates.prices[0]), AHEAD))
        correlation = residual_correlation(self.residuals[row - CORRELATED_ROWS + 1 : row + 1])
        return coupled(np.concatenate([half, -half]), correlation)

    def prices(self, row: int, increments: FloatArray) -> FloatArray:
        """float64[P,8,30]: prices from increments float64[P,8,30] in units of the deviation known at the row."""
        returns = np.cumsum(increments * self.sigma[row][:, None], axis=2)
        prices: FloatArray = np.exp(self.rates.logs[row][:, None] + returns)
        return prices


Method = Callable[[int], PriceForecast]


def seasonal_naive(known: Known) -> Method:
    """The last five rows again and again."""
    return lambda row: forecast_of_paths(np.tile(known.rates.prices[row - SEASON + 1 : row + 1].T, AHEAD // SEASON)[None])


def random_walk(known: Known, seed: int) -> Method:
    """EWMA random walk without drift; quantiles of each series exact, of the sum from paths."""
    normal = np.array([NormalDist().inv_cdf(level / 10.0) for level in range(1, 10)])

    def forecast(row: int) -> PriceForecast:
        scale = known.sigma[row][:, None] * np.sqrt(np.arange(1, AHEAD + 1))
        exact = np.exp(known.rates.logs[row][:, None, None] + scale[:, :, None] * normal)
        return PriceForecast(exact, forecast_of_paths(known.prices(row, known.noise(row, seed))).sums)

    return forecast


def bootstrap(known: Known, seed: int) -> Method:
    """Filtered historical simulation: whole rows of the last 500 residuals, with the volatility of now."""

    def forecast(row: int) -> PriceForecast:
        generator = np.random.Generator(np.random.Philox(key=[seed, row]))
        pool = known.residuals[row - CORRELATED_ROWS + 1 : row + 1]
        drawn = pool[generator.integers(0, len(pool), (PATHS, AHEAD))] - np.median(pool, axis=0)
        return forecast_of_paths(known.prices(row, np.moveaxis(drawn, 2, 1)))

    return forecast


def garch_t(known: Known, seed: int) -> Method:
    """GARCH(1,1) with Student's t, fitted by `arch` on the rows before the first test window and filtered from there on."""
    fitted = [fit_garch(known.returns[1:FIRST_TEST_ROW, series]) for series in range(8)]
    variance = np.stack([garch_variance(one, known.returns[:, series]) for series, one in enumerate(fitted)], axis=1)

    def forecast(row: int) -> PriceForecast:
        uniform = norm.cdf(known.noise(row, seed))
        returns = np.empty(uniform.shape)
        for series, one in enumerate(fitted):
            shocks = t_distribution.ppf(uniform[:, series], one.nu) * np.sqrt((one.nu - 2.0) / one.nu)
            now = np.full(PATHS, variance[row, series])
            for step in range(AHEAD):
                returns[:, series, step] = np.sqrt(now) * shocks[:, step]
                now = one.omega + one.alpha * returns[:, series, step] ** 2 + one.beta * now
        return forecast_of_paths(np.exp(known.rates.logs[row][:, None] + np.cumsum(returns, axis=2)))

    return forecast


@dataclass(frozen=True)
class Garch:
    """σ²_{t+1} = ω + α·r_t² + β·σ²_t, shocks Student's t of ν degrees, scaled to unit variance."""

    omega: float
    alpha: float
    beta: float
    nu: float


def fit_garch(returns: FloatArray) -> Garch:
    """Maximum likelihood by `arch`, which wants returns of about the size of 1."""
    size = 1.0 / returns.std()
    found = arch_model(returns * size, mean="Zero", vol="GARCH", p=1, q=1, dist="t").fit(disp="off", show_warning=False).params
    return Garch(float(found["omega"]) / size**2, float(found["alpha[1]"]), float(found["beta[1]"]), float(found["nu"]))


def garch_variance(garch: Garch, returns: FloatArray) -> FloatArray:
    """float64[R]: variance of the return behind each row."""
    driven = garch.omega + garch.alpha * returns**2
    start = np.array([garch.beta * float(np.var(returns[1:61]))])
    variance: FloatArray = lfilter([1.0], [1.0, -garch.beta], driven, zi=start)[0]
    return variance


@dataclass(frozen=True, eq=False)
class Diffusion:
    """A trained denoiser of all eight series, and how it came to be."""

    forecast: Method
    shrink: float
    cpu_seconds: float
    best_step: int


def diffusion(
    known: Known, parameters: TrainingParameters, seed: int, progress: Callable[[TrainingProgress], None] = lambda _: None
) -> Diffusion:
    """Trained on the rows before the first test window; its last share of windows stops training and chooses the shrinkage."""
    started = time.process_time()
    inputs = model_inputs(known)
    parts = [windows_of(known, inputs, series, parameters.context).divided(parameters.validation_share) for series in range(8)]
    training, validation = (together([part[side] for part in parts]) for side in (0, 1))
    sizes = parameters.network(inputs.shape[2], AHEAD)
    network, losses = fit(untrained(sizes, seed), training, validation, parameters, seed=seed, progress=progress)
    unit = np.ones(AHEAD)
    whole = PathSampler((network.eval(),), unit, unit, parameters.schedule, JUDGED_BY)
    chosen = chosen_shrinkage(whole, Evidence(validation), {"month": Part(slice(0, AHEAD), AHEAD)}, seed)
    shrink, lean = chosen.shrink["month"], chosen.lean["month"]
    sampler = replace(whole, shrink=shrink * unit, lean=lean * unit, sampling=SAMPLING)

    def forecast(row: int) -> PriceForecast:
        noise = known.noise(row, seed).astype(np.float32)
        with torch.inference_mode():
            drawn = [
                sampler.sums(inputs[series, row - parameters.context + 1 : row + 1], noise[None, :, series], unit, unit)
                for series in range(8)
            ]
        return forecast_of_paths(known.prices(row, np.diff(np.stack(drawn, axis=1), prepend=0.0)))

    best = min(losses, key=lambda point: point.validation).step
    return Diffusion(forecast, shrink, time.process_time() - started, best)


def model_inputs(known: Known) -> npt.NDArray[np.float32]:
    """float32[8,R,F]: residuals, how the volatility of other spans relates to that in use, all series' mean, and the series."""
    ratios = [np.log((known.ewma(decay) + SMALLEST) / known.sigma) for decay in DECAYS]
    common = np.repeat(known.residuals.mean(axis=1, keepdims=True), 8, axis=1)
    columns = np.stack([known.residuals, np.abs(known.residuals) - 0.8, common, *ratios], axis=2)
    identity = np.repeat(np.eye(8)[:, None, :], len(columns), axis=1)
    return np.concatenate([np.moveaxis(columns, 1, 0), identity], axis=2).clip(-CLIP, CLIP).astype(np.float32)


def windows_of(known: Known, inputs: npt.NDArray[np.float32], series: int, context: int) -> Windows:
    """The windows of one series whose paths end before the first test row."""
    origins = np.arange(max(context, CORRELATED_ROWS), FIRST_TEST_ROW - AHEAD)
    ahead = np.repeat(known.sigma[origins, series][:, None], AHEAD, axis=1)
    returns = known.returns[origins[:, None] + np.arange(1, AHEAD + 1), series]
    return Windows(
        inputs=torch.from_numpy(inputs[series]),
        targets=torch.from_numpy(np.clip(returns / ahead, -CLIP, CLIP).astype(np.float32)),
        ahead=torch.from_numpy(ahead.astype(np.float32)),
        origins=torch.from_numpy(origins),
        context=context,
        reach=AHEAD,
    )
