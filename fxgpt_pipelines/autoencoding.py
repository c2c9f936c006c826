"""An anomaly model from candles: trained on the training span, told on what lies behind it, and shown."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np

from fxgpt_pipelines import model_version
from fxgpt_pipelines.reading import arrays_of, spans_to_json, spans_under
from fxgpt_pipelines.recording import table
from fxgpt_pipelines.training import best_step, progress_line, snapshot_name
from fxgpt_pipelines.training import curve as curve_of_losses

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes

    from fxgpt_core.candles.arrays import CandleArrays
    from fxgpt_core.patterns.anomalies import AnomalyModel, AnomalySeries
    from fxgpt_core.registry.artifact import Artifact
    from fxgpt_core.registry.lake import Making
    from fxgpt_core.registry.tracking import Tracking
    from fxgpt_core.training.autoencoder_parameters import AutoencoderParameters
    from fxgpt_core.training.autoencoder_training import TrainedAutoencoder
    from fxgpt_core.training.surroundings import Surroundings
    from fxgpt_core.validation.folds import Window
    from fxgpt_core.validation.spans import Spans

NUMBERS = ("threshold", "n_windows", "n_left_out", "n_validation", "n_steps", "best_validation_loss", "seconds", "device")
BINS = 60


@dataclass(frozen=True, eq=False)
class Made:
    """A trained model as bytes, with its summary and where its snapshots are."""

    data: bytes
    summary: dict[str, Any]
    surroundings: "Surroundings"


def trained(making: "Making", candles: "Artifact", config: Mapping[str, Any], tell: Callable[[str], None], folder: Path) -> Made:
    """Train on the training span of the candles. One that was killed or stopped goes on from its snapshot below `folder`."""
    from fxgpt_core.patterns.anomalies import anomaly_of
    from fxgpt_core.patterns.anomaly_file import anomaly_bytes
    from fxgpt_core.training.autoencoder_training import train_autoencoder
    from fxgpt_core.training.hardware import detected
    from fxgpt_core.training.plan import TrainPlan
    from fxgpt_core.training.snapshots import Snapshots
    from fxgpt_core.training.surroundings import Surroundings

    arrays = arrays_of(candles)
    spans = spans_under(config, arrays)
    span = arrays.slice(0, spans.train.slice(arrays.known_at_us).stop)
    parameters = parameters_of(config, len(span))
    plan = TrainPlan(device="cuda" if detected(folder).cuda else "cpu", threads=parameters.threads)
    snapshots = Snapshots(folder / f"autoencoder_{snapshot_name(making)}")
    surroundings = Surroundings(plan, lambda progress: tell(progress_line(progress)), tell, snapshots)
    tell(f"training on {len(span)} candles, {parameters.n_steps} steps; to stop it: touch {snapshots.stop_file}")
    found = train_autoencoder(span, parameters, symbol=candles.symbol, seed=config["seed"], surroundings=surroundings)
    series = anomaly_of(found.model, arrays)
    summary = _summary(found) | {"parameters": asdict(parameters), "preset": config["preset"], "spans": spans_to_json(spans)}
    summary["learned_until_us"] = spans.train.stop_us
    summary |= {"look_ahead": _looked_ahead(found.model, candles.frame())}
    summary |= {"shares": _shares(found, series, arrays, spans), "histogram": _counted(found, series, arrays, spans)}
    return Made(anomaly_bytes(found.model), summary, surroundings)


def parameters_of(config: Mapping[str, Any], n_candles: int) -> "AutoencoderParameters":
    """The parameters of a configuration; `epochs` through so many candles as steps. Raises `BadInputError`."""
    from fxgpt_core.errors import BadInputError
    from fxgpt_core.training.autoencoder_parameters import preset

    chosen = replace(preset(config["preset"]), window=config["window"], percentile=config["percentile"])
    if config["epochs"] < 0.0:
        raise BadInputError(f"epochs {config['epochs']} found; give more than 0, or 0 for as many as the preset says")
    if config["epochs"] == 0.0:
        return chosen
    n_training = int(n_candles * (1.0 - chosen.validation_share))
    return replace(chosen, n_steps=max(1, round(config["epochs"] * n_training / chosen.batch)))


def kept(making: "Making", made: Made) -> "Artifact":
    """The artifact of a trained model; its snapshots are removed."""
    artifact = making.write_bytes(made.data, "safetensors", made.summary)
    if made.surroundings.snapshots is not None:
        made.surroundings.snapshots.remove()
    return artifact


def registered(making: "Making", artifact: "Artifact", tracking: "Callable[[], Tracking]") -> "Artifact":
    """The artifact with its MLflow version, which is made when there is none."""

    def version(of: "Artifact") -> model_version.Version:
        metrics = {name: float(of.summary[name]) for name in NUMBERS if name != "device"}
        metrics |= {f"flagged_{row['span']}": row["flagged"] for row in of.summary["shares"]}
        name = f"fxgpt-anomalies-{of.symbol}-{of.timeframe}"
        return model_version.Version(name, {"model.safetensors": of.bytes()}, metrics, learned_from="candles")

    return model_version.registered(making, artifact, tracking, version)


def version_facts(artifact: "Artifact") -> dict[str, Any]:
    """The artifact's MLflow version as metadata."""
    return model_version.facts(artifact)


