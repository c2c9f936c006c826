"""Whatever happens in whatever order: nothing leaves that may not, nothing is placed twice, the books are the fold of fills."""

import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from live_account import LiveAccount, live_account, play
from scripted_broker import ACCEPTED, DONE, HIDDEN, LOST, NEVER_WRITTEN, Answer, refused

from fxgpt_core.brokers.broker import OrderState, Refusal
from fxgpt_core.errors import RefusedError
from fxgpt_core.live import kill_switch, state_of_trading
from fxgpt_core.market.orders import OrderRequest
from fxgpt_core.portfolio.trading_state import TradingState
from fxgpt_core.registry.live_tables import fills, order_intents, positions

ANSWERS = (
    DONE, ACCEPTED, Answer(fills=(1000, 2000)), LOST, HIDDEN, Answer(breaks=True, fills=(), seen_after_s=4.0), NEVER_WRITTEN,
    Answer(breaks=True, fills=(), seen_after_s=20.0), refused(), refused(Refusal.NOT_ENOUGH_MONEY),
    refused(Refusal.RATE_LIMIT, 3.0),
)  # fmt: skip
FINAL = {"FILLED", "DENIED", "REJECTED", "CANCELLED", "EXPIRED"}


class Witness:
    """Looks at every order in the moment it leaves, by what the test did and the broker knows."""

    def __init__(self, account: LiveAccount) -> None:
        self.account, self.broker = account, account.broker
        self.n_left = 0
        self.broker.on_left = self.look

    def look(self, request: OrderRequest) -> None:
        account, broker = self.account, self.broker
        self.n_left += 1
        assert account.state is TradingState.ACTIVE
        assert not any((account.folder / name).exists() for name in ("halt", "flatten"))
        assert broker.is_ready
        assert broker.compared == broker.connections
        assert account.clock.us - request.requested_at_us <= 30_000_000
        assert account.clock.time.isoweekday() != 6  # Saturday
        assert not any(held.symbol == request.symbol and not held.client_order_id for held in broker.held.values())
        others = [row for row in account.rows(order_intents) if row.client_order_id != request.client_order_id]
        assert not any(row.symbol == request.symbol and row.state == "UNKNOWN" for row in others)
        assert account.intent(request.client_order_id).state == "SENT"


async def signal(account: LiveAccount, symbol: str, side: int, answer: Answer) -> None:
    account.broker.places.append(answer)
    await account.next_hour()
    await account.signal(symbol, side)
    await account.run(4.0, 1.0)
    account.broker.places.clear()
    account.broker.before_write = lambda: None


async def last_moment(account: LiveAccount, what: str) -> None:
    """The next order meets a change in the moment before it is written."""
    deeds: dict[str, Callable[[], object]] = {
        "halt": lambda: switch(account, TradingState.HALTED),
        "file": lambda: account.write("halt"),
        "lose": account.broker.lose,
        "reconnect": account.broker.come_back,
    }
    account.broker.before_write = deeds[what]


def switch(account: LiveAccount, state: TradingState) -> None:
    state_of_trading.change(account.ledger, "paper", state, by="ada", reason="a test")


async def resume(account: LiveAccount) -> None:
    for name in ("halt", "flatten"):
        (account.folder / name).unlink(missing_ok=True)
    try:
        switch(account, TradingState.ACTIVE)
    except RefusedError as error:
        assert "unknown outcome" in str(error)  # noqa: PT017 it is refused for this and for nothing else


async def stricter(account: LiveAccount, how: str) -> None:
    if how == "flatten":
        kill_switch.ask_to_flatten(account.ledger, "paper", by="ada", reason="a test")
    elif how == "file":
        account.write("halt")
    elif account.state is TradingState.ACTIVE:
        switch(account, TradingState(how))


