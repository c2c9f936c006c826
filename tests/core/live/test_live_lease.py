"""One gateway a broker, and a process that lost the lease while it was away writes nothing more, at whatever step it wakes."""

import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from awaited import awaited
from live_stage import Stage, stage
from quoted_broker import Clock
from sqlalchemy import select, update

from fxgpt_core.brokers.paper import PaperBroker
from fxgpt_core.errors import RefusedError
from fxgpt_core.live import lease, state_of_trading
from fxgpt_core.live.gateway import Gateway
from fxgpt_core.live.running import paper_gateway
from fxgpt_core.market.fills import REASON_NAMES
from fxgpt_core.portfolio.trading_state import StateChange, TradingState
from fxgpt_core.registry import lineage
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_tables import gateway_cursors, leases, order_intents, positions, signals

N = 60
STEPS = ("planned", "sent", "placed", "settled", "played", "amended", "closing", "managed")


def rows(made: Stage, table: object, *conditions: object) -> list[object]:
    with made.ledger.reading() as connection:
        return list(connection.execute(select(table).where(*conditions)).all())  # type: ignore[call-overload]


def cursor(made: Stage) -> int:
    (row,) = rows(made, gateway_cursors)
    return int(row.played_open_time_us)  # type: ignore[attr-defined]


def trades(made: Stage) -> list[tuple[object, ...]]:
    names = ("entry_time_us", "exit_time_us", "exit_price", "exit_reason")
    closed = rows(made, positions, positions.c.state == "closed")
    return sorted(tuple(getattr(row, name) for name in names) for row in closed)


def expected(made: Stage) -> list[tuple[object, ...]]:
    found = made.backtest(N).trades
    reasons = [REASON_NAMES[code] for code in found.reason]
    columns = zip(found.entry_time_us.tolist(), found.exit_time_us.tolist(), found.exit_price.tolist(), reasons, strict=True)
    return sorted(row for row in columns if row[-1] != "end")


def stalling(step_to_stall_at: str, time: int, meanwhile: Callable[[], None]) -> Callable[[str], None]:
    """A checkpoint that sleeps through its lease once, at the `time`-th passing of a step, while another process works."""
    left = time

    def checkpoint(step: str) -> None:
        nonlocal left
        left -= step == step_to_stall_at
        if left == 0:
            left = -1
            meanwhile()

    return checkpoint


def step_on(gateway: Gateway) -> None:
    for _ in range(3 * N):
        awaited(gateway.step())


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("ahead", [0, 8])
def test_lease_lost_at_a_step_leaves_everything_to_the_other_process(tmp_path: Path, step: str, ahead: int) -> None:
    made = stage(tmp_path, n=N)
    made.release(0, N)
    for i in range(N):
        made.decide(i)
    others: list[Gateway] = []

    def take_over() -> None:
        made.end_process()
        others.append(made.gateway())
        awaited(others[0].start())
        for _ in range(ahead):
            awaited(others[0].step())

    stale = made.gateway(stalling(step, 1, take_over))
    awaited(stale.start())
    with pytest.raises(RefusedError, match="taken over by another process"):
        step_on(stale)
    (other,) = others
    while awaited(other.step()):
        pass
    assert cursor(made) == int(made.candles.open_time_us[-1])
    assert all(row.attempts <= 1 for row in rows(made, order_intents))  # type: ignore[attr-defined]
    assert not rows(made, order_intents, order_intents.c.state == "PLANNED")
    # An order whose sending was cut off may have left, so it is given up; every other stall changes nothing at all.
    if step != "sent":
        assert trades(made) == expected(made) != []


def test_lease_lost_between_two_candles_moves_no_cursor_back(tmp_path: Path) -> None:
    made = stage(tmp_path, n=N)
    made.release(0, N)
    for i in range(N):
        made.decide(i)
    seen: list[int] = []

    def take_over() -> None:
        made.end_process()
        other = made.gateway()
        awaited(other.start())
        for _ in range(8):
            awaited(other.step())
        seen.append(cursor(made))

    stale = made.gateway(stalling("managed", 4, take_over))
    awaited(stale.start())
    with pytest.raises(RefusedError, match="taken over"):
        step_on(stale)
    assert [cursor(made)] == seen


def test_lease_lost_before_planning_takes_no_signal(tmp_path: Path) -> None:
    made = stage(tmp_path)
    made.release(0, 20)
    gateway = made.gateway()
    awaited(gateway.start())
    for i in range(20):
        while awaited(gateway.step()):
            pass
        made.decide(i)
        if rows(made, signals):
            break
    with made.ledger.begin() as connection:
        connection.execute(update(leases).values(owner="elsewhere:1", fence=99))
    with pytest.raises(RefusedError, match="taken over"):
        awaited(gateway.step())
    assert rows(made, order_intents) == []
    assert [row.state for row in rows(made, signals)] == ["new"]  # type: ignore[attr-defined]


