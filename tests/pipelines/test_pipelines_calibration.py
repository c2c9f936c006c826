"""Calibration as an asset: the method that is named, what is shown of it, and when its check passes."""

import numpy as np
import pytest

from fxgpt_core.conformal.calibration import Calibration
from fxgpt_core.conformal.mondrian import Mondrian
from fxgpt_core.conformal.tracker import Tracker
from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.forecast import realised
from fxgpt_core.forecasts.random_walk import random_walk_like
from fxgpt_core.forecasts.scores import crps
from fxgpt_pipelines.checks import calibration as checks
from fxgpt_pipelines.reading import arrays_of, forecasts_of, spans_of
from fxgpt_pipelines.validating import COMPARED

SERIES = ("EURUSD", "1h")


@pytest.fixture
def another(line):
    """Calibrates the line by another method; afterwards the usual calibration is the latest again."""
    yield lambda **config: line.at.runner.materialize("calibration_quantiles", config)
    line.at.runner.materialize("calibration_quantiles")


def stored(line) -> Calibration:
    return Calibration.from_json(line.at.lake.latest("calibration_quantiles", *SERIES).bytes().decode())


def test_the_usual_method_is_the_tracker_settled_before_the_test_span_begins(line):
    calibration, model = stored(line), line.at.lake.latest("diffusion_model", *SERIES)
    assert calibration.parameters.method == Tracker()
    assert calibration.settled_us < model.summary["spans"]["test"][0]
    assert calibration.start_us >= model.summary["spans"]["calibration"][0]
    assert line.at.lake.latest("calibration_quantiles", *SERIES).summary["method"] == "tracker"


def test_what_is_shown_are_offsets_over_time_and_coverage_before_and_after(line):
    calibrated, validated = line.made["calibration_quantiles"].metadata, line.made["walk_forward_validation"].metadata
    assert calibrated["offsets_over_time"].startswith("![EURUSD|1h: offset of the 95% band")
    first = calibrated["offsets_in_units_of_scale"].records[0].data
    assert (first["step"], first["95%"]) == (1, pytest.approx(stored(line).start_offsets[0, -1], rel=1e-5))
    rows = [record.data for record in validated["coverage_before_and_after"].records]
    assert {row["method"] for row in rows if row["step"] == 1} == {"raw", *COMPARED}
    widths = {row["method"]: row["width_50"] for row in rows if (row["step"], row["nominal"]) == (1, 0.95)}
    assert len({widths[name] for name in ("raw", "split", "tracker")}) == 3


def test_the_stored_crps_is_the_mean_over_every_known_outcome_of_the_test_span(line):
    candles, model, forecasts = (line.at.lake.latest(name, *SERIES) for name in ("candles", "diffusion_model", "forecasts"))
    arrays, every = arrays_of(candles), forecasts_of(forecasts)
    tested = every.select(spans_of(model).test.mask(every.known_at_us))
    outcome = realised(arrays.close, arrays.known_at_us, tested)
    validation = line.at.lake.latest("walk_forward_validation", *SERIES).json()
    assert validation["crps"] == pytest.approx(np.nanmean(crps(tested, outcome)))
    assert validation["crps_random_walk"] == pytest.approx(np.nanmean(crps(random_walk_like(tested), outcome)))
    assert [row["n"] for row in validation["horizons"]] == np.isfinite(outcome).sum(axis=0).tolist()
    shown = line.made["walk_forward_validation"].metadata
    assert set(shown["horizons"].records[0].data) == {"step", "crps", "crps_random_walk", "accuracy"}
    assert {"fold", "skill", "rmse_random_walk"} < set(shown["folds_by_horizon"].records[0].data)


def test_each_setting_of_the_asset_reaches_the_calibration(line, another):
    another(method="mondrian", by="session", minimum=7, cap=3.0, coverages=[0.95, 0.5, 0.8])
    found = stored(line).parameters
    assert (found.method, found.cap, found.coverages) == (Mondrian("session", 7), 3.0, (0.5, 0.8, 0.95))
    another(method="aci", gamma=0.1, window=9)
    assert str(stored(line).parameters.method) == "Aci(gamma=0.1, window=9)"
    another(method="tracker", learning_rate=0.3)
    assert stored(line).parameters.method == Tracker(0.3)


def test_bins_that_took_the_offset_of_all_are_shown(another):
    made = another(method="mondrian", minimum=10_000)
    rows = [record.data for record in made.metadata["bins"].records]
    assert len(rows) == 3
    assert all(row["steps_pooled"].startswith("1, 2, 3") and row["fewest_scores"] < 10_000 for row in rows)


def test_a_method_that_does_not_exist_and_coverages_without_those_that_are_judged_are_refused(another):
    with pytest.raises(BadInputError, match="calibration method 'magic' found; choose one of"):
        another(method="magic")
    with pytest.raises(BadInputError, match="are judged by the gates and must be among them"):
        another(coverages=[0.5, 0.9])


def verdict(*verdicts: str) -> bool:
    rows = [
        {"step": 1, "nominal": 0.8, "observed": 0.8, "low": 0.7, "high": 0.9, "n_eff": 9, "verdict": verdict}
        for verdict in verdicts
    ]
    *_, found = checks.verdicts({"crps": 1.0, "crps_random_walk": 1.0, "coverage": rows})
    return found.passed


def test_the_check_needs_evidence_and_none_against():
    assert verdict("holds", "insufficient evidence")
    assert not verdict("holds", "does not hold")
    assert not verdict("insufficient evidence", "insufficient evidence")
