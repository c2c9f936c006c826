"""One training, from artifacts to an artifact: cut the span, train, keep the file, register the version in MLflow."""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from fxgpt_core import content_hash
from fxgpt_pipelines import model_version
from fxgpt_pipelines.reading import arrays_of, spans_to_json, spans_under
from fxgpt_pipelines.recording import table

if TYPE_CHECKING:
    from fxgpt_core.registry.artifact import Artifact
    from fxgpt_core.registry.lake import Making
    from fxgpt_core.registry.tracking import Tracking
    from fxgpt_core.training.diffusion_training import TrainedModel
    from fxgpt_core.training.surroundings import TrainingProgress

BELIEF = ("shrink", "lean")
QUARTERS = {"0": "0", "0.25": "¼", "0.5": "½", "0.75": "¾", "1": "1"}
"""Of shares as JSON keys: narrow heads, so that the table fits its page."""
NUMBERS = (
    "n_members",
    "n_steps",
    "n_features",
    "n_windows",
    "n_blocks",
    "n_weights",
    "best_validation_loss",
    "seconds",
    "device",
)


def trained(making: "Making", config: Mapping[str, Any], tell: Callable[[str], None], folder: Path) -> "Artifact":
    """Train on the training span of the candles and features in the making, and store the model.

    A training that was killed or stopped goes on from its snapshot below `folder`, which is removed once the model is stored.
    """
    from fxgpt_core.training.checkpoints import model_bytes
    from fxgpt_core.training.diffusion_training import train
    from fxgpt_core.training.hardware import detected
    from fxgpt_core.training.plan import planned
    from fxgpt_core.training.snapshots import Snapshots
    from fxgpt_core.training.surroundings import Surroundings
    from fxgpt_core.training.training_parameters import preset

    candles, features = making.read("candles"), making.read("features")
    arrays = arrays_of(candles)
    spans = spans_under(config, arrays)
    stop = spans.train.slice(arrays.known_at_us).stop
    parameters = preset(config["preset"])
    plan, decisions = planned(detected(folder), parameters, config["force"])
    snapshots = Snapshots(folder / snapshot_name(making))
    tell(f"training on {stop} candles, {parameters.n_steps} steps; to stop it: touch {snapshots.stop_file}")
    model = train(
        features.frame().head(stop),
        arrays.slice(0, stop),
        parameters,
        symbol=candles.symbol,
        seed=config["seed"],
        surroundings=Surroundings(plan, lambda progress: tell(progress_line(progress)), tell, snapshots),
    )
    summary = _summary(model) | {"spans": spans_to_json(spans), "parameters": asdict(parameters), "preset": config["preset"]}
    summary |= {"plan": [decision.told() for decision in decisions]}
    artifact = making.write_bytes(model_bytes(model.model), "safetensors", summary)
    snapshots.remove()
    return artifact


def snapshot_name(making: "Making") -> str:
    """The folder of a training's snapshots: what it is of, not which run makes it, so that the next run finds them."""
    origin = making.origin
    identity = {
        "place": [origin.asset, origin.symbol, origin.timeframe],
        "settings": dict(origin.settings),
        "code": origin.code_sha256,
        "inputs": sorted(artifact.sha256 for artifact in making.read_so_far.values()),
    }
    return f"{origin.symbol}_{origin.timeframe}_{content_hash.of_json(identity)[:16]}"


def progress_line(progress: "TrainingProgress") -> str:
    """One line of the log for one report of the loop."""
    line = (
        f"step {progress.step}/{progress.n_steps}  epoch {progress.epoch:.1f}  loss {progress.loss:.4f}  "
        f"validation {progress.validation:.4f}  {progress.windows_per_s:.0f} windows/s  "
        f"{progress.seconds:.0f} s, about {progress.seconds_left:.0f} s left"
    )
    if progress.device_percent is not None:
        line += f"  device {progress.device_percent:.0f} %, {progress.celsius:.0f} °C"
    return line


def curve(summary: Mapping[str, Any], title: str = "loss (an untrained network has about 1)") -> dg.MarkdownMetadataValue:
    """Training and validation loss of each member over the steps."""
    from fxgpt_pipelines.pictures import BLUE, ORANGE, picture

    def draw(axes: Any) -> None:
        for number, losses in enumerate(summary["losses"]):
            steps = [point["step"] for point in losses]
            for name, color in (("training", BLUE), ("validation", ORANGE)):
                label = name if number == 0 else None
                axes.plot(steps, [point[name] for point in losses], color=color, label=label, linewidth=1.2)
        axes.set_xlabel("step")

    return picture(title, draw)