def numbers(summary: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers of a training worth a table."""
    return {name: summary[name] for name in NUMBERS} | {"best_step": best_step(summary)}


def shares(summary: Mapping[str, Any]) -> dg.TableMetadataValue | dg.MarkdownMetadataValue:
    """The share of flagged candles in each span, and in each crisis that the candles hold."""
    return table(summary["shares"])


def curve(summary: Mapping[str, Any]) -> dg.MarkdownMetadataValue:
    """Training and validation loss over the steps."""
    return curve_of_losses(summary, "mean square error, in variances (nothing learned: about 1)")


def histogram(summary: Mapping[str, Any]) -> dg.MarkdownMetadataValue:
    """How often each error was seen, on the validation windows and behind the training span, with the threshold."""
    from fxgpt_pipelines.pictures import BLUE, GREY, ORANGE, picture

    counted = summary["histogram"]
    edges = np.asarray(counted["edges"])

    def draw(axes: "Axes") -> None:
        for name, color in (("validation", BLUE), ("behind", ORANGE)):
            density = np.asarray(counted[name]) / max(1, sum(counted[name]))
            axes.stairs(density, edges, color=color, label=name)
        axes.axvline(summary["threshold"], color=GREY, linestyle="--", label="threshold")
        axes.set_xlabel("reconstruction error")

    return picture("reconstruction error: share of windows", draw)


def prices(artifact: "Artifact", candles: "Artifact") -> dg.MarkdownMetadataValue:
    """The close, and behind it the windows that are flagged."""
    from fxgpt_core.patterns.anomalies import anomaly_of
    from fxgpt_core.patterns.anomaly_file import anomaly_model_of
    from fxgpt_core.patterns.anomaly_shares import flagged_runs
    from fxgpt_pipelines.pictures import BLUE, ORANGE, picture, thinned

    arrays = arrays_of(candles)
    model = anomaly_model_of(artifact.bytes(), artifact.sha256, str(artifact.path))
    runs = flagged_runs(anomaly_of(model, arrays))
    times = arrays.open_time_us.astype("datetime64[us]")
    every = thinned(len(arrays))

    def draw(axes: "Axes") -> None:
        axes.plot(times[every], arrays.close[every], color=BLUE, linewidth=1.0)
        axes.set_ylabel("close")
        for number, run in enumerate(runs):
            # The candles of the flagged windows, of which the first reaches back a whole window.
            first, label = max(0, run.first - model.window + 1), "flagged" if number == 0 else None
            axes.axvspan(times[first], times[run.last], color=ORANGE, alpha=0.25, linewidth=0.0, label=label)
        axes.set_xlim(times[0], times[-1])

    return picture(f"anomalies: {len(runs)} runs of flagged windows", draw)


def _summary(found: "TrainedAutoencoder") -> dict[str, Any]:
    return {
        "losses": [[asdict(point) for point in found.losses]],
        "threshold": found.model.threshold,
        "n_windows": len(found.data.normal),
        "n_left_out": found.data.n_left_out,
        "n_validation": len(found.data.validation),
        "n_steps": found.losses[-1].step,
        "best_validation_loss": min(point.validation for point in found.losses),
        "seconds": found.seconds,
        "device": found.device,
    }


def _spans(found: "TrainedAutoencoder", arrays: "CandleArrays", spans: "Spans") -> "dict[str, Window]":
    from fxgpt_core.backtest.crises import CRISES
    from fxgpt_core.validation.folds import Window

    known_at, validated = arrays.known_at_us, found.data.validation
    own = {
        "train": Window(spans.train.start_us, int(known_at[found.data.normal[-1]]) + 1),
        "validation": Window(int(known_at[validated[0]]), int(known_at[validated[-1]]) + 1),
        "calibration": spans.calibration,
        "test": spans.test,
    }
    return own | {crisis.name: crisis.window for crisis in CRISES}


def _shares(found: "TrainedAutoencoder", series: "AnomalySeries", arrays: "CandleArrays", spans: "Spans") -> list[dict[str, Any]]:
    from fxgpt_core.patterns.anomaly_shares import flagged_shares

    return [asdict(share) for share in flagged_shares(series, arrays.known_at_us, _spans(found, arrays, spans))]


def _counted(
    found: "TrainedAutoencoder", series: "AnomalySeries", arrays: "CandleArrays", spans: "Spans"
) -> dict[str, list[float] | list[int]]:
    behind = series.error[spans.calibration.slice(arrays.known_at_us).start :]
    behind = behind[np.isfinite(behind)]
    edges = np.histogram_bin_edges(np.concatenate((found.errors, behind)), BINS)
    counts = {name: np.histogram(of, edges)[0].tolist() for name, of in (("validation", found.errors), ("behind", behind))}
    return {"edges": edges.tolist(), **counts}


def _looked_ahead(model: "AnomalyModel", frame: "pl.DataFrame") -> dict[str, Any]:
    import polars as pl

    from fxgpt_core.candles.arrays import candle_arrays
    from fxgpt_core.patterns.anomalies import anomaly_of
    from fxgpt_core.validation.lookahead import lookahead_differences
    from fxgpt_pipelines.checks.features import looked_ahead

    def compute(part: "pl.DataFrame") -> "pl.DataFrame":
        series = anomaly_of(model, candle_arrays(part, model.timeframe))
        return part.select("open_time", error=pl.Series(series.error), flagged=pl.Series(series.flagged))

    return looked_ahead(lookahead_differences(compute, frame))
