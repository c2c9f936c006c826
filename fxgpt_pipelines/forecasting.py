"""Forecasts of a span from stored artifacts, and their picture."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fxgpt_pipelines.reading import arrays_of, spans_of

if TYPE_CHECKING:
    import numpy.typing as npt
    import polars as pl
    from matplotlib.axes import Axes

    from fxgpt_core.candles.arrays import CandleArrays
    from fxgpt_core.diffusion.forecaster import DiffusionForecaster
    from fxgpt_core.diffusion.quantile_head_forecaster import QuantileHeadForecaster
    from fxgpt_core.diffusion.sampling_parameters import SamplingParameters
    from fxgpt_core.forecasts.forecast import Forecasts
    from fxgpt_core.registry.artifact import Artifact
    from fxgpt_core.registry.lake import Making

TOLD_EVERY = 500
METHODS = ("paths", "quantile_head")
INPUTS = ("candles", "features", "diffusion_model")
FAN = ((0.025, 0.975), (0.1, 0.9), (0.25, 0.75))


def forecast_span(
    making: "Making", inputs: "tuple[Artifact, ...]", config: Mapping[str, Any], tell: Callable[[str], None]
) -> "Artifact":
    """Forecast at every candle behind the training span that has a whole context.

    `inputs` are candles, features, model, and the quantile head where the method asks for it.
    """
    candles, features, model, *head = inputs
    arrays, table = arrays_of(candles), features.frame()
    sampling = sampling_of(config)
    forecaster = forecaster_of(config, model, *head)
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
        "sampling_sha256": forecaster.sampling_sha256,
        "method": "quantile_head" if head else "paths",
        "caution": caution,
        "seed": config["seed"],
        "sssd": None if head else _named(sampling, forecaster.model.schedule),
        **asdict(sampling),
    }
    return making.write_frame(frame, summary)


def settings_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a `forecasts` artifact: a sampler given as `sssd` becomes the one it names, and is one by both names.

    Raises `BadInputError` where both are given, `ParameterError` for a value outside its range.
    """
    from fxgpt_core.diffusion import sssd_parameters
    from fxgpt_core.diffusion.sampling_parameters import SamplingParameters
    from fxgpt_core.errors import BadInputError

    settings = {name: value for name, value in config.items() if name != "sssd"}
    if config["sssd"] is None:
        return settings
    usual = asdict(SamplingParameters())
    changed = [f"{name}={settings[name]!r}" for name in usual if settings[name] != usual[name]]
    if changed:
        raise BadInputError(f"the sampler is given as sssd and by {', '.join(changed)}; give it one way")
    return settings | asdict(sssd_parameters.sampling_of(sssd_parameters.SssdParameters(**config["sssd"])))


def _named(sampling: "SamplingParameters", schedule: str) -> dict[str, Any] | None:
    """The sampler in the strategy's names, or None."""
    from fxgpt_core.diffusion.sssd_parameters import sssd_of

    found = sssd_of(sampling, schedule)
    return None if found is None else asdict(found)


def inputs_of(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """The assets that forecasts of these settings read. Raises `BadInputError` for an unknown method."""
    from fxgpt_core.errors import BadInputError

    method = settings["method"]
    if method not in METHODS:
        raise BadInputError(f"method {method!r} found; choose one of {', '.join(METHODS)}")
    return INPUTS if method == "paths" else (*INPUTS, "quantile_head")


def forecaster_of(
    settings: Mapping[str, Any], model: "Artifact", head: "Artifact | None" = None
) -> "DiffusionForecaster | QuantileHeadForecaster":
    """The forecaster of a `forecasts` artifact's settings: the model's paths, or its quantile head where there is one.

    Raises `CorruptArtifactError` when bytes changed, `RefusedError` when the head is another model's, `BadInputError` when it
    stands for another sampler than the settings name; how many paths they name does not matter to a head.
    """
    from fxgpt_core.diffusion.forecaster import DiffusionForecaster
    from fxgpt_core.diffusion.quantile_head_forecaster import QuantileHeadForecaster
    from fxgpt_core.errors import BadInputError
    from fxgpt_core.training.checkpoints import model_of_bytes
    from fxgpt_core.training.quantile_head_file import head_of_bytes

    sampling, loaded = sampling_of(settings), model_of_bytes(model.bytes(), model.sha256, str(model.path))
    if head is None:
        return DiffusionForecaster(loaded, sampling)
    distilled = head_of_bytes(head.bytes(), head.sha256, model.sha256, str(head.path))
    if replace(distilled.sampling, n_paths=sampling.n_paths) != sampling:
        raise BadInputError(
            f"the quantile head stands for {distilled.sampling}, the forecasts ask for {sampling}; materialize quantile_head "
            "with the sampler of the forecasts, or the forecasts with the head's"
        )
    return QuantileHeadForecaster(loaded, distilled)


def sampling_of(settings: Mapping[str, Any]) -> "SamplingParameters":
    """The sampler that an asset's settings name; they may hold more, and older ones less."""
    from fxgpt_core.diffusion.sampling_parameters import SamplingParameters

    return SamplingParameters(
        **{field.name: settings[field.name] for field in fields(SamplingParameters) if field.name in settings}
    )


def _origins(
    forecaster: "DiffusionForecaster | QuantileHeadForecaster",
    features: "pl.DataFrame",
    candles: "CandleArrays",
    behind: "npt.NDArray[np.bool_]",
) -> "npt.NDArray[np.int64]":
    """int64[M]: the rows `behind` the training span at which a forecast can be made."""
    from fxgpt_core.diffusion.forecaster import possible_origins

    possible = possible_origins(forecaster.model, features, candles)
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
