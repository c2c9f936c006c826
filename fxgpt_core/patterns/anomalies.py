"""Anomalies: windows of candles that an autoencoder, trained on normal history, cannot put together again.

The network is plain arrays and one compiled function here; torch is where it is trained. N candles, C
channels, W candles a window.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.compiled import compiled
from fxgpt_core.errors import RefusedError
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.patterns.anomaly_channels import LOOKBACK, Floats, Usual, channels

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class Layer(NamedTuple):
    """x · `weight` float32[D,D'] + `bias` float32[D']; a hyperbolic tangent follows all but the last."""

    weight: Floats
    bias: Floats


@dataclass(frozen=True, eq=False)
class AnomalyModel:
    """An autoencoder of windows of `window` candles of one symbol and timeframe, and the `threshold` of its error.

    `layers`: from W·C inputs, candle after candle, to as many outputs.
    """

    symbol: str
    timeframe: Timeframe
    window: int
    threshold: float
    usual: Usual
    layers: tuple[Layer, ...]

    @property
    def candles_needed(self) -> int:
        """Candles, the one asked for among them, that its row depends on: with no hole between them it is known."""
        return LOOKBACK + 1 + self.window


@dataclass(frozen=True, eq=False)
class AnomalySeries:
    """Of each of N candles, at its close: `error` float64[N] of the window that ends with it, and `ratio` float64[N], that over
    the threshold, both NaN where not known; `flagged` bool[N], the ratio is above 1.
    """

    error: FloatArray
    ratio: FloatArray
    flagged: npt.NDArray[np.bool_]

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """bool[N]: the error is known."""
        return np.isfinite(self.error)


def anomaly_of(model: AnomalyModel, candles: CandleArrays) -> AnomalySeries:
    """How unlike normal history the window that ends with each candle is.

    The error is the root mean square of input less reconstruction, over candles and channels, in deviations of these: an average
    window would have 1 if nothing had been learned. Row i depends on the `candles_needed` rows up to i, and on nothing else.
    Raises `RefusedError` for candles of another timeframe.
    """
    if candles.timeframe != model.timeframe:
        raise RefusedError(
            f"the candles are of {candles.timeframe}, the autoencoder learned {model.timeframe}; "
            f"materialize pattern_autoencoder for {model.symbol} {candles.timeframe} and use that"
        )
    inputs = model.usual.inputs(channels(candles), candles.open_time_us)
    error = np.full(len(candles), np.nan)
    ends = window_ends(inputs, model.window)
    error[ends] = reconstruction_errors(inputs, ends, model.window, model.layers)
    ratio = error / model.threshold
    return AnomalySeries(error, ratio, ratio > 1.0)


def window_ends(values: Floats | FloatArray, window: int) -> IntArray:
    """int64[M]: rows of channels [N,C] at which a window without a missing value ends; it then lies in one stretch."""
    missing = np.concatenate(([0], np.cumsum(~np.isfinite(values).all(axis=1))))
    return np.flatnonzero(missing[window:] == missing[:-window]) + (window - 1)


@compiled
def reconstruction_errors(inputs: Floats, ends: IntArray, window: int, layers: tuple[Layer, ...]) -> FloatArray:
    """float64[M]: root mean square of the windows float32[W,C] that end at these rows less what the layers make of them."""
    found = np.empty(len(ends))
    for m in range(len(ends)):
        x = inputs[ends[m] - window + 1 : ends[m] + 1].copy().reshape(-1)
        hidden = x
        for depth, layer in enumerate(layers):
            hidden = _linear(layer, hidden)
            if depth + 1 < len(layers):
                for j in range(len(hidden)):
                    hidden[j] = np.tanh(hidden[j])
        total = 0.0
        for j in range(len(x)):
            total += (np.float64(x[j]) - np.float64(hidden[j])) ** 2
        found[m] = np.sqrt(total / len(x))
    return found


@compiled
def _linear(layer: Layer, x: Floats) -> Floats:
    found = layer.bias.copy()
    for i in range(len(x)):
        for j in range(len(found)):
            found[j] += x[i] * layer.weight[i, j]
    return found
