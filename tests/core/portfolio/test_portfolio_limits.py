"""Limits before an entry, and who may relax the trading state."""

import dataclasses
import itertools

import pytest

from fxgpt_core.errors import BadInputError, RefusedError
from fxgpt_core.portfolio.limits import AccountSituation, Limits, denials
from fxgpt_core.portfolio.trading_state import STRICTNESS, StateChange, TradingState, changed

QUIET = AccountSituation(TradingState.ACTIVE, 99_000.0, 100_000.0, open_positions=0, unknown_orders=0, orders_last_minute=0)
LIMITS = Limits(daily_loss_limit=0.03, max_orders_per_minute=5)


def test_a_quiet_active_account_may_enter():
    assert denials(1000, QUIET, LIMITS) == ()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"state": TradingState.REDUCING}, "trading is reducing"),
        ({"state": TradingState.HALTED}, "trading is halted"),
        ({"open_positions": 1}, "1 positions are open on the symbol, at most 1"),
        ({"unknown_orders": 2}, "2 orders on the symbol have an unknown outcome"),
        ({"orders_last_minute": 5}, "5 orders were sent within a minute, at most 5"),
        ({"equity": 97_000.0}, "fell by 3.00 % in this FX day, the limit is 3.00 %"),
        ({"equity": float("nan")}, "daily loss is not known"),
        ({"day_start_equity": 0.0}, "daily loss is not known"),
    ],
)
def test_each_limit_denies_alone_with_its_number(changes, text):
    (denial,) = denials(1000, dataclasses.replace(QUIET, **changes), LIMITS)
    assert text in denial


def test_every_broken_limit_is_named_at_once():
    situation = dataclasses.replace(QUIET, state=TradingState.HALTED, open_positions=3, equity=1.0)
    assert len(denials(0, situation, LIMITS)) == 4


@pytest.mark.parametrize("bad", [{"daily_loss_limit": 0.0}, {"daily_loss_limit": 1.5}, {"max_orders_per_minute": 0}])
def test_limits_that_cannot_be_held_are_refused(bad):
    with pytest.raises(BadInputError, match="cannot be held"):
        Limits(**({"daily_loss_limit": 0.03} | bad))


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
