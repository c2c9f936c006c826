"""Every fault that touches one order: its outcome says what is known and no more, and the books become the venue's."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from ctrader_stage import Stage, agreed, order, stage
from virtual_time import run_in_virtual_time

from fxgpt_core.brokers.broker import OrderState, Refusal
from fxgpt_core.market.orders import OrderOutcome

CONFIRMED, REJECTED, DENIED, UNKNOWN = OrderOutcome
GRACE_S = 120.0

PROCESSED: list[tuple[str, dict[str, Any], OrderOutcome]] = [
    ("drop_after_processing", {}, UNKNOWN),
    ("drop_after_accept", {}, CONFIRMED),
    ("zombie", {"seconds": 2.5}, UNKNOWN),
    ("duplicate_event", {}, CONFIRMED),
    ("out_of_order", {}, CONFIRMED),
    ("push_after_list", {}, UNKNOWN),
    ("late_fill", {"seconds": 25.0}, CONFIRMED),
    ("partial_fills", {"parts": 4}, CONFIRMED),
    ("error_yet_executed", {"code": "TIMEOUT_ERROR", "seconds": 2.0}, UNKNOWN),
    ("error_yet_executed", {"code": "CANT_ROUTE_REQUEST", "seconds": 2.0}, UNKNOWN),
    ("unknown_error", {"is_executed": True}, UNKNOWN),
]
NOT_PROCESSED: list[tuple[str, dict[str, Any], OrderOutcome]] = [
    ("drop_before_processing", {}, UNKNOWN),
    ("no_answer", {}, UNKNOWN),
    ("unknown_error", {"is_executed": False}, UNKNOWN),
    ("error_code", {"code": "TRADING_BAD_STOPS"}, REJECTED),
    ("error_code", {"code": "TRADING_BAD_STOPS", "as_answer": True}, REJECTED),
]


def named(case: tuple[str, dict[str, Any], OrderOutcome]) -> str:
    return "-".join([case[0], *(str(value) for value in case[1].values())])


@pytest.mark.parametrize("case", PROCESSED, ids=named)
def test_an_order_that_was_executed_is_found_whatever_became_of_its_answer(
    case: tuple[str, dict[str, Any], OrderOutcome], tmp_path: Path
) -> None:
    fault, detail, outcome = case

    async def story(at: Stage) -> None:
        at.fault(fault, **detail)
        result = await at.broker.place(order())
        assert result.outcome is outcome, result
        again = await at.broker.place(order())
        assert again.outcome is REJECTED
        await asyncio.sleep(GRACE_S)
        found = await at.broker.order("fx1-a", sent_at_us=0)
        assert found is not None
        assert (found.state, found.filled_units, found.client_order_id) == (OrderState.FILLED, 4000, "fx1-a")
        await agreed(at)
        (held,) = at.broker.positions()
        assert (held.client_order_id, held.units) == ("fx1-a", 4000)
        assert (held.stop_price, held.target_price) == (pytest.approx(1.09013), pytest.approx(1.12013))
        assert {fill.client_order_id for _, fill in at.broker.fills_since(0)} == {"fx1-a"}

    run_in_virtual_time(told(story, tmp_path))


@pytest.mark.parametrize("case", NOT_PROCESSED, ids=named)
def test_an_order_that_never_was_is_not_found_and_not_sent_again(
    case: tuple[str, dict[str, Any], OrderOutcome], tmp_path: Path
) -> None:
    fault, detail, outcome = case

    async def story(at: Stage) -> None:
        at.fault(fault, **detail)
        result = await at.broker.place(order())
        assert result.outcome is outcome, result
        await asyncio.sleep(GRACE_S)
        assert (await at.broker.place(order())).outcome is REJECTED
        assert await at.broker.order("fx1-a", sent_at_us=0) is None
        await agreed(at)
        assert at.broker.positions() == ()

    run_in_virtual_time(told(story, tmp_path))


@pytest.mark.parametrize(("fault", "wait"), [("rate_limited", 7.0), ("rate_limited_bare", 1.0)])
def test_an_order_that_was_turned_away_unread_may_be_sent_again(fault: str, wait: float, tmp_path: Path) -> None:
    async def story(at: Stage) -> None:
        at.fault(fault, seconds=7)
        result = await at.broker.place(order())
        assert (result.outcome, result.refusal, result.retry_after_s) == (REJECTED, Refusal.RATE_LIMIT, wait)
        assert (await at.broker.place(order())).outcome is CONFIRMED
        await agreed(at)
        assert len(at.broker.positions()) == 1

    run_in_virtual_time(told(story, tmp_path))


@pytest.mark.parametrize(
    ("code", "refusal"),
    [
        ("NOT_ENOUGH_MONEY", Refusal.NOT_ENOUGH_MONEY),
        ("MARKET_CLOSED", Refusal.MARKET_CLOSED),
        ("TRADING_NOT_ALLOWED", Refusal.ACCOUNT),
        ("MAX_EXPOSURE_REACHED", Refusal.OTHER),
    ],
)
def test_a_refusal_says_of_which_kind_it_is(code: str, refusal: Refusal, tmp_path: Path) -> None:
    async def story(at: Stage) -> None:
        at.fault("error_code", code=code)
        result = await at.broker.place(order())
        assert (result.outcome, result.refusal) == (REJECTED, refusal)
        assert code in result.reason

    run_in_virtual_time(told(story, tmp_path))


def test_an_order_that_is_cancelled_after_a_part_says_how_much_was_filled(tmp_path: Path) -> None:
    async def story(at: Stage) -> None:
        at.fault("partial_then_cancel", parts=4)
        assert (await at.broker.place(order())).outcome is CONFIRMED
        await agreed(at)
        found = at.broker.known_order("fx1-a")
        (held,) = at.broker.positions()
        assert found is not None
        assert found.state is OrderState.CANCELLED
        assert 0 < found.filled_units == held.units < 4000

    run_in_virtual_time(told(story, tmp_path))


@pytest.mark.parametrize(
    "fault",
    ["drop_before_processing", "drop_after_processing", "drop_after_accept", "zombie", "no_answer", "duplicate_event",
     "out_of_order", "push_after_list", "late_fill", "error_code", "error_yet_executed", "unknown_error"],
)  # fmt: skip
def test_a_close_that_meets_a_fault_is_repeated_until_the_position_is_gone(fault: str, tmp_path: Path) -> None:
    async def story(at: Stage) -> None:
        await at.broker.place(order())
        await agreed(at)
        at.fault(fault)
        for _ in range(3):
            if at.broker.positions():
                result = await at.broker.close(at.broker.positions()[0].position_id, "fx1-a-time", "time")
                assert result.outcome in OrderOutcome
            await asyncio.sleep(40.0)
            await at.broker.reconcile()
        await agreed(at)
        assert at.broker.positions() == ()
        (_, exit_) = [fill for _, fill in at.broker.fills_since(0)]
        assert (exit_.reason, exit_.client_order_id, exit_.units) == ("time", "fx1-a-time", 4000)

    run_in_virtual_time(told(story, tmp_path))


@pytest.mark.parametrize("fault", ["drop_before_processing", "drop_after_processing", "zombie", "no_answer", "push_after_list"])
def test_a_stop_is_in_the_books_as_it_holds_at_the_venue_after_a_fault(fault: str, tmp_path: Path) -> None:
    async def story(at: Stage) -> None:
        await at.broker.place(order())
        await agreed(at)
        (held,) = at.broker.positions()
        at.fault(fault)
        result = await at.broker.amend(held.position_id, 1.095, None)
        assert result.outcome is UNKNOWN
        await asyncio.sleep(10.0)
        await at.broker.reconcile()
        await agreed(at)

    run_in_virtual_time(told(story, tmp_path))


async def told(story: Any, folder: Path) -> None:
    async with stage(folder) as at:
        await story(at)
