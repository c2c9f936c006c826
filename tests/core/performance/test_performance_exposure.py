"""Exposure and turnover against hand numbers, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from played_by_hand import daily, result_of, trades_of, weekdays

from fxgpt_core.errors import BadInputError
from fxgpt_core.performance.exposure import candles_in_position, exposure

TRADED = {
    "entry_index": [1, 4],
    "exit_index": [2, 4],
    "units": [50, 100],
    "entry_price": [1.0, 2.0],
    "exit_price": [1.5, 2.5],
}


def test_exposure_and_turnover_of_a_week_by_hand():
    run = result_of([25.0, 50.0], [100.0, 100.0, 125.0, 125.0, 175.0], **TRADED)
    found = exposure(run, weekdays(5, "2018-01-08"))
    assert found.exposure == 3 / 5
    traded = 50 * (1.0 + 1.5) + 100 * (2.0 + 2.5)
    assert found.turnover == pytest.approx(traded / (725.0 / 6.0) / (7 / 365.25))


def test_turnover_is_counted_in_the_currency_of_the_account():
    run, candles = result_of([25.0, 50.0], [100.0, 100.0, 125.0, 125.0, 175.0], **TRADED), daily(5)
    plain = exposure(run, candles).turnover
    assert exposure(run, candles, np.full(5, 0.5)).turnover == exposure(run, candles, np.array([0.5])).turnover == plain / 2.0
    rates = np.array([9.0, 2.0, 3.0, 9.0, 4.0])
    converted = 50 * (1.0 * 2.0 + 1.5 * 3.0) + 100 * (2.0 + 2.5) * 4.0
    assert exposure(run, candles, rates).turnover == pytest.approx(plain * converted / 575.0)


def test_without_trades_or_candles_there_is_no_exposure():
    assert set(exposure(result_of([], [100.0] * 3), daily(3)).to_json().values()) == {0.0}
    assert set(exposure(result_of([], []), daily(0)).to_json().values()) == {0.0}


def test_a_debt_does_not_lower_the_mean_equity():
    lost = {"entry_index": 0, "exit_index": 0}
    owing, zero = (exposure(result_of([-200.0], [rest], **lost), daily(1)).turnover for rest in (-100.0, 0.0))
    assert owing == zero > 0.0


@pytest.mark.parametrize(
    ("rates", "message"), [([1.0] * 3, "3 conversion rates for 2 candles"), ([1.0, 0.0], "positive"), ([1.0, np.nan], "finite")]
)
def test_a_conversion_that_cannot_be_is_refused(rates, message):
    with pytest.raises(BadInputError, match=message):
        exposure(result_of([], [100.0, 100.0]), daily(2), np.array(rates))


@pytest.mark.parametrize(("entry", "exit_"), [(0, 3), (-1, 1)])
def test_a_trade_outside_the_candles_is_refused(entry, exit_):
    with pytest.raises(BadInputError, match=f"trades from candle {entry} to {exit_} of 3 candles"):
        exposure(result_of([1.0], [100.0] * 3, entry_index=entry, exit_index=exit_), daily(3))


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)).map(sorted), max_size=8))
def test_a_candle_is_in_a_position_if_any_trade_covers_it(spans):
    entry, exit_ = (np.array([span[i] for span in spans], dtype=np.int64) for i in (0, 1))
    found = candles_in_position(trades_of(np.zeros(len(spans)), entry_index=entry, exit_index=exit_), 20)
    assert found.tolist() == [any(a <= row <= b for a, b in spans) for row in range(20)]
