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
from fxgpt_core.diffusion.model import DiffusionModel, input_names, network_inputs, require_same_rows
from fxgpt_core.diffusion.paths import PathSampler, sampler_of
from fxgpt_core.diffusion.sampling_parameters import SamplingParameters
from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.forecast import LEVELS, Forecasts
from fxgpt_core.forecasts.horizons import steps_of
from fxgpt_core.forecasts.relative_volatility import known_volatility
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

    @property
    def sampling_sha256(self) -> str:
        """Identity of how quantiles come from the model."""
        return self.sampling.sha256

    @cached_property
    def sampler(self) -> PathSampler:
        """Draws the paths."""
        return sampler_of(self.model, self.sampling)

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
        known = known_at(self.model, features, candles, origins)
        values = np.empty((*known.ahead.shape, len(LEVELS)))
        with single_thread(), torch.inference_mode():
            for i, known_at_us in enumerate(known.known_at_us.tolist()):
                noise = self.sampler.noise(seed, known_at_us, self.model.parameters.n_tokens)
                values[i] = self.sampler.quantiles(known.context(i), noise, known.ahead[i], known.walk[i])
                if progress is not None:
                    progress(i + 1, len(origins))
        return known.forecasts(values)


@dataclass(frozen=True, eq=False)
class Known:
    """What a model knows at N origins: `inputs` float32[R,F] of the candles from the first context to the last origin, whose rows
    in them are `rows` int64[N]; when each origin is known and its close [N]; deviations of each token float64[N,T]: `ahead`, and
    that of the random walk, `walk`.
    """

    model: DiffusionModel
    inputs: npt.NDArray[np.float32]
    rows: IntArray
    known_at_us: IntArray
    close: FloatArray
    steps: npt.NDArray[np.int32]
    ahead: FloatArray
    walk: FloatArray

    def context(self, origin: int) -> npt.NDArray[np.float32]:
        """float32[L,F]: the inputs that the encoder reads of one of the N origins."""
        end = int(self.rows[origin]) + 1
        return self.inputs[end - self.model.parameters.context : end]

    def forecasts(self, values: FloatArray) -> Forecasts:
        """The forecasts whose quantiles are `values` float64[N,T,L] at `LEVELS`."""
        return Forecasts(
            symbol=self.model.symbol,
            timeframe=self.model.timeframe,
            known_at_us=self.known_at_us,
            close=self.close,
            steps=self.steps,
            levels=LEVELS,
            values=values,
            scale=cumulative_scale(self.walk),
        )


def known_at(model: DiffusionModel, features: pl.DataFrame, candles: CandleArrays, origins: IntArray) -> Known:
    """What the model knows at the close of the candles `origins`. Raises `BadInputError` unless they are `possible_origins`."""
    if str(candles.timeframe) != model.timeframe:
        raise BadInputError(f"candles of {candles.timeframe}, but the model was trained on {model.timeframe}")
    if len(origins) == 0 or origins.min() < 0 or origins.max() >= len(candles):
        found = f"origins {origins.min()} to {origins.max()}" if len(origins) else "no origin"
        raise BadInputError(f"{found} found among rows 0 to {len(candles) - 1}; choose among possible_origins")
    require_same_rows(features, candles)
    # Of a long series one forecast reads only the end; the volatility alone has seen it all.
    first, stop = max(0, int(origins.min()) - max(model.parameters.context, WARM_UP)), int(origins.max()) + 1
    near, rows = candles.slice(first, stop), origins - first
    known = known_volatility(candles.slice(0, stop), model.volatility, first)
    inputs = network_inputs(model.scaler, features.slice(first, stop - first), known.relative)
    _require_whole(model, inputs, near, rows, first)
    walk = model.volatility.ahead(near, known.sigma, rows)
    return Known(
        model=model,
        inputs=inputs,
        rows=rows,
        known_at_us=candles.known_at_us[origins],
        close=candles.close[origins],
        steps=steps_of(candles.timeframe),
        ahead=walk * model.regression.factors(inputs[rows]),
        walk=walk,
    )


def _require_whole(
    model: DiffusionModel, inputs: npt.NDArray[np.float32], candles: CandleArrays, rows: IntArray, first: int
) -> None:
    """Refuse origins without a whole context; the inputs and candles begin at row `first` of the series."""
    context = model.parameters.context
    refused = rows[~whole_contexts(inputs, candles, context)[rows]]
    if len(refused) == 0:
        return
    start = max(0, int(refused[0]) - context + 1)
    incomplete = np.flatnonzero(~np.isfinite(inputs[start : refused[0] + 1]).all(axis=1))
    if len(incomplete) == 0:
        lack = f"too few candles lie between row {first + refused[0]} and the start or hole before it"
    else:
        row = start + int(incomplete[-1])
        names = [name for name, known in zip(input_names(model.scaler), np.isfinite(inputs[row]), strict=True) if not known]
        lack = f"row {first + refused[0]} reads row {first + row}, which lacks {', '.join(names[:5])}"
    raise BadInputError(
        f"{len(refused)} of {len(rows)} origins have no whole context: {lack}; a forecast needs {context} candles with all "
        f"features in a row and no hole within {WARM_UP}; choose among possible_origins"
    )


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


def possible_origins(model: DiffusionModel, features: pl.DataFrame, candles: CandleArrays) -> IntArray:
    """int64[M]: the rows of the candles, whose features these are, at which the model can make a forecast."""
    return np.flatnonzero(whole_contexts(model.inputs(features, candles), candles, model.parameters.context))


@contextmanager
def single_thread() -> Iterator[None]:
    """Torch with one thread: sums split over several round differently, and a forecast is to be the same everywhere."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
