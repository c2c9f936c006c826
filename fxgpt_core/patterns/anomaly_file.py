"""An anomaly model as one safetensors file: its arrays, everything else as JSON in its header. No pickle, no torch."""

from typing import Any, Final

import numpy.typing as npt
from safetensors import SafetensorError

from fxgpt_core import content_hash
from fxgpt_core.array_file import about_of, array_file, arrays_of
from fxgpt_core.errors import CorruptArtifactError
from fxgpt_core.market.timeframes import timeframe
from fxgpt_core.patterns.anomalies import AnomalyModel, Layer
from fxgpt_core.patterns.anomaly_channels import CHANNELS, LOOKBACK, Usual

FORMAT: Final = "fxgpt-anomalies-1"


def anomaly_bytes(model: AnomalyModel) -> bytes:
    """The file of a model; the same model gives the same bytes."""
    arrays: dict[str, npt.NDArray[Any]] = {"centre": model.usual.centre, "deviation": model.usual.deviation}
    for number, layer in enumerate(model.layers):
        arrays |= {f"weight_{number}": layer.weight, f"bias_{number}": layer.bias}
    about = {
        "format": FORMAT,
        "symbol": model.symbol,
        "timeframe": str(model.timeframe),
        "window": model.window,
        "lookback": LOOKBACK,
        "threshold": model.threshold,
        "channels": list(CHANNELS),
        "layers": len(model.layers),
    }
    return array_file(arrays, about)


def anomaly_model_of(data: bytes, expected_sha256: str, source: str) -> AnomalyModel:
    """The model of a file's bytes; `source` names it in errors.

    Raises `CorruptArtifactError` unless the bytes are the expected ones and hold a whole model of these channels.
    """
    found = content_hash.of_bytes(data)
    if found != expected_sha256:
        raise CorruptArtifactError(
            f"anomaly model {source} has hash {found[:16]}, expected {expected_sha256[:16]}: its bytes were changed; "
            "restore the file or materialize pattern_autoencoder again"
        )
    try:
        return _model(data)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise CorruptArtifactError(
            f"anomaly model {source} is not a whole {FORMAT} model ({type(error).__name__}: {error}); "
            "materialize pattern_autoencoder again"
        ) from error


def _model(data: bytes) -> AnomalyModel:
    about, arrays = about_of(data, FORMAT), arrays_of(data)
    if (about["channels"], about["lookback"]) != (list(CHANNELS), LOOKBACK):
        raise ValueError(f"it learned {about['channels']} over {about['lookback']} candles, known are {CHANNELS} over {LOOKBACK}")
    return AnomalyModel(
        symbol=about["symbol"],
        timeframe=timeframe(about["timeframe"]),
        window=about["window"],
        threshold=about["threshold"],
        usual=Usual(arrays["centre"], arrays["deviation"]),
        layers=tuple(Layer(arrays[f"weight_{n}"], arrays[f"bias_{n}"]) for n in range(about["layers"])),
    )
