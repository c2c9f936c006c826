"""Two books, ours and the broker's: what only one of them has halts trading, and only a person ends it."""

import json
from pathlib import Path

import pytest
from awaited import awaited
from live_stage import COSTS, Stage, stage
from sqlalchemy import Row, select

from fxgpt_core.brokers.paper import PaperBroker
from fxgpt_core.brokers.paper_quotes import PlayedCandle
from fxgpt_core.errors import MissingError, RefusedError
from fxgpt_core.live import state_of_trading
from fxgpt_core.live.gateway import Gateway
from fxgpt_core.live.write_off import write_off
from fxgpt_core.market.orders import OrderRequest, Side
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.portfolio.trading_state import TradingState
from fxgpt_core.registry import lineage
from fxgpt_core.registry.live_tables import alerts, fills, order_intents, positions, risk_events, signals


def rows(made: Stage, table: object, *conditions: object) -> list[Row[tuple[object, ...]]]:
    with made.ledger.reading() as connection:
        return list(connection.execute(select(table).where(*conditions)).all())  # type: ignore[call-overload]


def state(made: Stage) -> TradingState:
    with made.ledger.reading() as connection:
        return state_of_trading.state(connection, "paper")


def resume(made: Stage) -> None:
    state_of_trading.change(made.ledger, "paper", TradingState.ACTIVE, by="tester", reason="go on")


def paper(made: Stage) -> PaperBroker:
    """The account's broker, as somebody else would reach it."""
    broker = PaperBroker(made.root / "paper.db", {"EURUSD": COSTS})
    awaited(broker.connect())
    return broker


def place_by_hand(made: Stage) -> None:
    broker = paper(made)
    awaited(broker.place(OrderRequest("by-hand", "EURUSD", Side.LONG, 77_777, None, None, 0)))
    awaited(broker.disconnect())


def test_books_position_that_was_ordered_elsewhere_halts_with_an_alert_and_is_not_adopted(tmp_path: Path) -> None:
    made = stage(tmp_path)
    place_by_hand(made)
    broker, first_us = paper(made), int(made.candles.open_time_us[0])
    broker.on_candle(PlayedCandle("EURUSD", first_us - Timeframe.H1.us, first_us, 1.1, 1.1, 1.1, 1.1))
    awaited(broker.disconnect())
    awaited(made.gateway().start())
    assert state(made) is TradingState.HALTED
    (alert,) = rows(made, alerts)
    assert alert.kind == "mismatch"
    assert "paper-by-hand: ledger nothing, broker +1 × 77777 EURUSD" in alert.message
    assert "resume" in alert.remedy
    assert rows(made, positions) == []
    (fill,) = rows(made, fills)
    assert (fill.client_order_id, fill.order_id) == ("by-hand", "paper-by-hand")


def test_books_order_placed_elsewhere_while_the_gateway_runs_halts_at_its_fill(tmp_path: Path) -> None:
    made = stage(tmp_path)
    made.release(0, 3)
    gateway = made.gateway()
    awaited(gateway.start())
    awaited(gateway.step())
    place_by_hand(made)
    made.decide(0)
    assert state(made) is TradingState.ACTIVE
    awaited(gateway.step())
    assert state(made) is TradingState.HALTED
    assert rows(made, positions) == []


def with_open_position(root: Path) -> tuple[Stage, int]:
    """The stage with a position open and the gateway stopped, and the candle played last."""
    made = stage(root, n=80)
    made.release(0, 80)
    gateway = made.gateway()
    awaited(gateway.start())
    for i in range(80):
        awaited(gateway.step())
        if rows(made, positions, positions.c.state == "open"):
            awaited(gateway.stop())
            return made, i
        made.decide(i)
    raise AssertionError("no position on this stage")


def lose_book(made: Stage) -> None:
    """What a person does whose paper book is broken: move it away to start a new one."""
    for file in made.root.glob("paper.db*"):
        file.unlink()


def write(made: Stage, position_id: str, reason: str = "the paper book was lost") -> None:
    awaited(write_off(made.ledger, PaperBroker(made.root / "paper.db", {}), "paper", position_id, by="ada", reason=reason))


