"""Who may relax the trading state, and what each state allows."""

import itertools

import pytest

from fxgpt_core.errors import RefusedError
from fxgpt_core.portfolio.trading_state import STRICTNESS, StateChange, TradingState, changed


@pytest.mark.parametrize(("state", "wanted"), list(itertools.product(TradingState, TradingState)))
@pytest.mark.parametrize("by_person", [True, False])
def test_stricter_is_free_for_all_and_relaxing_is_for_people(state, wanted, by_person):
    change = StateChange(wanted, by="guard or person", reason="why", by_person=by_person)
    if STRICTNESS.index(wanted) >= STRICTNESS.index(state) or by_person:
        assert changed(state, change) is wanted
    else:
        with pytest.raises(RefusedError, match="only a person may"):
            changed(state, change)


def test_nothing_is_relaxed_while_an_order_is_unknown():
    change = StateChange(TradingState.ACTIVE, by="ada", reason="checked", by_person=True, unknown_orders=1)
    with pytest.raises(RefusedError, match="1 orders have an unknown outcome"):
        changed(TradingState.HALTED, change)


@pytest.mark.parametrize("missing", [{"by": " "}, {"reason": ""}])
def test_a_change_needs_a_name_and_a_reason(missing):
    with pytest.raises(RefusedError, match="names no person or no reason"):
        changed(
            TradingState.ACTIVE,
            StateChange(**({"by": "ada", "reason": "test", "wanted": TradingState.HALTED, "by_person": True} | missing)),
        )


def test_only_active_enters_and_halted_does_not_close():
    assert [state.may_enter for state in STRICTNESS] == [True, False, False]
    assert [state.may_close for state in STRICTNESS] == [True, True, False]
