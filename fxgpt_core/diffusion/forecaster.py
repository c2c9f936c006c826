"""The diffusion model as a forecaster: one candle, one call, always in the same shapes, so that live equals backtest."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import polars as pl
import torch

from fxgpt_core import content_hash
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.diffusion.model import DiffusionModel
from fxgpt_core.diffusion.sampler import probability_flow_euler
from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.forecast import LEVELS, STEPS, Forecasts
from fxgpt_core.forecasts.volatility import WARM_UP, cumulative_scale
from fxgpt_core.market.sessions import stretch_starts
from fxgpt_core.networks.temporal_unet import N_TOKENS

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

SAMPLER = "probability_flow_euler, antithetic, random walk as control variate"
_NORMAL_QUANTILES = np.array([NormalDist().inv_cdf(level) for level in LEVELS.tolist()])


@dataclass(frozen=True)
class SamplingParameters:
    """How paths are drawn: `n_paths` (even: each noise and its mirror image) and the number of Euler `n_steps`."""

    n_paths: int = 64
    n_steps: int = 2

    def __post_init__(self) -> None:
        if self.n_paths < 2 or self.n_paths % 2 or self.n_steps < 1:
            raise BadInputError(f"{self} found; paths come in mirrored pairs (even, at least 2) and at least one step is needed")

    @property
    def sha256(self) -> str:
        """Identity of the sampler; a calibration holds for one sampler only."""
        return content_hash.of_json({"sampler": SAMPLER, **asdict(self)})


@dataclass(frozen=True, eq=False)
class DiffusionForecaster:
    """Forecasts by sampling `model`; the noise of a candle depends on the seed and the candle's time, and on nothing else."""

    model: DiffusionModel
    sampling: SamplingParameters = SamplingParameters()
    name: str = "diffusion"

    def forecast(
        self,
        features: pl.DataFrame,
        candles: CandleArrays,
        origins: IntArray,
        *,
        seed: int,
        progress: Callable[[int, int], None] | None = None,
    ) -> Forecasts:
        """Forecasts at the close of the candles `origins`, whose features need a whole context before them.

        `progress(done, total)` is told after each origin. Raises `BadInputError` for an origin that is not one of
        `possible_origins`.
        """
        inputs = model_inputs(self.model, features, candles)
        self._check(inputs, candles, origins)
        sigma = self.model.volatility.at_close(candles)
        ahead = self.model.volatility.ahead(candles, sigma, origins)
        scale = cumulative_scale(ahead)
        values = np.empty((len(origins), len(STEPS), len(LEVELS)))
        with _single_thread(), torch.inference_mode():
            self.model.network.eval()
            for i, origin in enumerate(origins.tolist()):
                noise = mirrored_noise(seed, int(candles.known_at_us[origin]), self.sampling.n_paths)
                values[i] = path_quantiles(self._paths(inputs, origin, noise) * ahead[i], noise * ahead[i], scale[i])
                if progress is not None:
                    progress(i + 1, len(origins))
        return Forecasts(
            symbol=self.model.symbol,
            timeframe=self.model.timeframe,
            known_at_us=candles.known_at_us[origins],
            close=candles.close[origins],
            steps=STEPS,
            levels=LEVELS,
            values=values,
            scale=scale,
        )

    def _paths(self, inputs: npt.NDArray[np.float32], origin: int, noise: npt.NDArray[np.float32]) -> FloatArray:
        """float64[P,24]: sampled increments in units of each candle's standard deviation, from noise float32[P,24]."""
        window = inputs[origin - self.model.parameters.context + 1 : origin + 1]
        # Cloned, because matrix kernels may round by where memory is aligned, and torch aligns its own always alike.
        context = self.model.network.encoder(torch.from_numpy(window.T).clone(memory_format=torch.contiguous_format)[None])
        sampled = probability_flow_euler(
            lambda x, angle: self.model.network.denoiser(x, angle, context),
            torch.from_numpy(noise).clone(),
            self.model.schedule,
            self.sampling.n_steps,
        )
        return sampled.numpy().astype(np.float64)

    def _check(self, inputs: npt.NDArray[np.float32], candles: CandleArrays, origins: IntArray) -> None:
        if str(candles.timeframe) != self.model.timeframe:
            raise BadInputError(f"candles of {candles.timeframe}, but the model was trained on {self.model.timeframe}")
        if len(origins) == 0 or origins.min() < 0 or origins.max() >= len(candles):
            found = f"origins {origins.min()} to {origins.max()}" if len(origins) else "no origin"
            raise BadInputError(f"{found} found among rows 0 to {len(candles) - 1}; choose among possible_origins")
        refused = origins[~whole_contexts(inputs, candles, self.model.parameters.context)[origins]]
        if len(refused):
            raise BadInputError(
                f"{len(refused)} of {len(origins)} origins have no whole context: {self._lack(inputs, int(refused[0]))}; "
                f"a forecast needs {self.model.parameters.context} candles with all features in a row and no hole within "
                f"{WARM_UP}; choose among possible_origins"
            )

    def _lack(self, inputs: npt.NDArray[np.float32], origin: int) -> str:
        """What the context of an origin lacks."""
        context = self.model.parameters.context
        start = max(0, origin - context + 1)
        incomplete = np.flatnonzero(~np.isfinite(inputs[start : origin + 1]).all(axis=1))
        if len(incomplete) == 0:
            return f"too few candles lie between row {origin} and the start or hole before it"
        row = start + int(incomplete[-1])
        names = [name for name, known in zip(self.model.scaler.columns, np.isfinite(inputs[row]), strict=True) if not known]
        return f"row {origin} reads row {row}, which lacks {', '.join(names[:5])}"


