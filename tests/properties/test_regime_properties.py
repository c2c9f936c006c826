"""Regimes of any candles: a row knows nothing of what follows it, nor of what lies further back than the candles it needs."""

import dataclasses

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.market.sessions import expected_open_times
from fxgpt_core.market.timeframes import DAY_US, Timeframe
from fxgpt_core.regimes.forward_filter import dwelt
from fxgpt_core.regimes.hidden_markov import fit_regimes
from fxgpt_core.regimes.regime_model import RegimeModel
from fxgpt_core.regimes.regime_parameters import RegimeParameters

H1 = Timeframe.H1
PARAMETERS = RegimeParameters(volatility_span=4, trend_span=12, n_restarts=1)
MONDAY_US = 1_451_858_400_000_000


def candles_of(steps: np.ndarray, times: np.ndarray) -> CandleArrays:
    close = np.exp(np.cumsum(steps))
    return CandleArrays(times, close, close, close, close, np.ones(len(close)), H1)


def fitted() -> RegimeModel:
    rng = np.random.default_rng(0)
    steps = 1e-3 * rng.standard_normal(1500) * np.where(np.arange(1500) // 100 % 3 == 0, 4.0, 1.0)
    steps += np.where(np.arange(1500) // 150 % 2 == 0, 5e-4, -5e-4)
    return fit_regimes(candles_of(steps, MONDAY_US + H1.us * np.arange(1500)), PARAMETERS, 1)


MODEL = fitted()


@st.composite
def series(draw: st.DrawFn) -> CandleArrays:
    """Up to half a year of hourly candles with any steps, and weeks missing anywhere."""
    seed, n_weeks = draw(st.integers(0, 1 << 30)), draw(st.integers(2, 26))
    times = expected_open_times(MONDAY_US, MONDAY_US + n_weeks * 7 * DAY_US, H1)
    open_weeks = draw(st.sets(st.integers(0, n_weeks), max_size=n_weeks // 3))
    times = times[~np.isin((times - MONDAY_US) // (7 * DAY_US), sorted(open_weeks))]
    sizes = draw(arrays(np.float64, 8, elements=st.sampled_from([0.0, 1e-5, 1e-3, 0.2])))
    rng = np.random.default_rng(seed)
    return candles_of(sizes[rng.integers(0, 8, len(times))] * rng.standard_normal(len(times)), times)


@settings(max_examples=60, deadline=None)
@given(series(), st.data())
def test_a_row_is_bit_equal_without_its_future_and_without_its_distant_past(candles: CandleArrays, data: st.DataObject) -> None:
    whole = MODEL.series(candles)
    row = data.draw(st.integers(0, len(candles) - 1))
    cut = MODEL.series(candles.slice(0, row + 1))
    assert cut.probability.tobytes() == whole.probability[: row + 1].tobytes()
    assert cut.regime.tobytes() == whole.regime[: row + 1].tobytes()
    needed = MODEL.series(candles.slice(max(0, row + 1 - MODEL.candles_needed), row + 1))
    assert needed.probability[-1].tobytes() == whole.probability[row].tobytes()
    assert needed.regime[-1] == whole.regime[row]
    assert [t for t in whole.transitions if t.known_at_us <= candles.known_at_us[row]] == list(cut.transitions)


@settings(max_examples=60, deadline=None)
@given(arrays(np.float64, (80, 4), elements=st.sampled_from([0.0, 0.25, 0.5, 1.0])), st.integers(1, 9))
def test_a_believed_regime_was_the_likeliest_for_its_dwell_when_it_began(probability: np.ndarray, min_dwell: int) -> None:
    believed, likeliest = dwelt(probability, min_dwell), probability.argmax(axis=1)
    begins = np.flatnonzero(np.diff(believed) != 0) + 1
    for row in begins:
        assert set(likeliest[row - min_dwell + 1 : row + 1]) == {believed[row]}
    # And none that was likeliest for so long is kept waiting.
    for row in range(min_dwell - 1, len(likeliest)):
        if len(set(likeliest[row - min_dwell + 1 : row + 1])) == 1:
            assert believed[row] == likeliest[row]


def test_the_parameters_that_a_model_was_fitted_by_are_kept_with_it() -> None:
    assert dataclasses.asdict(RegimeModel.from_json(MODEL.to_json()).parameters) == dataclasses.asdict(PARAMETERS)