def numbers(summary: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers of a training worth a table."""
    return {name: summary[name] for name in NUMBERS} | {"best_step": best_step(summary)}


def shrinkage(summary: Mapping[str, Any]) -> dg.TableMetadataValue | dg.MarkdownMetadataValue:
    """How far the model is believed up to each horizon, and the CRPS that chose it, in units of the random walk's deviation.

    On the validation windows, and for regression and shape also on average over them and the blocks before.
    """
    from fxgpt_core.forecasts.horizons import HORIZONS

    rows = []
    for horizon in (known for known in HORIZONS if known in summary["shrink"]):
        shrink, lean = summary["shrink"][horizon], summary["lean"][horizon]
        factors = summary["validation_crps"][horizon]
        for of, believed, name in (
            ("blocks", min(0.5, shrink), "block_crps"),
            ("shrink", shrink, "validation_crps"),
            ("lean", lean, "validation_crps_leaning"),
        ):
            scores = summary[name][horizon]
            told = {f"at {QUARTERS[factor]}": f"{scores[factor]:.4f}" if factor in scores else "" for factor in factors}
            rows.append({"up to": horizon, "of": of, "chosen": believed} | told)
    return table(rows)


def plan(summary: Mapping[str, Any]) -> dg.TableMetadataValue | dg.MarkdownMetadataValue:
    """Each optimisation that was asked for, what was used, why, and how to force another."""
    return table([{name: row[name] for name in ("name", "asked", "used", "why", "force")} for row in summary["plan"]])


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
        "shrink": model.shrinkage.shrink,
        "lean": model.shrinkage.lean,
        "validation_crps": _named(model.shrinkage.crps),
        "validation_crps_leaning": _named(model.shrinkage.crps_leaning),
        "block_crps": _named(model.shrinkage.crps_blocks),
        "n_blocks": model.shrinkage.n_blocks,
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


def _named(scores: Mapping[str, Mapping[float, float]]) -> dict[str, dict[str, float]]:
    return {horizon: {f"{factor:g}": score for factor, score in found.items()} for horizon, found in scores.items()}


def registered(making: "Making", artifact: "Artifact", tracking: "Callable[[], Tracking]") -> "Artifact":
    """The artifact with its MLflow version, which is made when there is none."""
    return model_version.registered(making, artifact, tracking, _version)


def _version(artifact: "Artifact") -> model_version.Version:
    from fxgpt_core.content_hash import canonical_json
    from fxgpt_core.training.checkpoints import description_of

    weights = artifact.bytes()
    return model_version.Version(
        name=f"fxgpt-{artifact.symbol}-{artifact.timeframe}",
        files={"model.safetensors": weights, "model.json": canonical_json(description_of(weights)).encode()},
        metrics={name: float(artifact.summary[name]) for name in ("best_validation_loss", "seconds", "n_windows")}
        | {f"{of}_{horizon}": factor for of in BELIEF for horizon, factor in artifact.summary[of].items()}
        | {"best_step": float(best_step(artifact.summary))},
        learned_from="features",
    )


def kept(artifact: "Artifact", root: Path) -> Path:
    """The folder below `root` in which the registered version of a model is kept, with all that people need to use it."""
    from fxgpt_core.registry.model_folders import ModelFolders
    from fxgpt_core.training.checkpoints import model_of_bytes
    from fxgpt_core.training.model_folder import folder_files

    summary = artifact.summary
    metrics = {name: summary[name] for name in (*NUMBERS, *BELIEF, "validation_crps", "validation_crps_leaning", "block_crps")}
    metadata = {
        "made": artifact.created_at.isoformat(),
        "artifact": artifact.id,
        "sha256": artifact.sha256,
        "mlflow_run_id": artifact.mlflow_run_id,
        "dagster_run_id": artifact.run_id,
        "commit": artifact.code.commit,
        "code_sha256": artifact.code_sha256,
        "preset": summary["preset"],
        "seed": artifact.seed,
        "spans": summary["spans"],
    }
    model = model_of_bytes(artifact.bytes(), artifact.sha256, str(artifact.path))
    version = int(artifact.model_version or 0)
    return ModelFolders(root).put(artifact.symbol, artifact.timeframe, version, folder_files(model, metrics, metadata)).path


def version_facts(artifact: "Artifact") -> dict[str, Any]:
    """The artifact's MLflow version as metadata, and the step of its weights."""
    return model_version.facts(artifact) | {"best_step": best_step(artifact.summary)}
