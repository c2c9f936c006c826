"""What an autoencoder is trained on: the windows of normal history, and those behind them that judge it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fxgpt_core import content_hash
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.patterns.anomalies import window_ends
from fxgpt_core.patterns.anomaly_channels import LOOKBACK, Floats, Usual, channels, fit_usual
from fxgpt_core.training.autoencoder_parameters import AutoencoderParameters

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class AutoencoderWindows:
    """`inputs` float32[N,C] of a span by what is `usual` in its part to train on, and the rows at which windows end: `normal` and
    `validation` int64; `n_left_out` windows of the part to train on lie too far from what is usual.
    """

    inputs: Floats
    usual: Usual
    normal: IntArray
    validation: IntArray
    n_left_out: int

    @property
    def sha256(self) -> str:
        """What the weights depend on besides parameters and seed."""
        return content_hash.of_json(
            [content_hash.of_bytes(array.tobytes()) for array in (self.inputs, self.normal, self.validation)]
        )


def autoencoder_windows(candles: CandleArrays, parameters: AutoencoderParameters) -> AutoencoderWindows:
    """The windows of a span; no candle is in windows of both parts. Raises `BadInputError` when either would be empty."""
    values, window = channels(candles), parameters.window
    n_training = int(len(candles) * (1.0 - parameters.validation_share))
    ends = window_ends(values, window)
    training, validation = ends[ends < n_training], ends[ends >= n_training + window - 1]
    if len(training) == 0 or len(validation) == 0:
        raise BadInputError(
            f"{len(candles)} candles give {len(training)} windows to train on and {len(validation)} that judge; a stretch needs "
            f"{LOOKBACK + 1 + window} candles for one, in either part; import more candles or use a shorter window"
        )
    usual = fit_usual(values[:n_training], candles.open_time_us[:n_training])
    inputs = usual.inputs(values, candles.open_time_us)
    normal = _nearest(inputs, training, window, parameters.left_out_share)
    return AutoencoderWindows(inputs, usual, normal, validation, len(training) - len(normal))


def _nearest(inputs: Floats, ends: IntArray, window: int, left_out_share: float) -> IntArray:
    """The windows without the share of them whose inputs are farthest from 0, which is what is usual."""
    squares = np.concatenate(([0.0], np.cumsum(np.nan_to_num((inputs.astype(np.float64) ** 2).sum(axis=1)))))
    distance = squares[ends + 1] - squares[ends + 1 - window]
    n_kept = len(ends) - int(len(ends) * left_out_share)
    return np.sort(ends[np.argsort(distance, kind="stable")[:n_kept]])
