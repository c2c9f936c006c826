"""What every method keeps, whichever it is; what breaks some and others repair; and each parameter at work."""

import numpy as np
import pytest
from conformal_examples import calibrated, cut, drawn, forecasts_of, known, later
from hypothesis import given, settings
from hypothesis import strategies as st

from fxgpt_core.conformal.aci import Aci
from fxgpt_core.conformal.bands import Bands, calibrated_bands, raw_bands
from fxgpt_core.conformal.calibration import CAP, METHODS
from fxgpt_core.conformal.coverage import coverage_table
from fxgpt_core.conformal.cqr import Cqr
from fxgpt_core.conformal.method import Method
from fxgpt_core.conformal.mondrian import Mondrian
from fxgpt_core.conformal.split import Split
from fxgpt_core.conformal.tracker import Tracker
from fxgpt_core.errors import BadInputError

EVERY = (Split(), Cqr(), Mondrian(minimum=20), Mondrian(by="session", minimum=20), Aci(0.05, 60), Tracker(0.1))
NAMES = [str(method) for method in EVERY]


def outcomes_with_holes(forecasts, seed):
    """Outcomes with tails, of which a tenth is not known."""
    rng = np.random.default_rng(seed)
    realised = forecasts.scale * rng.standard_t(2, forecasts.scale.shape)
    return known(forecasts, np.where(rng.random(realised.shape) < 0.1, np.nan, realised))


def test_every_method_is_among_those_tried_here() -> None:
    assert {method.name for method in EVERY} == set(METHODS)


@pytest.mark.parametrize("method", EVERY, ids=NAMES)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), n_past=st.integers(1, 120), width=st.floats(0.05, 30.0))
def test_bands_are_finite_nested_and_around_the_median_and_at_the_cap_only_when_flagged(method, seed, n_past, width) -> None:
    calibration = calibrated(method, n_past, width=width, seed=seed)
    new = later(60, width=width, seed=seed)
    bands = calibrated_bands(new, outcomes_with_holes(new, seed), calibration)
    assert np.isfinite(bands.lower).all()
    assert np.isfinite(bands.upper).all()
    assert (bands.lower <= bands.median[:, :, None]).all()
    assert (bands.upper >= bands.median[:, :, None]).all()
    assert (np.diff(bands.lower, axis=2) <= 0.0).all()
    assert (np.diff(bands.upper, axis=2) >= 0.0).all()
    reach = np.maximum(bands.upper - bands.median[:, :, None], bands.median[:, :, None] - bands.lower)
    assert (reach <= CAP * bands.scale[:, :, None] * (1 + 1e-12)).all()
    assert bands.uncalibrated[reach >= CAP * bands.scale[:, :, None] * (1 - 1e-12)].all()


@pytest.mark.parametrize("method", EVERY, ids=NAMES)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 79))
def test_a_band_is_the_same_to_the_bit_when_the_future_is_cut_off(method, seed, n) -> None:
    calibration = calibrated(method, 100, seed=seed)
    new = later(80, seed=seed)
    outcomes = outcomes_with_holes(new, seed)
    whole = calibrated_bands(new, outcomes, calibration).select(slice(0, n))
    alone = calibrated_bands(new.select(slice(0, n)), cut(outcomes, new, n), calibration)
    for name in ("lower", "upper", "uncalibrated"):
        assert getattr(alone, name).tobytes() == getattr(whole, name).tobytes()


@pytest.mark.parametrize("method", [Tracker(0.1), Aci(0.05, 60)], ids=["tracker", "aci"])
def test_an_outcome_moves_bands_of_its_step_from_its_own_candle_on_and_not_before(method: Method) -> None:
    calibration = calibrated(method)
    new = later(30)
    outcomes = drawn(new)
    outcomes.realised[10] = 0.0
    changed = known(new, outcomes.realised.copy())
    changed.realised[10] = 15.0 * new.scale[10]
    moved = calibration.offsets(new, changed)[:, :, -1] != calibration.offsets(new, outcomes)[:, :, -1]
    first = [int(np.flatnonzero(column)[0]) for column in moved.T]
    assert first == [10 + 1, 10 + 2, 10 + 4]


@pytest.mark.parametrize("method", [Tracker(0.1), Aci(0.05, 60)], ids=["tracker", "aci"])
def test_an_origin_without_forecast_and_an_outcome_behind_a_hole_teach_nothing(method: Method) -> None:
    calibration = calibrated(method)
    new = later(40)
    outcomes = drawn(new)
    there = np.arange(40) != 12
    without = calibration.offsets(new.select(there), outcomes.select(there))
    unknown = known(new, outcomes.realised.copy())
    unknown.realised[12] = np.nan
    assert np.array_equal(without, calibration.offsets(new, unknown)[there])
    assert not np.array_equal(without, calibration.offsets(new, outcomes)[there])


