"""One training, from artifacts to an artifact: cut the span, train, keep the file, register the version in MLflow."""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import dagster as dg

from fxgpt_pipelines.reading import arrays_of, spans_to_json
from fxgpt_pipelines.recording import table

if TYPE_CHECKING:
    from fxgpt_core.registry.artifact import Artifact
    from fxgpt_core.registry.lake import Making
    from fxgpt_core.registry.tracking import Tracking
    from fxgpt_core.training.diffusion_training import TrainedModel
    from fxgpt_core.training.loop import TrainingProgress

NUMBERS = ("shrink", "n_members", "n_steps", "n_features", "n_windows", "n_weights", "best_validation_loss", "seconds", "device")


def trained(making: "Making", config: Mapping[str, Any], tell: Callable[[str], None]) -> "Artifact":
    """Train on the training span of the candles and features in the making, and store the model."""
    from fxgpt_core.forecasts.horizons import longest_step
    from fxgpt_core.training.checkpoints import model_bytes
    from fxgpt_core.training.diffusion_training import train
    from fxgpt_core.training.training_parameters import preset
    from fxgpt_core.validation.spans import SpanParameters, split_spans

    candles, features = making.read("candles"), making.read("features")
    arrays = arrays_of(candles)
    shares = SpanParameters(config["train_share"], config["calibration_share"], longest_step(arrays.timeframe))
    spans = split_spans(arrays.known_at_us, shares)
    stop = spans.train.slice(arrays.known_at_us).stop
    parameters = preset(config["preset"])
    tell(f"training on {stop} candles, {parameters.n_steps} steps")
    model = train(
        features.frame().head(stop),
        arrays.slice(0, stop),
        parameters,
        symbol=candles.symbol,
        seed=config["seed"],
        progress=lambda progress: tell(progress_line(progress)),
    )
    summary = _summary(model) | {"spans": spans_to_json(spans), "parameters": asdict(parameters), "preset": config["preset"]}
    return making.write_bytes(model_bytes(model.model), "safetensors", summary)


def progress_line(progress: "TrainingProgress") -> str:
    """One line of the log for one report of the loop."""
    return (
        f"step {progress.step}/{progress.n_steps}  loss {progress.loss:.4f}  "
        f"{progress.seconds:.0f} s, about {progress.seconds_left:.0f} s left"
    )


def curve(summary: Mapping[str, Any]) -> dg.MarkdownMetadataValue:
    """Training and validation loss of each member over the steps."""
    from fxgpt_pipelines.pictures import BLUE, ORANGE, picture

    def draw(axes: Any) -> None:
        for number, losses in enumerate(summary["losses"]):
            steps = [point["step"] for point in losses]
            for name, color in (("training", BLUE), ("validation", ORANGE)):
                label = name if number == 0 else None
                axes.plot(steps, [point[name] for point in losses], color=color, label=label, linewidth=1.2)
        axes.set_xlabel("step")

    return picture("loss (an untrained network has about 1)", draw)


def numbers(summary: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers of a training worth a table: CRPS on validation windows is in units of the random walk's deviation."""
    scores = {f"validation_crps_at_shrink_{factor:g}": score for factor, score in summary["validation_crps"]}
    return {name: summary[name] for name in NUMBERS} | {"best_step": best_step(summary)} | scores


def chosen(summary: Mapping[str, Any]) -> dg.TableMetadataValue | dg.MarkdownMetadataValue:
    """Every column that could have been trained on, best first: what it tells, how steadily, and why it was left out."""
    ranked = sorted(summary["selection"], key=lambda found: math.inf if found["rank"] is None else found["rank"])
    return table(
        [
            {
                "feature": found["feature"],
                "kept": "no" if found["why"] else "yes",
                "why not": found["why"],
                "median rank": found["rank"],
                "informative blocks": found["informative_blocks"],
                "millinats by block": "  ".join(f"{1e3 * nats:.2f}" for nats in found["information"]),
            }
            for found in ranked
        ]
    )


def best_step(summary: Mapping[str, Any]) -> int:
    """The latest step whose weights a member has; 0 when nothing learned was better than the start, which is a random walk."""
    best: int = max(min(losses, key=lambda point: point["validation"])["step"] for losses in summary["losses"])
    return best


def _summary(model: "TrainedModel") -> dict[str, Any]:
    return {
        "losses": [[asdict(point) for point in losses] for losses in model.losses],
        "shrink": model.shrinkage.factor,
        "validation_crps": [list(score) for score in model.shrinkage.crps],
        "n_members": len(model.losses),
        "selection": [asdict(found) for found in model.selection.findings],
        "n_features": len(model.selection.names),
        "n_steps": max(losses[-1].step for losses in model.losses),
        "n_windows": model.n_windows,
        "n_weights": model.n_weights,
        "best_validation_loss": min(point.validation for losses in model.losses for point in losses),
        "seconds": model.seconds,
        "device": model.device,
    }


def registered(making: "Making", artifact: "Artifact", tracking: "Callable[[], Tracking]") -> "Artifact":
    """The artifact with its MLflow version, which is made when there is none: a crash may have come between the two."""
    if artifact.model_version is not None:
        return artifact
    from fxgpt_core.content_hash import canonical_json
    from fxgpt_core.registry import lineage
    from fxgpt_core.training.checkpoints import description_of

    weights = artifact.bytes()
    with making.lake.ledger.reading() as connection:
        ledger_head = lineage.head_hash(connection)
    version = tracking().register_model(
        f"fxgpt-{artifact.symbol}-{artifact.timeframe}",
        {"model.safetensors": weights, "model.json": canonical_json(description_of(weights)).encode()},
        parameters={**artifact.settings, **artifact.summary["parameters"]},
        metrics={name: float(artifact.summary[name]) for name in ("best_validation_loss", "shrink", "seconds", "n_windows")}
        | {"best_step": float(best_step(artifact.summary))},
        tags={
            "artifact_id": artifact.id,
            "artifact_sha256": artifact.sha256,
            "dagster_run_id": making.origin.run_id,
            "code_sha256": artifact.code_sha256,
            "data_sha256": making.read("features").sha256,
            "ledger_head": ledger_head,
        },
    )
    return making.lake.record_model(artifact, version.run_id, version.name, version.version)


def version_facts(artifact: "Artifact") -> dict[str, Any]:
    """The artifact's MLflow version as metadata; the page is there while `make ui` runs."""
    page = f"http://127.0.0.1:5000/#/models/{artifact.model_name}/versions/{artifact.model_version}"
    return {
        "mlflow_run_id": artifact.mlflow_run_id or "",
        "model_version": f"{artifact.model_name} version {artifact.model_version}",
        "mlflow": dg.MetadataValue.url(page),
        "best_step": best_step(artifact.summary),
    }
