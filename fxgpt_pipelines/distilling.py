"""A quantile head from stored artifacts: taught on the training span, and on nothing behind it."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from fxgpt_pipelines.forecasting import TOLD_EVERY, sampling_of
from fxgpt_pipelines.reading import arrays_of, spans_of

if TYPE_CHECKING:
    from fxgpt_core.registry.artifact import Artifact
    from fxgpt_core.registry.lake import Making

NUMBERS = ("shrink", "error", "error_of_walk", "crps_of_model", "n_held_out")


def distilled(
    making: "Making", inputs: "tuple[Artifact, ...]", config: Mapping[str, Any], tell: Callable[[str], None]
) -> "Artifact":
    """Distil the head of a model and store it; `inputs` are candles, features and model."""
    from fxgpt_core.training.checkpoints import model_of_bytes
    from fxgpt_core.training.distillation import DistillationParameters, distil
    from fxgpt_core.training.quantile_head_file import head_bytes
    from fxgpt_core.training.windows import windows

    candles, features, stored = inputs
    arrays, model = arrays_of(candles), model_of_bytes(stored.bytes(), stored.sha256, str(stored.path))
    stop = spans_of(stored).train.slice(arrays.known_at_us).stop
    span = arrays.slice(0, stop)
    inputs_of_model = model.inputs(features.frame().head(stop), span)
    plain = windows(inputs_of_model, span, model.volatility, model.parameters.context)
    data = plain.regressed(model.regression).shaped(model.shape)

    def progress(done: int, total: int) -> None:
        if done % TOLD_EVERY == 0 or done == total:
            tell(f"paths of {done} of {total} windows drawn")

    parameters = DistillationParameters(n_origins=config["n_origins"])
    found = distil(model, data, sampling_of(config), parameters, seed=config["seed"], progress=progress)
    summary = {
        "model_sha256": stored.sha256,
        "sampling_sha256": found.head.sha256,
        "parameters": asdict(parameters),
        "shrink": found.head.shrink,
        "error": found.error,
        "error_of_walk": found.error_of_walk,
        "crps_of_model": found.crps_of_model,
        "crps": [list(score) for score in found.crps],
        "n_held_out": found.n_held_out,
    }
    return making.write_bytes(head_bytes(found.head, model.parameters), "safetensors", summary)


def numbers(summary: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers of a head worth a table, on held-out windows and in units of the random walk's deviation."""
    return {name: summary[name] for name in NUMBERS} | {f"crps_at_shrink_{factor:g}": score for factor, score in summary["crps"]}
