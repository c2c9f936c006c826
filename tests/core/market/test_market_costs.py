"""Costs as fractions of the price."""

import numpy as np
import pytest

from fxgpt_core.errors import BadInputError
from fxgpt_core.market.costs import DEFAULT_COMMISSION, QUOTED, Costs, FxCosts, costs_for
from fxgpt_core.market.symbols import symbol


def test_a_round_trip_pays_the_spread_once_and_the_commission_twice():
    assert Costs(spread=0.001, commission=0.0002).round_trip == pytest.approx(0.0014)


def test_the_typical_spread_in_pips_becomes_a_fraction_of_the_price():
    eurusd = symbol("EURUSD")
    costs = costs_for(eurusd, 1.25)
    assert costs.spread == pytest.approx(eurusd.typical_spread_pips * 0.0001 / 1.25)
    assert costs.commission == DEFAULT_COMMISSION


def test_doubled_costs_double_both_parts():
    single, double = costs_for(symbol("USDJPY"), 150.0), costs_for(symbol("USDJPY"), 150.0, multiplier=2.0)
    assert double == Costs(2 * single.spread, 2 * single.commission) == single.times(2)


@pytest.mark.parametrize("rows", [slice(1, 3), np.array([False, True, True, False]), np.array([1, 2])])
def test_costs_of_each_candle_are_chosen_with_them_and_others_stay(rows):
    each = {name: np.array([1.0, 2.0, 3.0, 4.0]) * place for place, name in enumerate(QUOTED, start=1)}
    chosen = FxCosts(**each, commission=0.5).select(rows)
    assert {name: getattr(chosen, name).tolist() for name in QUOTED} == {
        name: [2.0 * place, 3.0 * place] for place, name in enumerate(QUOTED, start=1)
    }
    assert chosen.commission == 0.5
    one_for_all = FxCosts(np.array([0.1])).select(rows)
    assert (one_for_all.spread.tolist(), one_for_all.open_spread.tolist(), one_for_all.swap_long.tolist()) == ([0.1], [], [0.0])
    flat = Costs(0.001, 0.0002)
    assert flat.select(rows) == flat


@pytest.mark.parametrize("bad", [-1e-9, 0.1, float("nan"), float("inf")])
def test_a_cost_outside_its_range_is_refused_by_name(bad):
    with pytest.raises(BadInputError, match="the spread is"):
        Costs(spread=bad, commission=0.0)
    with pytest.raises(BadInputError, match="the commission is"):
        Costs(spread=0.0, commission=bad)


@pytest.mark.parametrize("price", [0.0, -1.0, float("nan"), float("inf")])
def test_a_reference_price_that_is_no_price_is_refused(price):
    with pytest.raises(BadInputError, match="reference price of EURUSD"):
        costs_for(symbol("EURUSD"), price)
