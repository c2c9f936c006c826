"""Statistics of regimes by hand, and the regime now."""

import dataclasses

import numpy as np
import pytest
from regime_examples import candles_of, fitted, sample

from fxgpt_core.errors import BadInputError
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.regimes.detection import detect_regime
from fxgpt_core.regimes.regime import RANGING, REGIMES, UNKNOWN, regime_name
from fxgpt_core.regimes.regime_series import RegimeSeries
from fxgpt_core.regimes.regime_statistics import regime_statistics, transition_shares


def series_of(codes, candles):
    regime = np.array(codes, dtype=np.int8)
    return RegimeSeries(candles.known_at_us, regime, np.where(regime[:, None] == UNKNOWN, np.nan, np.eye(4)[regime]))


@pytest.fixture
def by_hand():
    candles = candles_of(np.array([0.0, 0.01, 0.02, 0.03, -0.02, 0.04, 0.01]))
    return series_of([-1, 0, 0, 2, 2, 0, 3], candles), candles


def test_share_visits_length_and_the_return_of_the_next_candle_are_counted_by_hand(by_hand):
    up, down, ranging, volatile = regime_statistics(*by_hand)
    assert (up.regime, up.n_candles, up.share, up.visits, up.mean_candles) == ("trending_up", 3, 0.5, 2, 1.5)
    # Behind rows 1, 2 and 5: returns 0.02, 0.03, 0.01.
    assert (up.drift, up.volatility) == (pytest.approx(0.02), pytest.approx(0.01 * np.sqrt(2 / 3)))
    assert (ranging.n_candles, ranging.drift, ranging.volatility) == (2, pytest.approx(0.01), pytest.approx(0.03))
    assert dataclasses.astuple(down) == ("trending_down", 0, 0.0, 0, None, None, None)
    assert (volatile.n_candles, volatile.visits, volatile.drift) == (1, 1, None)


def test_a_part_of_the_rows_is_told_by_itself(by_hand):
    rows = regime_statistics(*by_hand, slice(2, 5))
    assert [(row.n_candles, row.visits) for row in rows] == [(1, 1), (0, 0), (2, 1), (0, 0)]
    assert regime_statistics(*by_hand, slice(0, 1))[0].share == 0.0


def test_shares_of_where_a_regime_went_sum_to_one(by_hand):
    shares = transition_shares(by_hand[0])
    assert shares[0].tolist() == [0.0, 0.0, 0.5, 0.5]
    assert shares[2].tolist() == [1.0, 0.0, 0.0, 0.0]
    assert np.isnan(shares[[1, 3]]).all()


def test_regimes_of_other_candles_are_refused(by_hand):
    with pytest.raises(BadInputError, match="must be of the same"):
        regime_statistics(by_hand[0], sample())


def test_the_regime_now_is_the_last_of_the_series_and_since_when():
    model, candles = fitted(), sample()
    series = model.series(candles)
    for stop in (900, 2777, 5000):
        now = detect_regime(model, candles.slice(0, stop))
        row = stop - 1
        begin = row - next(i for i in range(row) if series.regime[row - i] != series.regime[row]) + 1
        assert now.regime == series.regime[row]
        assert now.probability == series.probability[row, now.regime]
        assert (now.known_at_us, now.since_us) == (candles.known_at_us[row], candles.known_at_us[begin])
        assert now.candles_since == stop - begin


def test_the_candles_a_model_needs_are_enough_for_the_regime_now():
    model, candles = fitted(), sample()
    recent = candles.slice(5000 - model.candles_needed, 5000)
    whole, part = detect_regime(model, candles), detect_regime(model, recent)
    assert (part.regime, part.probability) == (whole.regime, whole.probability)


def test_in_the_warm_up_the_regime_is_unknown():
    now = detect_regime(fitted(), sample().slice(0, 100))
    assert (now.regime, now.probability, now.candles_since) == (UNKNOWN, None, 100)


def test_no_candles_and_those_of_another_timeframe_have_no_regime():
    with pytest.raises(BadInputError, match="no candle found"):
        detect_regime(fitted(), sample().slice(0, 0))
    with pytest.raises(BadInputError, match="give those, or fit another"):
        detect_regime(fitted(), dataclasses.replace(sample(), timeframe=Timeframe.D1))


def test_names_are_those_of_the_codes():
    assert [regime_name(code) for code in (UNKNOWN, RANGING)] == ["unknown", REGIMES[RANGING]]
