"""A calibration from stored forecasts, and how it is shown."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fxgpt_pipelines.recording import table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fxgpt_core.candles.arrays import CandleArrays
    from fxgpt_core.conformal.calibration import Calibration
    from fxgpt_core.forecasts.forecast import Forecasts
    from fxgpt_core.registry.artifact import Artifact
    from fxgpt_core.registry.lake import Making
    from fxgpt_core.validation.spans import Spans

DRAWN_STEPS = (1, 4, 24, 120)
DRAWN_POINTS = 150


def calibrated(
    making: "Making", candles: "CandleArrays", stored: "Artifact", spans: "Spans", config: Mapping[str, Any]
) -> "Artifact":
    """Fit the configured method on the forecasts of the calibration span.

    Raises `BadInputError` when a coverage that is judged is absent.
    """
    from fxgpt_core.conformal.calibration import CalibrationParameters, fit, method_of
    from fxgpt_core.conformal.coverage import JUDGED
    from fxgpt_core.conformal.outcomes import outcomes_of
    from fxgpt_core.errors import BadInputError
    from fxgpt_pipelines.reading import forecasts_of

    coverages = tuple(sorted(config["coverages"]))
    if not set(JUDGED) <= set(coverages):
        raise BadInputError(f"coverages {coverages} found; {JUDGED} are judged by the gates and must be among them")
    every = forecasts_of(stored)
    part = every.select(spans.calibration.mask(every.known_at_us))
    parameters = CalibrationParameters(method_of(config["method"], config), coverages, float(config["cap"]))
    # The embargo keeps these outcomes before the test span; should one reach into it, it is not used.
    outcomes = outcomes_of(candles.close, candles.known_at_us, part).until(spans.test.start_us)
    model_sha256, sampling_sha256 = (str(stored.summary[name]) for name in ("model_sha256", "sampling_sha256"))
    fitted = fit(part, outcomes, parameters, model_sha256=model_sha256, sampling_sha256=sampling_sha256)
    identity = {"method": parameters.method.name, "model_sha256": model_sha256, "sampling_sha256": sampling_sha256}
    return making.write_bytes(fitted.to_json().encode(), "json", {"origins": len(part), **identity})


def shown(place: str, calibration: "Calibration", every: "Forecasts", candles: "CandleArrays") -> dict[str, Any]:
    """The metadata of a calibration: its offsets, what bins fell back to all, and how the offsets move afterwards."""
    later = every.select(every.known_at_us >= calibration.settled_us)
    return {
        **({"offsets_over_time": _picture(place, calibration, later, candles)} if len(later) else {}),
        "method": str(calibration.parameters.method),
        "offsets_in_units_of_scale": table(_rows(calibration)),
        **({"bins": table(_bins(calibration))} if "pooled" in calibration.state else {}),
    }


def _rows(calibration: "Calibration") -> list[dict[str, Any]]:
    names = [f"{coverage:.0%}" for coverage in calibration.parameters.coverages]
    of_steps = zip(calibration.steps.tolist(), calibration.n_scores.tolist(), calibration.start_offsets.tolist(), strict=True)
    return [
        {"step": step, "scores": n, "independent": n // step, **dict(zip(names, offsets, strict=True))}
        for step, n, offsets in of_steps
    ]


def _bins(calibration: "Calibration") -> list[dict[str, Any]]:
    """One row for each bin: its fewest scores, and the steps that take the offset of all bins because they have too few."""
    state = calibration.state
    return [
        {"bin": int(label), "fewest_scores": int(n.min()), "steps_pooled": ", ".join(map(str, calibration.steps[pooled > 0.0]))}
        for label, n, pooled in zip(state["labels"], state["n"], state["pooled"], strict=True)
    ]


def _picture(place: str, calibration: "Calibration", later: "Forecasts", candles: "CandleArrays") -> Any:
    from fxgpt_core.conformal.outcomes import outcomes_of
    from fxgpt_pipelines.pictures import picture, thinned

    offsets = calibration.offsets(later, outcomes_of(candles.close, candles.known_at_us, later))[:, :, -1]
    every = thinned(len(later), DRAWN_POINTS)

    def draw(axes: "Axes") -> None:
        times = later.known_at_us[every].astype("datetime64[us]")
        for s in np.flatnonzero(np.isin(calibration.steps, DRAWN_STEPS)):
            axes.plot(times, offsets[every, s], linewidth=1.0, label=f"{calibration.steps[s]} ahead")
        axes.set_ylabel("offset, units of scale")

    return picture(f"{place}: offset of the {calibration.coverages[-1]:.0%} band as outcomes become known", draw)