def test_lease_lost_is_noticed_at_the_next_beat(tmp_path: Path) -> None:
    made = stage(tmp_path)
    made.ledger.clock = clock = Clock()
    gateway = made.gateway()
    awaited(gateway.start())
    with made.ledger.begin() as connection:
        connection.execute(update(leases).values(owner="elsewhere:1", fence=99))
    clock.move(seconds=3)
    with pytest.raises(RefusedError, match="taken over by another process"):
        awaited(gateway.step())


def test_lease_of_a_gateway_that_was_not_started_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="call start first"):
        awaited(stage(tmp_path).gateway().step())


def test_lease_second_process_on_the_account_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    made = stage(tmp_path)
    first = made.gateway()
    awaited(first.start())
    with pytest.raises(RefusedError, match="only one process may trade an account"):
        awaited(made.gateway().start())
    awaited(first.stop())
    awaited(made.gateway().start())


def test_lease_second_account_at_the_broker_is_refused_with_the_name_of_the_first(tmp_path: Path) -> None:
    """Signals name no account: two gateways would take each other's."""
    made = stage(tmp_path)
    awaited(paper_gateway(made.lake, tmp_path, "first").start())
    with pytest.raises(RefusedError, match=r"held by first@.* only one account at a broker"):
        awaited(paper_gateway(made.lake, tmp_path, "second").start())


def test_lease_second_account_is_refused_while_the_first_holds_something(tmp_path: Path) -> None:
    made = stage(tmp_path)
    made.release(0, 30)
    made.play_all(made.gateway())
    with made.ledger.begin() as connection:
        connection.execute(update(positions).values(state="closed"))
    awaited(Gateway(made.lake, PaperBroker(tmp_path / "other.db", {}), "other").start())
    made.end_process()
    with made.ledger.begin() as connection:
        first = connection.execute(select(positions.c.position_id)).scalars().first()
        connection.execute(update(positions).where(positions.c.position_id == first).values(state="open"))
    with pytest.raises(RefusedError, match=r"account paper has positions or orders at the broker paper"):
        awaited(Gateway(made.lake, PaperBroker(tmp_path / "other.db", {}), "other").start())


def test_lease_fencing_number_grows_with_every_owner(tmp_path: Path) -> None:
    ledger = stage(tmp_path).ledger
    fences = []
    for owner in ("a:1", "b:2", "a:1"):
        held = lease.acquire(ledger, "gateway:x", owner)
        fences.append(held.fence)
        lease.give_up(ledger, held)
    assert fences == [1, 2, 3]


def test_lease_of_a_process_that_is_gone_is_taken_at_once(tmp_path: Path) -> None:
    ledger = stage(tmp_path).ledger
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    lease.acquire(ledger, "gateway:x", f"paper@{socket.gethostname()}:{gone.pid}:0a1b2c3d")
    assert lease.acquire(ledger, "gateway:x", "b:2").fence == 2


def test_lease_owners_of_the_same_process_id_differ() -> None:
    """Two containers may share a host name and a process id."""
    assert lease.this_process() != lease.this_process()


def both(first: Callable[[], object], second: Callable[[], object]) -> list[str]:
    """What two threads end with that begin at the same moment, sorted: `done` or the name of the error."""
    found, start = [], threading.Barrier(2)

    def run(work: Callable[[], object]) -> None:
        start.wait()
        try:
            work()
            found.append("done")
        except Exception as error:  # noqa: BLE001 what the loser ends with is asked
            found.append(type(error).__name__)

    threads = [threading.Thread(target=run, args=(work,)) for work in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(found)


def test_lease_of_two_processes_that_start_at_once_goes_to_one(migrated_ledger: Ledger) -> None:
    for time in range(5):
        name = f"gateway:{time}"
        ended = both(*(lambda owner=owner, name=name: lease.acquire(migrated_ledger, name, owner) for owner in ("x:1", "y:2")))
        assert ended == ["RefusedError", "done"]


def test_lease_halt_of_a_guard_is_not_undone_by_a_person_who_did_not_see_it(
    migrated_ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person relaxes and a guard halts at the same moment: one waits for the other, and none acts on what it read before."""
    state_of_trading.change(migrated_ledger, "paper", TradingState.REDUCING, by="ada", reason="careful")
    seen, real = threading.Event(), state_of_trading.changed

    def slowly(before: TradingState, wish: StateChange) -> TradingState:
        if wish.by_person:
            seen.set()
            guard.join(1.0)  # time enough to pass, were it not for the lock
        return real(before, wish)

    def halt() -> None:
        seen.wait()
        state_of_trading.change(migrated_ledger, "paper", TradingState.HALTED, by="guard", reason="books", by_person=False)

    monkeypatch.setattr(state_of_trading, "changed", slowly)
    guard = threading.Thread(target=halt)
    guard.start()
    state_of_trading.change(migrated_ledger, "paper", TradingState.ACTIVE, by="ada", reason="calm")
    guard.join()
    with migrated_ledger.reading() as connection:
        assert state_of_trading.state(connection, "paper") is TradingState.HALTED
        steps = [(e.payload["from"], e.payload["to"]) for e in lineage.entries(connection, "trading_state")]
    assert steps == [("active", "reducing"), ("reducing", "active"), ("active", "halted")]