def model_inputs(model: DiffusionModel, features: pl.DataFrame, candles: CandleArrays) -> npt.NDArray[np.float32]:
    """float32[N,F]: what the context encoder reads of each candle; NaN where a feature is missing. Raises `BadInputError`."""
    if features.height != len(candles):
        raise BadInputError(f"{features.height} feature rows for {len(candles)} candles; compute them from the same candles")
    return model.scaler.scaled(features)


def whole_contexts(inputs: npt.NDArray[np.float32], candles: CandleArrays, context: int) -> npt.NDArray[np.bool_]:
    """bool[N]: may a window of `context` rows of inputs float32[N,F] end here?

    All its rows have their features and lie in one stretch of candles, which is long enough to know the volatility.
    """
    rows = np.arange(len(candles))
    starts = stretch_starts(candles.open_time_us, candles.timeframe)
    last_incomplete = np.maximum.accumulate(np.where(np.isfinite(inputs).all(axis=1), -1, rows))
    n_complete = rows - np.maximum(starts - 1, last_incomplete)
    whole: npt.NDArray[np.bool_] = (n_complete >= context) & (rows - starts >= WARM_UP)
    return whole


def possible_origins(model: DiffusionModel, inputs: npt.NDArray[np.float32], candles: CandleArrays) -> IntArray:
    """int64[M]: the rows at which the model can make a forecast, from its inputs float32[N,F]."""
    return np.flatnonzero(whole_contexts(inputs, candles, model.parameters.context))


def path_quantiles(increments: FloatArray, walks: FloatArray, scale: FloatArray) -> FloatArray:
    """float64[24,L]: quantiles at `LEVELS` of the cumulative log-return, from increments float64[P,24] of P paths.

    `walks` float64[P,24] are the increments of a random walk with the same noise and `scale` float64[24] its known standard
    deviation: a control variate (Hsu & Nelson 1990). What P walks miss of their known quantiles, the paths miss as well, as
    far as they move together; so P paths are worth many more, and an untrained network is the random walk exactly.
    """
    paths, control = np.cumsum(increments, axis=1), np.cumsum(walks, axis=1)
    moved = ((paths - paths.mean(axis=0)) * control).sum(axis=0) / (control**2).sum(axis=0)
    missed = scale[:, None] * _NORMAL_QUANTILES - np.quantile(control, LEVELS, axis=0).T
    quantiles = np.quantile(paths, LEVELS, axis=0).T + np.maximum(moved, 0.0)[:, None] * missed
    return np.sort(quantiles, axis=1)


def mirrored_noise(seed: int, known_at_us: int, n_paths: int) -> npt.NDArray[np.float32]:
    """float32[P,24]: standard normal noise of one candle, the second half the mirror image of the first.

    It depends on the seed and the candle's time alone.
    """
    generator = np.random.Generator(np.random.Philox(key=[seed, known_at_us]))
    half = generator.standard_normal((n_paths // 2, N_TOKENS)).astype(np.float32)
    return np.concatenate([half, -half])


@contextmanager
def _single_thread() -> Iterator[None]:
    # Sums split over threads round differently; with one thread a forecast is the same on every machine with this build.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
