"""The limiter: no window of a second ever holds more frames than the venue allows; what protects does not queue."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_time import run_in_virtual_time

from fxgpt_core.brokers.ctrader.limiter import HISTORICAL, PROTECTING, Limiter, Rates
from fxgpt_core.brokers.ctrader.protocol import PAYLOAD_TYPES

ORDER, HISTORY, CLOSE = "ProtoOANewOrderReq", "ProtoOADealListReq", "ProtoOAClosePositionReq"
Sent = list[tuple[float, str]]


def _played(wanted: list[tuple[float, str]], rates: Rates) -> Sent:
    """When each wish, given at its time, was let through."""
    sent: Sent = []

    async def one(limiter: Limiter, at: float, name: str) -> None:
        await asyncio.sleep(at)
        await limiter.turn(name)
        sent.append((asyncio.get_running_loop().time(), name))

    async def play() -> None:
        limiter = Limiter(rates)
        await asyncio.gather(*(one(limiter, at, name) for at, name in wanted))

    run_in_virtual_time(play())
    return sent


def _most_in_a_second(sent: Sent, names: set[str]) -> int:
    times = sorted(at for at, name in sent if name in names)
    return max((sum(1 for other in times if at <= other <= at + 1.0) for at in times), default=0)


def test_every_message_it_knows_exists():
    assert set(PAYLOAD_TYPES) >= HISTORICAL | PROTECTING


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 3), st.sampled_from([ORDER, HISTORY, CLOSE])), max_size=120))
def test_no_sliding_second_holds_more_than_is_allowed(wanted):
    sent = _played(wanted, Rates(ordinary=8, reserve=3, historical=2))
    assert len(sent) == len(wanted)
    assert _most_in_a_second(sent, {ORDER, HISTORY, CLOSE}) <= 11
    assert _most_in_a_second(sent, {ORDER, HISTORY}) <= 8
    assert _most_in_a_second(sent, {HISTORY}) <= 2


def test_the_usual_rates_stay_below_the_venues_fifty_and_five():
    sent = _played([(0.0, name) for name in [ORDER] * 200 + [HISTORY] * 40 + [CLOSE] * 100], Rates())
    assert _most_in_a_second(sent, {ORDER, HISTORY, CLOSE}) == 50
    assert _most_in_a_second(sent, {HISTORY}) == 4


def test_a_close_uses_the_reserve_while_orders_queue():
    sent = _played([(0.0, ORDER)] * 200 + [(0.5, CLOSE)] * 10, Rates())
    assert [at for at, name in sent if name == CLOSE] == [0.5] * 10


def test_orders_leave_in_the_order_they_came():
    order: list[int] = []

    async def play() -> None:
        limiter = Limiter(Rates(ordinary=2))

        async def one(number: int) -> None:
            await limiter.turn(ORDER)
            order.append(number)

        await asyncio.gather(*(one(number) for number in range(9)))

    run_in_virtual_time(play())
    assert order == list(range(9))


@pytest.mark.parametrize(("rates", "waited"), [(Rates(ordinary=1), 1.1), (Rates(ordinary=2), 0.0), (Rates(1, window_s=3), 3.0)])
def test_each_rate_moves_the_wait(rates, waited):
    assert _played([(0.0, ORDER)] * 2, rates)[1][0] == pytest.approx(waited, abs=1e-5)


def test_a_hold_meets_its_own_messages_only_and_ends():
    async def play() -> tuple[list[float], float]:
        limiter = Limiter()
        holds = [limiter.hold(ORDER, 0.0) for _ in range(9)]
        await limiter.turn(CLOSE)
        clock = asyncio.get_running_loop().time
        assert clock() == 0
        await limiter.turn(ORDER)
        ended = clock()
        limiter.answered(ORDER)
        holds.append(limiter.hold(ORDER, 0.0))
        holds.append(limiter.hold(ORDER, 500.0))
        return holds, ended

    holds, ended = run_in_virtual_time(play())
    # 1, 2, 4 ... 64 s, then at most 120; short again after an answer; never shorter than the venue said.
    assert holds == [1, 2, 4, 8, 16, 32, 64, 120, 120, 1, 500]
    assert ended == pytest.approx(120)