@pytest.mark.parametrize("method", EVERY, ids=NAMES)
@pytest.mark.parametrize("width", [0.4, 1.0, 2.5])
def test_every_method_repairs_a_mis_scaled_forecast_that_is_raw_wrong(method: Method, width: float) -> None:
    new = later(4000, width=width, seed=3)
    outcomes = drawn(new, 5)
    bands = calibrated_bands(new, outcomes, calibrated(method, 3000, width=width))
    for row in coverage_table(bands, outcomes.realised):
        assert row.observed == pytest.approx(row.nominal, abs=0.03)
    raw = [row.observed - row.nominal for row in coverage_table(raw_bands(new), outcomes.realised)]
    assert (max(map(abs, raw)) > 0.15) == (width != 1.0)


def test_a_change_of_regime_breaks_fixed_offsets_and_the_tracker_and_aci_regain_it() -> None:
    new = later(4000)
    outcomes = drawn(new, 7, factor=np.where(np.arange(4000) < 1000, 1.0, 3.0))

    def at_the_end(method: Method) -> list[float]:
        bands = calibrated_bands(new, outcomes, calibrated(method)).select(slice(2000, 4000))
        return [row.observed for row in coverage_table(bands, outcomes.realised[2000:], (0.95,))]

    assert max(at_the_end(Split())) < 0.55
    assert max(at_the_end(Cqr())) < 0.55
    assert max(at_the_end(Mondrian())) < 0.55
    assert at_the_end(Tracker()) == pytest.approx([0.95] * 3, abs=0.01)
    assert at_the_end(Aci()) == pytest.approx([0.95] * 3, abs=0.01)


MOVED = {
    "learning_rate": (Tracker(0.02), Tracker(0.04)),
    "gamma": (Aci(0.01, 60), Aci(0.02, 60)),
    "window": (Aci(0.01, 60), Aci(0.01, 90)),
    "by": (Mondrian("volatility", 20), Mondrian("session", 20)),
    "minimum": (Mondrian("volatility", 20), Mondrian("volatility", 2000)),
    "method": (Split(), Cqr()),
}


@pytest.mark.parametrize("parameter", MOVED)
def test_each_parameter_of_a_method_moves_the_bands(parameter: str) -> None:
    new = later(60)
    outcomes = drawn(new)
    one, other = (calibrated_bands(new, outcomes, calibrated(method)) for method in MOVED[parameter])
    assert not np.array_equal(one.lower, other.lower)


@pytest.mark.parametrize("parameters", [{"cap": 1.5}, {"coverages": (0.5, 0.9)}])
def test_each_parameter_of_a_calibration_moves_the_bands(parameters: dict) -> None:
    new = later(60)
    one, other = (calibrated_bands(new, drawn(new), calibrated(Cqr(), **changed)) for changed in ({}, parameters))
    assert not np.array_equal(one.upper[:, :, -1], other.upper[:, :, -1])


def test_the_cap_flags_the_bands_it_cuts_and_no_others() -> None:
    new = later(60)
    bands = calibrated_bands(new, drawn(new), calibrated(Cqr(), cap=1.5))
    wide = calibrated_bands(new, drawn(new), calibrated(Cqr()))
    assert np.array_equal(bands.uncalibrated, wide.upper > 1.5 * wide.scale[:, :, None])
    assert bands.uncalibrated[:, :, -1].all()
    assert not bands.uncalibrated[:, :, 0].any()


@pytest.mark.parametrize(
    ("kind", "values"),
    [(Tracker, (0.0,)), (Tracker, (1.5,)), (Aci, (0.0,)), (Aci, (0.1, 0)), (Mondrian, ("weekday",)), (Mondrian, ("session", 0))],
)
def test_parameters_that_cannot_be_are_refused(kind: type, values: tuple) -> None:
    with pytest.raises(BadInputError, match="found; "):
        kind(*values)


def test_raw_bands_are_the_quantiles_of_the_forecast() -> None:
    forecasts = forecasts_of(7)
    bands = raw_bands(forecasts, (0.5, 0.95))
    assert np.array_equal(bands.lower[:, :, 1], forecasts.level(0.025))
    assert np.array_equal(bands.upper[:, :, 0], forecasts.level(0.75))


def test_bands_of_inconsistent_shape_are_refused() -> None:
    with pytest.raises(BadInputError, match=r"bands\.upper has shape"):
        Bands(
            known_at_us=np.zeros(2, dtype=np.int64),
            steps=np.array([1], dtype=np.int32),
            coverages=np.array([0.5]),
            lower=np.zeros((2, 1, 1)),
            upper=np.zeros((2, 1, 2)),
            uncalibrated=np.zeros((2, 1, 1), dtype=bool),
            median=np.zeros((2, 1)),
            scale=np.zeros((2, 1)),
        )
