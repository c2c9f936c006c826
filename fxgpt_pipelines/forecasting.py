"""Forecasts of a span from stored artifacts, and their picture."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from fxgpt_pipelines.reading import arrays_of, spans_of

if TYPE_CHECKING:
    import numpy.typing as npt
    import polars as pl
    from matplotlib.axes import Axes

    from fxgpt_core.candles.arrays import CandleArrays
    from fxgpt_core.diffusion.forecaster import DiffusionForecaster
    from fxgpt_core.diffusion.sampling_parameters import SamplingParameters
    from fxgpt_core.forecasts.forecast import Forecasts
    from fxgpt_core.registry.artifact import Artifact
    from fxgpt_core.registry.lake import Making

TOLD_EVERY = 500
FAN = ((0.025, 0.975), (0.1, 0.9), (0.25, 0.75))


def forecast_span(
    making: "Making", inputs: "tuple[Artifact, ...]", config: Mapping[str, Any], tell: Callable[[str], None]
) -> "Artifact":
    """Forecast at every candle behind the training span that has a whole context; `inputs` are candles, features and model."""
    from fxgpt_core.diffusion.forecaster import DiffusionForecaster
    from fxgpt_core.training.checkpoints import load_model

    candles, features, model = inputs
    arrays, table = arrays_of(candles), features.frame()
    sampling = sampling_of(config)
    forecaster = DiffusionForecaster(load_model(model.path, model.sha256), sampling)
    caution = sampling.caution(forecaster.model.schedule)
    if caution is not None:
        tell(f"CAUTION: {caution}")
    behind = arrays.known_at_us >= spans_of(model).calibration.start_us
    origins = _origins(forecaster, table, arrays, behind)
    left_out = int(behind.sum()) - len(origins)
    if left_out:
        tell(f"{left_out} candles have no forecast: a hole or a missing feature lies in their context")
    began = time.monotonic()

    def progress(done: int, total: int) -> None:
        if done % TOLD_EVERY == 0 or done == total:
            left = (time.monotonic() - began) / done * (total - done)
            tell(f"{done} of {total} candles forecast, about {left:.0f} s left")

    forecasts = forecaster.forecast(table, arrays, origins, seed=config["seed"], progress=progress)
    frame = forecasts.to_frame()
    summary = {
        "first": frame["known_at"][0].isoformat(),
        "last": frame["known_at"][-1].isoformat(),
        "origins": len(forecasts),
        "left_out": left_out,
        "model_sha256": model.sha256,
        "sampling_sha256": sampling.sha256,
        "caution": caution,
        "seed": config["seed"],
        **asdict(sampling),
    }
    return making.write_frame(frame, summary)


def sampling_of(settings: Mapping[str, Any]) -> "SamplingParameters":
    """The sampler that an asset's settings name; they may hold more, and older ones less."""
    from fxgpt_core.diffusion.sampling_parameters import SamplingParameters

    return SamplingParameters(
        **{field.name: settings[field.name] for field in fields(SamplingParameters) if field.name in settings}
    )


def _origins(
    forecaster: "DiffusionForecaster", features: "pl.DataFrame", candles: "CandleArrays", behind: "npt.NDArray[np.bool_]"
) -> "npt.NDArray[np.int64]":
    """int64[M]: the rows `behind` the training span at which a forecast can be made."""
    from fxgpt_core.diffusion.forecaster import model_inputs, possible_origins

    possible = possible_origins(forecaster.model, model_inputs(forecaster.model, features, candles), candles)
    return possible[behind[possible]]


def fan(forecasts: "Forecasts") -> "Callable[[Axes], None]":
    """Draws the last forecast as a fan of quantiles, as prices."""

    def draw(axes: "Axes") -> None:
        last = forecasts.select(np.array([len(forecasts) - 1]))
        steps, close = last.steps.tolist(), float(last.close[0])
        for low, high in FAN:
            edges = (close * np.exp(last.level(level)[0]) for level in (low, high))
            axes.fill_between(steps, *edges, color="#2563eb", alpha=0.18, linewidth=0, label=f"{high - low:.0%}")
        axes.plot(steps, close * np.exp(last.level(0.5)[0]), color="#2563eb", linewidth=1.2, label="median")
        axes.set_xlabel("candles ahead")

    return draw
