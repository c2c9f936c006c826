"""The diffusion model as a forecaster: one candle, one call, always in the same shapes, so that live equals backtest."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl
import torch

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.diffusion.model import DiffusionModel
from fxgpt_core.diffusion.paths import PathSampler, path_quantiles
from fxgpt_core.diffusion.sampling_parameters import SamplingParameters
from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.forecast import LEVELS, Forecasts
from fxgpt_core.forecasts.horizons import steps_of
from fxgpt_core.forecasts.volatility import WARM_UP, cumulative_scale
from fxgpt_core.market.sessions import stretch_starts

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

DEFAULT = SamplingParameters()


@dataclass(frozen=True, eq=False)
class DiffusionForecaster:
    """Forecasts by sampling `model`; the noise of a candle depends on the seed and the candle's time, and on nothing else."""

    model: DiffusionModel
    sampling: SamplingParameters = DEFAULT

    @property
    def name(self) -> str:
        """The kind of its network."""
        return self.model.parameters.kind

    @cached_property
    def sampler(self) -> PathSampler:
        """Draws the paths."""
        return PathSampler(self.model.members, self.model.shrink, self.model.schedule, self.sampling)

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
        values = np.empty((*ahead.shape, len(LEVELS)))
        with _single_thread(), torch.inference_mode():
            for member in self.model.members:
                member.eval()
            for i, origin in enumerate(origins.tolist()):
                paths, walks = self._drawn(inputs, candles, origin, seed)
                values[i] = path_quantiles(paths * ahead[i], walks * ahead[i], self.sampler.walk_deviation * scale[i])
                if progress is not None:
                    progress(i + 1, len(origins))
        return Forecasts(
            symbol=self.model.symbol,
            timeframe=self.model.timeframe,
            known_at_us=candles.known_at_us[origins],
            close=candles.close[origins],
            steps=steps_of(candles.timeframe),
            levels=LEVELS,
            values=values,
            scale=scale,
        )

    def _drawn(
        self, inputs: npt.NDArray[np.float32], candles: CandleArrays, origin: int, seed: int
    ) -> tuple[FloatArray, FloatArray]:
        """The increments of an origin's paths float64[K·P,T], and of the walks float64[P,T] with the same noise."""
        parameters = self.model.parameters
        noise = self.sampler.noise(seed, int(candles.known_at_us[origin]), parameters.n_tokens)
        return self.sampler.paths(inputs[origin - parameters.context + 1 : origin + 1], noise), self.sampler.walks(noise)

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


@contextmanager
def _single_thread() -> Iterator[None]:
    # Sums split over threads round differently; with one thread a forecast is the same on every machine with this build.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
