"""One fold of the expanding validation: train on all before it, forecast it, score it by horizon; and all folds together."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np

from fxgpt_pipelines.reading import arrays_of
from fxgpt_pipelines.recording import table

if TYPE_CHECKING:
    from fxgpt_core.candles.arrays import CandleArrays
    from fxgpt_core.diffusion.model import DiffusionModel
    from fxgpt_core.forecasts.forecast import Forecasts
    from fxgpt_core.registry.artifact import Artifact
    from fxgpt_core.registry.lake import Making
    from fxgpt_core.validation.folds import Fold

RETRAIN, FINE_TUNE = "retrain", "fine_tune"
SHARED = ("n_folds", "preset", "seed", "initial_share", "start", "every", "n_paths", "n_steps")
SCORE_COLUMNS = ("horizon", "n", "n_eff", "accuracy", "rmse", "crps", "crps_random_walk", "skill", "sharpe", "drawdown")
FLAGGED = 0.25
"""Horizons that point opposite ways more often than this, where both point somewhere, are told as a contradiction."""


def folded(making: "Making", index: int, config: Mapping[str, Any], tell: Callable[[str], None]) -> "Artifact":
    """Train and score fold `index`; the artifact is its model, the summary its scores.

    Raises `BadInputError` for a start that is none, `MissingError` when a fold to be tuned from was not made.
    """
    from fxgpt_core.diffusion.forecaster import DiffusionForecaster
    from fxgpt_core.diffusion.sampling_parameters import SamplingParameters
    from fxgpt_core.forecasts.forecast import realised
    from fxgpt_core.forecasts.horizon_scores import contradictions, horizon_scores
    from fxgpt_core.training.checkpoints import model_bytes
    from fxgpt_core.training.diffusion_training import train, tuned
    from fxgpt_core.training.surroundings import Surroundings
    from fxgpt_core.training.training_parameters import preset
    from fxgpt_pipelines.training import progress_line

    candles, features = making.read("candles"), making.read("features")
    arrays, matrix = arrays_of(candles), features.frame()
    fold = fold_of(arrays, index, config)
    stop = fold.train.slice(arrays.known_at_us).stop
    tell(f"fold {index + 1} of {config['n_folds']}: training on {stop} candles, tested on {fold.test}")
    began = time.monotonic()
    surroundings = Surroundings(progress=lambda progress: tell(progress_line(progress)), tell=tell)
    span, parameters, start = (matrix.head(stop), arrays.slice(0, stop)), preset(config["preset"]), _start(making, index, config)
    if start is None:
        model = train(*span, parameters, symbol=candles.symbol, seed=config["seed"], surroundings=surroundings).model
    else:
        model = tuned(start, *span, parameters, seed=config["seed"], surroundings=surroundings)
    forecaster = DiffusionForecaster(model, SamplingParameters(n_paths=config["n_paths"], n_steps=config["n_steps"]))
    forecasts = _forecasts(forecaster, matrix, arrays, fold, config)
    outcome = realised(arrays.close, arrays.known_at_us, forecasts)
    tell(f"fold {index + 1}: {len(forecasts)} forecasts scored")
    summary = {
        "fold": index,
        "train": [fold.train.start_us, fold.train.stop_us],
        "test": [fold.test.start_us, fold.test.stop_us],
        "origins": len(forecasts),
        "shrink": dict(model.shrink),
        "lean": dict(model.lean),
        "seconds": time.monotonic() - began,
        "scores": [asdict(score) for score in horizon_scores(forecasts, outcome, seed=config["seed"])],
        "contradictions": [asdict(found) for found in contradictions(forecasts)],
    }
    return making.write_bytes(model_bytes(model), "safetensors", summary)


def fold_of(candles: "CandleArrays", index: int, config: Mapping[str, Any]) -> "Fold":
    """Fold `index`; its train window ends a longest horizon before its test."""
    from fxgpt_core.forecasts.horizons import longest_step
    from fxgpt_core.validation.expanding import ExpandingParameters, expanding_folds

    parameters = ExpandingParameters(config["n_folds"], config["initial_share"], longest_step(candles.timeframe))
    return expanding_folds(candles.known_at_us, parameters)[index]


def _start(making: "Making", index: int, config: Mapping[str, Any]) -> "DiffusionModel | None":
    """The model that training goes on from: the one of the fold before, where folds are tuned."""
    from fxgpt_core.errors import BadInputError
    from fxgpt_core.training.checkpoints import load_model

    if config["start"] not in (RETRAIN, FINE_TUNE):
        raise BadInputError(f"start {config['start']!r} is unknown; known: {RETRAIN}, {FINE_TUNE}")
    if config["start"] == RETRAIN or index == 0:
        return None
    before = making.read(fold_name(index - 1))
    return load_model(before.path, before.sha256)


def inputs(index: int, config: Mapping[str, Any]) -> tuple[str, ...]:
    """The assets that a fold is made of."""
    tuned = config["start"] == FINE_TUNE and index > 0
    return ("candles", "features", *((fold_name(index - 1),) if tuned else ()))


def fold_name(index: int) -> str:
    """The asset of a fold; people count from one."""
    return f"validation_fold_{index + 1}"


def _forecasts(forecaster: Any, features: Any, candles: "CandleArrays", fold: "Fold", config: Mapping[str, Any]) -> "Forecasts":
    """Forecasts from every `every`-th candle of the test window that has a whole context."""
    from fxgpt_core.diffusion.forecaster import possible_origins

    possible = possible_origins(forecaster.model, features, candles)
    tested = possible[fold.test.mask(candles.known_at_us[possible])][:: config["every"]]
    made: Forecasts = forecaster.forecast(features, candles, tested, seed=config["seed"])
    return made


def together(folds: "Sequence[Artifact]") -> dict[str, Any]:
    """All folds by horizon: means weighted by their outcomes, how many folds beat the random walk, and the contradictions.

    Raises `RefusedError` when the folds were not made alike.
    """
    from fxgpt_core.errors import RefusedError

    for name in SHARED:
        found = {str(fold.settings[name]) for fold in folds}
        if len(found) > 1:
            raise RefusedError(
                f"the folds were made with {name} of {', '.join(sorted(found))}; materialize all with the same settings"
            )
    scores = [score | {"fold": fold.summary["fold"]} for fold in folds for score in fold.summary["scores"]]
    horizons = list(dict.fromkeys(score["horizon"] for score in scores))
    return {
        "horizons": [_pooled([score for score in scores if score["horizon"] == horizon]) for horizon in horizons],
        "folds": scores,
        "contradictions": _contradictions(folds),
    }


def _pooled(scores: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    weights = np.array([score["n"] for score in scores], dtype=float)

    def mean(name: str) -> float:
        return float(np.average([score[name] for score in scores], weights=weights))

    ours, theirs = mean("crps"), mean("crps_random_walk")
    traded = [score["sharpe"] for score in scores if score["sharpe"] is not None]
    return {
        "horizon": scores[0]["horizon"],
        "folds": len(scores),
        "n": int(weights.sum()),
        "n_eff": sum(score["n_eff"] for score in scores),
        "accuracy": mean("accuracy"),
        "rmse": float(np.sqrt(np.average([score["rmse"] ** 2 for score in scores], weights=weights))),
        "crps": ours,
        "crps_random_walk": theirs,
        "skill": 1.0 - ours / theirs,
        "folds_better": sum(score["crps"] < score["crps_random_walk"] for score in scores),
        "sharpe": float(np.mean(traded)) if traded else None,
        "drawdown": max(score["drawdown"] for score in scores),
        "covered_95": float(np.average([score["covered"][-1] for score in scores], weights=weights)),
    }


def _contradictions(folds: "Sequence[Artifact]") -> list[dict[str, Any]]:
    rows = [row for fold in folds for row in fold.summary["contradictions"]]
    pairs = dict.fromkeys((row["shorter"], row["longer"]) for row in rows)
    found = []
    for shorter, longer in pairs:
        of_pair = [row for row in rows if (row["shorter"], row["longer"]) == (shorter, longer)]
        n = sum(row["n"] for row in of_pair)
        share = sum(row["n"] * row["share"] for row in of_pair) / n if n else 0.0
        found.append({"shorter": shorter, "longer": longer, "n": n, "share": share, "flagged": share > FLAGGED})
    return found


def scores_table(rows: Sequence[Mapping[str, Any]]) -> Any:
    """The scores of a fold, one row a horizon."""
    return table([{name: row[name] for name in SCORE_COLUMNS} for row in rows])


def fold_table(rows: Sequence[Mapping[str, Any]]) -> Any:
    """The scores of all folds, one row a fold and horizon."""
    return table([{"fold": row["fold"] + 1} | {name: row[name] for name in SCORE_COLUMNS} for row in rows])


def skill_picture(measured: Mapping[str, Any]) -> dg.MarkdownMetadataValue:
    """CRPS skill against the random walk, fold by fold, for each horizon."""
    from fxgpt_pipelines.pictures import picture

    def draw(axes: Any) -> None:
        for horizon in dict.fromkeys(row["horizon"] for row in measured["folds"]):
            rows = [row for row in measured["folds"] if row["horizon"] == horizon]
            axes.plot([row["fold"] + 1 for row in rows], [100.0 * row["skill"] for row in rows], marker="o", label=horizon)
        axes.axhline(0.0, color="#94a3b8", linewidth=0.8)
        axes.set_xticks(sorted({row["fold"] + 1 for row in measured["folds"]}))
        axes.set_xlabel("fold")
        axes.set_ylabel("% better than the random walk")

    return picture("CRPS skill on unseen folds", draw)