def test_books_new_book_while_the_ledger_holds_a_position_halts_and_keeps_the_position_open(tmp_path: Path) -> None:
    made, _ = with_open_position(tmp_path)
    lose_book(made)
    for _ in range(2):
        gateway = made.gateway()
        awaited(gateway.start())
        awaited(gateway.stop())
        assert state(made) is TradingState.HALTED
        (held,) = rows(made, positions)
        assert held.state == "open"
        resume(made)
    (alert,) = rows(made, alerts, alerts.c.resolved_at.is_(None))
    assert held.position_id in alert.message
    assert "fxgpt live write-off" in alert.remedy


def test_books_write_off_ends_the_position_in_writing_and_trading_goes_on(tmp_path: Path) -> None:
    made, played = with_open_position(tmp_path)
    (held,) = rows(made, positions)
    lose_book(made)
    gateway = made.gateway()
    awaited(gateway.start())
    awaited(gateway.stop())
    write(made, held.position_id)
    (ended,) = rows(made, positions)
    assert (ended.state, ended.exit_reason, ended.exit_price) == ("written_off", "written_off", None)
    with made.ledger.reading() as connection:
        (fact,) = lineage.entries(connection, "position_written_off")
        lineage.verify(connection)
    expected = {"position_id": held.position_id, "units": held.units, "by": "ada", "reason": "the paper book was lost"}
    assert expected.items() <= fact.payload.items()
    (event,) = rows(made, risk_events, risk_events.c.kind == "position_written_off")
    assert json.loads(event.detail_json) == dict(fact.payload)
    assert state(made) is TradingState.HALTED  # only a person resumes
    resume(made)
    awaited(gateway.start())
    assert state(made) is TradingState.ACTIVE
    assert rows(made, alerts, alerts.c.resolved_at.is_(None)) == []
    for i in range(played, 80):
        made.decide(i)
        while awaited(gateway.step()):
            pass
    assert len(rows(made, positions)) > 1
    assert {row.state for row in rows(made, signals)} >= {"taken"}
    assert len(rows(made, order_intents)) > 1


def test_books_write_off_is_refused_while_the_broker_has_the_position(tmp_path: Path) -> None:
    made, _ = with_open_position(tmp_path)
    (held,) = rows(made, positions)
    with pytest.raises(RefusedError, match="the broker still has position"):
        write(made, held.position_id)
    assert rows(made, positions) == [held]


def test_books_write_off_is_refused_when_the_broker_knows_the_exit(tmp_path: Path) -> None:
    made, _ = with_open_position(tmp_path)
    (held,) = rows(made, positions)
    broker = paper(made)
    awaited(broker.close(held.position_id, "by-hand", "time"))
    broker.on_candle(
        PlayedCandle("EURUSD", int(made.candles.open_time_us[-1]), int(made.candles.known_at_us[-1]), 1.1, 1.1, 1.1, 1.1)
    )
    awaited(broker.disconnect())
    with pytest.raises(RefusedError, match=r"knows how position .* ended"):
        write(made, held.position_id)


def test_books_write_off_is_refused_while_a_gateway_runs(tmp_path: Path) -> None:
    made, _ = with_open_position(tmp_path)
    (held,) = rows(made, positions)
    lose_book(made)
    awaited(made.gateway().start())
    with pytest.raises(RefusedError, match="only one process may trade an account"):
        write(made, held.position_id)


@pytest.mark.parametrize(("reason", "position", "error", "said"), [
    (" ", None, RefusedError, "names no person or no reason"),
    ("lost", "paper-fx1-none", MissingError, "has no open position paper-fx1-none"),
])  # fmt: skip
def test_books_write_off_needs_a_reason_and_an_open_position(
    tmp_path: Path, reason: str, position: str | None, error: type[Exception], said: str
) -> None:
    made, _ = with_open_position(tmp_path)
    (held,) = rows(made, positions)
    with pytest.raises(error, match=said):
        write(made, position or held.position_id, reason)
    awaited(Gateway(made.lake, PaperBroker(made.root / "paper.db", {}), "paper").start())  # the refusal frees the account
    assert rows(made, positions) == [held]


def test_books_new_book_never_repeats_the_names_of_the_old_one(tmp_path: Path) -> None:
    made, played = with_open_position(tmp_path)
    known = {row.position_id for row in rows(made, positions)}
    lose_book(made)
    write(made, *known)
    awaited(made.gateway().start())
    made.end_process()
    gateway = made.gateway()
    awaited(gateway.start())
    for i in range(played, 80):
        made.decide(i)
        while awaited(gateway.step()):
            pass
    assert known < {row.position_id for row in rows(made, positions)}
