"""What a walk-forward validation stores, and how it is shown."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from fxgpt_pipelines.recording import table

if TYPE_CHECKING:
    from fxgpt_core.candles.arrays import CandleArrays
    from fxgpt_core.conformal.bands import Bands
    from fxgpt_core.conformal.calibration import CalibrationParameters
    from fxgpt_core.forecasts.forecast import Forecasts
    from fxgpt_core.validation.spans import Spans

SHOWN_STEPS = (1, 4, 12, 24, 120)
COVERAGE_COLUMNS = (
    *("step", "nominal", "observed", "low", "high", "n_eff", "verdict", "independence", "longest_miss"),
    *("mean_width", "width_50", "width_75", "width_90", "width_95", "uncalibrated"),
)
COMPARED = ("split", "cqr", "tracker")
COMPARED_COLUMNS = ("step", "nominal", "method", "observed", "verdict", "longest_miss", "width_50", "width_95")
FOLD_COLUMNS = ("fold", "step", "n", "crps", "crps_random_walk", "skill", "accuracy", "rmse", "rmse_random_walk")


def measured(
    candles: "CandleArrays",
    forecasts: "Forecasts",
    bands: "Bands",
    parameters: "CalibrationParameters",
    days: Mapping[str, float | None],
) -> dict[str, Any]:
    """Coverage of the calibrated bands over the test span, and the scores of each fold, as JSON values."""
    import numpy as np

    from fxgpt_core.conformal.coverage import coverage_table
    from fxgpt_core.conformal.outcomes import outcomes_of
    from fxgpt_core.conformal.walk_forward import walk_forward_scores
    from fxgpt_core.forecasts.step_scores import step_scores
    from fxgpt_core.validation.folds import fold_parameters, walk_forward

    outcomes = outcomes_of(candles.close, candles.known_at_us, forecasts)
    outcome = outcomes.realised
    lengths = fold_parameters(candles.timeframe, **days, purge_candles=int(forecasts.steps.max()))
    scores = walk_forward_scores(forecasts, outcomes, walk_forward(forecasts.known_at_us, lengths), parameters)
    by_step = step_scores(forecasts, outcome)
    n = [score.n for score in by_step]
    return {
        "coverage": [asdict(row) for row in coverage_table(bands, outcome)],
        "horizons": [asdict(score) for score in by_step],
        "crps": float(np.average([score.crps for score in by_step], weights=n)),
        "crps_random_walk": float(np.average([score.crps_random_walk for score in by_step], weights=n)),
        "folds": [asdict(score) for score in scores.folds],
        "pooled": [asdict(row) for row in scores.pooled],
        "origins": len(forecasts),
    }


def compared(candles: "CandleArrays", every: "Forecasts", spans: "Spans", coverages: Sequence[float]) -> list[dict[str, Any]]:
    """Coverage over the test span before and after: the forecast's own quantiles, fixed offsets, and offsets that adapt.

    `every` holds the forecasts from the calibration span on.
    """
    from fxgpt_core.conformal.bands import bands_behind, raw_bands
    from fxgpt_core.conformal.calibration import CalibrationParameters, fit, method_of
    from fxgpt_core.conformal.coverage import coverage_table
    from fxgpt_core.conformal.outcomes import outcomes_of

    outcomes = outcomes_of(candles.close, candles.known_at_us, every)
    before, after = (span.mask(every.known_at_us) for span in (spans.calibration, spans.test))
    known = outcomes.select(before).until(spans.test.start_us)
    bands = {"raw": raw_bands(every.select(after), coverages)}
    for name in COMPARED:
        parameters = CalibrationParameters(method_of(name, {}), tuple(coverages))
        own = fit(every.select(before), known, parameters, model_sha256="compared", sampling_sha256="compared")
        later = bands_behind(own, every, candles)
        bands[name] = later.select(spans.test.mask(later.known_at_us))
    rows = [
        {"method": name, **asdict(row)}
        for name, found in bands.items()
        for row in coverage_table(found, outcomes.realised[after])
    ]
    return sorted(rows, key=lambda row: (row["step"], row["nominal"]))


def summary(stored: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers that describe a validation in one line."""
    skill = 1.0 - stored["crps"] / stored["crps_random_walk"]
    return {"origins": stored["origins"], "folds": len({row["fold"] for row in stored["folds"]}), "crps_skill": skill}


def shown(stored: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata of a validation."""
    return {
        "coverage_picture": _picture(stored),
        **summary(stored),
        "coverage": table(_rows(stored["coverage"], COVERAGE_COLUMNS)),
        "coverage_before_and_after": table(_rows(stored["compared"], COMPARED_COLUMNS)),
        "horizons": table(_rows(stored["horizons"], ("step", "crps", "crps_random_walk", "accuracy"))),
        "folds_by_horizon": table(_rows(stored["folds"], FOLD_COLUMNS)),
    }


def _rows(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
    return [{name: row[name] for name in names} for row in rows if row["step"] in SHOWN_STEPS]


def _picture(stored: Mapping[str, Any]) -> Any:
    from fxgpt_pipelines.pictures import picture

    def draw(axes: Any) -> None:
        for nominal in sorted({row["nominal"] for row in stored["coverage"]}):
            rows = [row for row in stored["coverage"] if row["nominal"] == nominal]
            steps = [row["step"] for row in rows]
            (drawn,) = axes.plot(steps, [row["observed"] for row in rows], label=f"{nominal:.0%}", linewidth=1.2)
            low, high = ([row[edge] for row in rows] for edge in ("low", "high"))
            axes.fill_between(steps, low, high, color=drawn.get_color(), alpha=0.1)
            axes.axhline(nominal, color=drawn.get_color(), linewidth=0.6, linestyle=":")
        axes.set_xlabel("candles ahead")
        axes.set_ylabel("share of outcomes inside")

    return picture("coverage on unseen candles, with its binomial band", draw)