async def fill(account: LiveAccount, share: int) -> None:
    """The oldest order that may still be filled is, whole or by a third."""
    for order, known in account.broker.book.items():
        if known.client_order_id and known.state in (OrderState.ACCEPTED, OrderState.PARTLY_FILLED):
            account.broker.fill(order, max((known.units - known.filled_units) // share, 1))
            return


async def tell_again(account: LiveAccount) -> None:
    account.broker.told.extend(account.broker.told[:1])


async def connection(account: LiveAccount, is_there: bool) -> None:
    account.broker.lose()
    if is_there:
        account.broker.come_back()


async def mute(account: LiveAccount, is_mute: bool) -> None:
    account.broker.is_mute = is_mute


async def restart(account: LiveAccount, in_order: bool) -> None:
    if in_order and account.gateway is not None:
        await account.gateway.stop()
    account.crash()
    account.broker.lose()
    await account.start()


async def position(account: LiveAccount, what: str) -> None:
    """Something happens to the oldest position."""
    for name in list(account.broker.held)[:1]:
        if what == "stop":
            account.broker.leave(name, "stop")
        elif what == "part" and account.broker.held[name].units > 1:
            account.broker.leave(name, "close", account.broker.held[name].units // 2)
        elif what == "bare":
            account.broker.amends.extend([refused()] * 20)
            account.broker.move(name, None, None)


async def foreign(account: LiveAccount, symbol: str) -> None:
    account.broker.open_by_hand(symbol)


async def weekend(account: LiveAccount) -> None:
    """Saturday, noon."""
    days = (5 - account.clock.time.weekday()) % 7 or 7
    noon = (account.clock.time + timedelta(days=days)).replace(hour=12, minute=0, second=0, microsecond=0)
    await account.wait((noon - account.clock.time).total_seconds())


Event = tuple[Callable[..., Awaitable[None]], tuple[object, ...]]
SYMBOLS = st.sampled_from(["EURUSD", "GBPUSD"])


def event(deed: Callable[..., Awaitable[None]], *arguments: st.SearchStrategy) -> st.SearchStrategy[Event]:
    return st.tuples(st.just(deed), st.tuples(*arguments))


WISH = event(signal, SYMBOLS, st.sampled_from([-1, 1]), st.sampled_from(ANSWERS))
EVENTS = st.one_of(
    WISH, WISH, WISH, WISH,
    event(resume), event(resume),
    event(fill, st.sampled_from([1, 3])), event(fill, st.sampled_from([1, 3])),
    event(last_moment, st.sampled_from(["halt", "file", "lose", "reconnect"])),
    event(stricter, st.sampled_from(["halted", "reducing", "file", "flatten"])),
    event(connection, st.booleans()), event(connection, st.just(True)),
    event(mute, st.booleans()), event(tell_again), event(restart, st.booleans()),
    event(position, st.sampled_from(["stop", "part", "bare"])), event(foreign, SYMBOLS), event(weekend),
)  # fmt: skip


def folded(account: LiveAccount) -> dict[str, tuple[int, int]]:
    """Entered and left units of each position of ours, from the fills alone."""
    ours = {row.client_order_id for row in account.rows(order_intents)}
    told: dict[str, list[int]] = {}
    for row in account.rows(fills):
        if row.client_order_id in ours:
            units = told.setdefault(row.position_id, [0, 0])
            units[row.reason != "entry"] += row.units
    return {name: (entered, left) for name, (entered, left) in told.items()}


def require_sound_books(account: LiveAccount) -> None:
    """After everything has come to rest."""
    assert max(Counter(account.broker.accepted).values(), default=0) <= 1
    intents = account.rows(order_intents)
    assert {row.state for row in intents} <= FINAL
    assert set(account.broker.accepted) <= {row.client_order_id for row in intents}
    for row in intents:
        known = account.broker.book.get(row.client_order_id)
        assert row.filled_units == (0 if known is None else known.filled_units)
    ids = [row.fill_id for row in account.rows(fills)]
    assert sorted(ids) == sorted({one.fill_id for one in account.broker.told})
    booked = {row.position_id: row for row in account.rows(positions)}
    assert {name: (row.units, row.closed_units) for name, row in booked.items()} == folded(account)
    still = {name: row.units - row.closed_units for name, row in booked.items() if row.state == "open"}
    assert still == {held.position_id: held.units for held in account.broker.held.values() if held.client_order_id}
    assert all((row.state == "open") == (row.units > row.closed_units) for row in booked.values())


async def story(account: LiveAccount, events: list[Event]) -> None:
    witness = Witness(account)
    await account.start()
    for deed, arguments in events:
        await deed(account, *arguments)
        await account.run(2.0, 1.0)
    await mute(account, False)
    await connection(account, True)
    account.broker.amends.clear()
    await account.run(2.0, 1.0)
    for order, known in list(account.broker.book.items()):
        if known.state in (OrderState.ACCEPTED, OrderState.PARTLY_FILLED):
            account.broker.end(order, OrderState.CANCELLED)
    await account.wait(30.0)  # what is not sent by now is too old, and what was lost must be known
    await account.run(12.0, 1.0)
    require_sound_books(account)
    account.n_left = witness.n_left


def try_out(template_root: Path, events: list[Event]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        account = live_account(template_root, Path(folder), most_starts=1000)
        try:
            play(story(account, events))
        finally:
            account.ledger.close()
    return account.n_left


KEPT = settings(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), phases=(Phase.explicit, Phase.generate))


@settings(KEPT, max_examples=10)
@given(events=st.lists(EVENTS, min_size=5, max_size=9))
def test_nothing_leaves_that_may_not_and_nothing_is_placed_twice(live_template: Path, events: list[Event]) -> None:
    try_out(live_template, events)


@pytest.mark.slow
@settings(KEPT, max_examples=400)
@given(events=st.lists(EVENTS, min_size=8, max_size=30))
def test_nothing_leaves_that_may_not_in_long_stories(live_template: Path, events: list[Event]) -> None:
    try_out(live_template, events)


def test_the_stories_send_orders(live_template: Path) -> None:
    """The witness above would be content with a gateway that never sends anything."""
    events: list[Event] = [(signal, ("EURUSD", 1, DONE)), (position, ("stop",)), (signal, ("EURUSD", -1, HIDDEN))]
    assert try_out(live_template, events) == 2
