"""Exposure by currency and what moves together: by hand numbers, and each limit with its number."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxgpt_core.errors import BadInputError
from fxgpt_core.market.symbols import symbol
from fxgpt_core.portfolio.exposure import (
    Holding,
    allowed_share,
    correlated,
    correlations,
    exposure,
)

LIMIT = 150_000.0


def holding(name, units, price, quote_value=1.0):
    return Holding(symbol(name), units, price, quote_value)


EURUSD = holding("EURUSD", 100_000, 1.1)


def test_a_pair_holds_its_base_and_owes_its_quote_currency():
    # 50,000 dollars against yen at 140: the yen is worth 1 / 140 of a dollar.
    held = [EURUSD, holding("GBPUSD", -20_000, 1.25), holding("USDJPY", 50_000, 140.0, 1 / 140)]
    found = exposure(held)
    assert list(found) == ["EUR", "GBP", "JPY", "USD"]
    assert found == pytest.approx({"EUR": 110_000, "GBP": -25_000, "JPY": -50_000, "USD": -110_000 + 25_000 + 50_000})


def test_long_and_short_of_the_same_cancel():
    assert exposure([EURUSD, holding("EURUSD", -100_000, 1.1)]) == {"EUR": 0.0, "USD": 0.0}
    assert exposure([]) == {}


def test_what_moves_with_a_wish_by_hand():
    held = [EURUSD, holding("USDJPY", 50_000, 140.0, 1 / 140)]
    # 0.8 · 110,000 − 0.5 · 50,000, and for a short the other way round; an unknown correlation counts in full.
    assert correlated(holding("GBPUSD", 10_000, 1.25), held, np.array([0.8, -0.5])) == pytest.approx(63_000)
    assert correlated(holding("GBPUSD", -10_000, 1.25), held, np.array([0.8, -0.5])) == pytest.approx(-63_000)
    assert correlated(holding("GBPUSD", -10_000, 1.25), held, np.array([np.nan, 0.0])) == pytest.approx(110_000)


def test_the_share_of_a_wish_that_fits_by_hand():
    wish = holding("GBPUSD", 80_000, 1.25)  # 100,000, with 88,000 that move along: 62,000 of it fit
    assert allowed_share(wish, [EURUSD], np.array([0.8]), LIMIT) == pytest.approx(0.62)
    assert allowed_share(wish, [EURUSD], np.array([-0.8]), LIMIT) == 1.0


@given(st.floats(-1.0, 1.0), st.integers(-500_000, 500_000).filter(bool), st.integers(-500_000, 500_000))
def test_the_share_that_fits_fits(rho, wished, held_units):
    wish, held, known = holding("GBPUSD", wished, 1.25), [holding("EURUSD", held_units, 1.1)], np.array([rho])
    share = allowed_share(wish, held, known, LIMIT)
    assert 0.0 <= share <= 1.0
    if share > 0.0:
        fitting = holding("GBPUSD", wished * share * (1 - 1e-12), 1.25)
        assert correlated(fitting, held, known) + abs(fitting.value) <= LIMIT


def test_correlations_are_pearsons_over_common_days():
    rng = np.random.default_rng(0)
    returns = rng.normal(size=(60, 4))
    returns[:, 1] += returns[:, 0]
    returns[:15, 1] = np.nan
    returns[:, 2] = 0.0
    returns[:50, 3] = np.nan
    found = correlations(returns)
    assert found[0, 1] == found[1, 0] == pytest.approx(np.corrcoef(returns[15:, 0], returns[15:, 1])[0, 1])
    assert found[0, 0] == pytest.approx(1.0)
    assert np.isnan(found[2]).all()
    assert np.isnan(found[3]).all()


def test_what_cannot_be_is_refused():
    with pytest.raises(BadInputError, match="have no value"):
        holding("EURUSD", 1.0, float("nan"))
    with pytest.raises(BadInputError, match="2 correlations for 1 positions"):
        correlated(EURUSD, [EURUSD], np.array([1.0, 0.5]))
    with pytest.raises(BadInputError, match=r"one in \[-1, 1\]"):
        correlated(EURUSD, [EURUSD], np.array([1.5]))
