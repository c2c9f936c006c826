"""A fitted regime model: plain numbers, kept as JSON, and the causal series of regimes that it gives for any candles."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from fxgpt_core import content_hash
from fxgpt_core.candles.arrays import CandleArrays, candle_arrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.timeframes import Timeframe, timeframe
from fxgpt_core.regimes import forward_filter
from fxgpt_core.regimes.observations import observations, standardised
from fxgpt_core.regimes.regime import REGIMES
from fxgpt_core.regimes.regime_parameters import RegimeParameters
from fxgpt_core.regimes.regime_series import RegimeSeries

FloatArray = npt.NDArray[np.float64]
ARRAYS = ("start", "transition", "means", "covariances", "observed_mean", "observed_deviation")
SOUND = 1e-9


@dataclass(frozen=True)
class FittedOn:
    """How a model came about: candles [first, last] known at these µs, the log-likelihood a candle of each restart (None: refused
    as degenerate), the iterations of the one taken, and whether these came to an end by themselves.
    """

    n_candles: int
    first_us: int
    last_us: int
    seed: int
    log_likelihoods: tuple[float | None, ...]
    n_iterations: int
    converged: bool


@dataclass(frozen=True, eq=False)
class RegimeModel:
    """K hidden states of D standardised observations, and the regime of each.

    `start` [K]: how often each state is. `transition` [K,K]: from row to column. `means` [K,D] and `covariances` [K,D,D] are of
    (observation − `observed_mean`) / `observed_deviation`, both [D], of the train span. Raises `BadInputError` for numbers that
    are no hidden Markov model.
    """

    timeframe: Timeframe
    parameters: RegimeParameters
    regimes: tuple[int, ...]
    start: FloatArray
    transition: FloatArray
    means: FloatArray
    covariances: FloatArray
    observed_mean: FloatArray
    observed_deviation: FloatArray
    fitted_on: FittedOn

    def __post_init__(self) -> None:
        k, d = self.means.shape
        shapes = ((k,), (k, k), (k, d), (k, d, d), (d,), (d,))
        arrays = [getattr(self, name) for name in ARRAYS]
        if (
            tuple(array.shape for array in arrays) != shapes
            or len(self.regimes) != k
            or not all(np.isfinite(array).all() for array in arrays)
            or min(self.start.min(), self.transition.min(), self.observed_deviation.min()) <= 0.0
            or max(abs(self.start.sum() - 1.0), *np.abs(self.transition.sum(axis=1) - 1.0)) > SOUND
        ):
            raise BadInputError(
                f"a regime model of {k} states and arrays of the shapes {[array.shape for array in arrays]} found; {shapes} are "
                "needed, of finite numbers, probabilities above 0 that sum to 1, and a regime a state; fit it again"
            )

    def series(self, candles: CandleArrays) -> RegimeSeries:
        """The regime of each of N candles, by what was known at its close, in tens of milliseconds for 40,000.

        Row i depends on the `candles_needed` candles up to i, and is equal to the last bit whatever comes before or after them.
        Raises `BadInputError` for candles of another timeframe.
        """
        if candles.timeframe != self.timeframe:
            raise BadInputError(
                f"candles of {candles.timeframe} found; this model was fitted on {self.timeframe}; give those, or fit another"
            )
        observed = standardised(observations(candles, self.parameters), self.observed_mean, self.observed_deviation)
        probability, regime = np.empty((len(candles), len(REGIMES))), np.empty(len(candles), dtype=np.int8)
        for begin, first, stop in forward_filter.blocks(candles.open_time_us, self.timeframe):
            found = forward_filter.filtered(observed[begin:stop], *self._filter_arrays)
            believed = forward_filter.dwelt(found, self.parameters.min_dwell)
            probability[first:stop], regime[first:stop] = found[first - begin :], believed[first - begin :]
        return RegimeSeries(candles.known_at_us, regime, probability)

    def frame(self, candles: pl.DataFrame) -> pl.DataFrame:
        """`series` of a checked candle frame: open_time, known_at, `regime` as code, and a column of each probability."""
        series = self.series(candle_arrays(candles, self.timeframe))
        times = candles.select("open_time", known_at=pl.col("open_time") + self.timeframe.duration)
        probabilities = [pl.Series(name, series.probability[:, code]) for code, name in enumerate(REGIMES)]
        return times.hstack([pl.Series("regime", series.regime), *probabilities])

    @property
    def candles_needed(self) -> int:
        """How many candles up to and with the last one determine its regime, to the last bit."""
        return forward_filter.most_candles(self.timeframe) + self.parameters.trend_span

    @cached_property
    def sha256(self) -> str:
        """The hash of `to_json`."""
        return content_hash.of_bytes(self.to_json().encode())

    def to_json(self) -> str:
        """The canonical JSON text; floats come back bit for bit."""
        return content_hash.canonical_json(self.values())

    def values(self) -> dict[str, Any]:
        """The model as values of JSON."""
        return {
            "timeframe": str(self.timeframe),
            "parameters": asdict(self.parameters),
            "regimes": [REGIMES[code] for code in self.regimes],
            "fitted_on": asdict(self.fitted_on) | {"log_likelihoods": list(self.fitted_on.log_likelihoods)},
            **{name: getattr(self, name).tolist() for name in ARRAYS},
        }

    @staticmethod
    def from_json(text: str) -> "RegimeModel":
        """The model of a text as `to_json` gives it. Raises `BadInputError` for anything else."""
        try:
            return _model_of(json.loads(text))
        except (KeyError, TypeError, ValueError) as error:
            raise BadInputError(
                f"this is no regime model ({type(error).__name__}: {error}); the JSON text of one is needed; fit it again"
            ) from error

    @cached_property
    def _filter_arrays(self) -> tuple[npt.NDArray[Any], ...]:
        whitening = np.ascontiguousarray(np.linalg.inv(np.linalg.cholesky(self.covariances)))
        return self.start, self.transition, self.means, whitening, np.array(self.regimes, dtype=np.int64)


def _model_of(values: Mapping[str, Any]) -> RegimeModel:
    fitted_on = values["fitted_on"]
    return RegimeModel(
        timeframe=timeframe(values["timeframe"]),
        parameters=RegimeParameters(**values["parameters"]),
        regimes=tuple(REGIMES.index(name) for name in values["regimes"]),
        fitted_on=FittedOn(**fitted_on | {"log_likelihoods": tuple(fitted_on["log_likelihoods"])}),
        **{name: np.array(values[name], dtype=np.float64) for name in ARRAYS},
    )
