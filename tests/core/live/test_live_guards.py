"""What must never slip between a decision and its order: each guard where it is asked, and nothing sent behind its back."""

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from awaited import awaited
from live_stage import PARAMETERS, Stage, redeploy, stage
from sqlalchemy import Row, select

from fxgpt_core.brokers.paper import PaperBroker
from fxgpt_core.live import lease, reconciliation, state_of_trading
from fxgpt_core.live.deployed import deployed
from fxgpt_core.live.gateway import Gateway
from fxgpt_core.live.guard_situation import Look, sent_orders
from fxgpt_core.live.running import run
from fxgpt_core.market.fills import REASON_NAMES
from fxgpt_core.portfolio.trading_state import TradingState
from fxgpt_core.registry.live_tables import alerts, leases, order_intents, positions, signals

TIMED, TIGHTENED = 5, 25
"""Seeds whose first position ends because its time is up, and at a stop that was moved to breakeven."""


class ProcessEndedError(Exception):
    """The process ends here."""


def rows(made: Stage, table: object, *conditions: object) -> list[Row[tuple[object, ...]]]:
    with made.ledger.reading() as connection:
        return list(connection.execute(select(table).where(*conditions)).all())  # type: ignore[call-overload]


def halt(made: Stage) -> None:
    state_of_trading.change(made.ledger, "paper", TradingState.HALTED, by="tester", reason="try it")


def until_first_signal(made: Stage, gateway: Gateway) -> int:
    """Play and decide until a decision wishes to trade; returns its candle."""
    for i in range(len(made.candles)):
        while awaited(gateway.step()):
            pass
        made.decide(i)
        if rows(made, signals):
            return i
    raise AssertionError("no signal on this stage")


def test_guards_decisions_made_ahead_of_the_market_wait_for_their_candle(tmp_path: Path) -> None:
    """A gateway that was away finds many decisions: each is still traded at the open after its own candle."""
    made = stage(tmp_path)
    made.release(0, 40)
    for i in range(40):
        made.decide(i)
    gateway = made.gateway()
    awaited(gateway.start())
    while awaited(gateway.step()):
        pass
    entered = sorted(row.entry_time_us for row in rows(made, positions))
    assert entered == made.backtest(40).trades.entry_time_us.tolist() != []


def test_guards_halt_between_decision_and_sending_sends_nothing(tmp_path: Path) -> None:
    made = stage(tmp_path)
    made.release(0, 20)
    made.play_all(made.gateway(lambda step: halt(made) if step == "planned" else None))
    (intent,) = rows(made, order_intents)
    assert (intent.state, intent.attempts, intent.order_id) == ("DENIED", 0, None)
    assert "trading is halted" in intent.reason
    (signal,) = rows(made, signals, signals.c.signal_key == intent.signal_key)
    assert (signal.state, signal.reason) == ("denied", intent.reason)


def test_guards_order_planned_before_a_crash_is_not_sent_after_a_halt(tmp_path: Path) -> None:
    made = stage(tmp_path)
    made.release(0, 20)

    def end(step: str) -> None:
        if step == "planned":
            raise ProcessEndedError(step)

    with pytest.raises(ProcessEndedError, match="planned"):
        made.play_all(made.gateway(end))
    made.end_process()
    halt(made)
    awaited(made.gateway().start())
    (intent,) = rows(made, order_intents)
    assert (intent.state, intent.attempts) == ("DENIED", 0)


def until_first_position(made: Stage, gateway: Gateway) -> int:
    """Play and decide until a position is open; returns the candle of the decision that opened it."""
    for i in range(len(made.candles)):
        while awaited(gateway.step()):
            pass
        if rows(made, positions):
            return i - 1
        made.decide(i)
    raise AssertionError("no position on this stage")


def only_trade(made: Stage, decided: int) -> tuple[int, float, str]:
    """Exit time, price and reason of the backtest's trade when nothing else was ever wished."""
    side = np.zeros_like(made.decisions.side)
    side[decided] = made.decisions.side[decided]
    trades = replace(made, decisions=replace(made.decisions, side=side)).backtest(len(made.candles)).trades
    return int(trades.exit_time_us[0]), float(trades.exit_price[0]), REASON_NAMES[trades.reason[0]]


@pytest.mark.parametrize("state", [TradingState.REDUCING, TradingState.HALTED])
def test_guards_position_whose_time_is_up_is_closed_unless_the_account_is_halted(tmp_path: Path, state: TradingState) -> None:
    made = stage(tmp_path, seed=TIMED)
    made.release(0, 60)
    gateway = made.gateway()
    awaited(gateway.start())
    decided = until_first_position(made, gateway)
    state_of_trading.change(made.ledger, "paper", state, by="tester", reason="try it")
    for i in range(decided + 1, 60):
        made.decide(i)
        while awaited(gateway.step()):
            pass
        if i == decided + 14:  # two candles after its time was up
            halted = rows(made, positions)[0].state
            state_of_trading.change(made.ledger, "paper", TradingState.REDUCING, by="tester", reason="let it out")
    (held,) = rows(made, positions)
    expected = only_trade(made, decided)
    assert expected[2] == held.exit_reason == "time"
    assert len(rows(made, order_intents)) == 1
    if state is TradingState.REDUCING:
        assert (halted, held.exit_time_us, held.exit_price) == ("closed", *expected[:2])
    else:
        assert halted == "open"
        assert held.exit_time_us > expected[0]


def test_guards_halted_account_moves_no_stop_but_the_broker_still_executes_it(tmp_path: Path) -> None:
    """The stage's first position is tightened before it ends; halted, it ends at the stop it was sent with."""
    made = stage(tmp_path, seed=TIGHTENED)
    made.release(0, 60)
    gateway = made.gateway()
    awaited(gateway.start())
    decided = until_first_position(made, gateway)
    assert only_trade(made, decided)[2] == "breakeven"
    halt(made)
    (sent,) = rows(made, order_intents)
    for i in range(decided + 1, 60):
        made.decide(i)
        while awaited(gateway.step()):
            pass
    (held,) = rows(made, positions)
    assert held.stop_price == sent.stop_price
    assert (held.state, held.exit_reason) == ("closed", "stop")


def test_guards_signal_of_a_replaced_deployment_is_denied(tmp_path: Path) -> None:
    made = stage(tmp_path)
    made.release(0, 30)
    gateway = made.gateway()
    awaited(gateway.start())
    until_first_signal(made, gateway)
    redeploy(made, PARAMETERS.replace(risk_max_holding_hours=24))
    awaited(gateway.step())
    assert rows(made, order_intents) == []
    (signal,) = rows(made, signals)
    assert (signal.state, signal.reason) == (
        "denied",
        f"deployment {made.deployment.id} is not active any more; another one trades, or none",
    )


def test_guards_position_of_a_replaced_deployment_keeps_its_own_exit_rules(tmp_path: Path) -> None:
    made = stage(tmp_path, seed=TIMED)
    made.release(0, 60)
    gateway = made.gateway()
    awaited(gateway.start())
    decided = until_first_position(made, gateway)
    later = redeploy(made, PARAMETERS.replace(risk_max_holding_hours=6))
    found = {item.deployment_id: (item.is_active, item.is_held) for item in deployed(made.lake, "paper", "paper")}
    assert found == {made.deployment.id: (False, True), later.deployment.id: (True, False)}
    while awaited(gateway.step()):
        pass
    (held,) = rows(made, positions)
    assert (held.exit_time_us, held.exit_price, held.exit_reason) == only_trade(made, decided)
    assert held.exit_reason == "time"
    assert [item.deployment_id for item in deployed(made.lake, "paper", "paper")] == [later.deployment.id]


def test_guards_second_timeframe_of_a_symbol_is_denied_with_the_first_ones_name(tmp_path: Path) -> None:
    made = stage(tmp_path)
    slow = redeploy(made, PARAMETERS, timeframe="4h")
    wished = int(np.flatnonzero(made.decisions.side)[0])
    slow.decide(wished)
    made.release(0, 10)
    gateway = made.gateway()
    awaited(gateway.start())
    awaited(gateway.step())
    (signal,) = rows(made, signals)
    assert signal.state == "denied"
    assert "EURUSD is played by its 1h candles on this account" in signal.reason


def test_guards_order_rate_is_counted_in_market_time(tmp_path: Path) -> None:
    """Orders of many days sent within a second of the wall clock are no burst."""
    made = stage(tmp_path)
    made.release(0, 60)
    gateway = made.gateway()
    awaited(gateway.start())
    until_first_position(made, gateway)
    (intent,) = rows(made, order_intents)
    (signal,) = rows(made, signals, signals.c.signal_key == intent.signal_key)
    known_at_us = int(signal.signal_key.split(":")[3])
    broker = PaperBroker(tmp_path / "paper.db", {})
    awaited(broker.connect())
    seen = []
    with made.ledger.reading() as connection:
        for later_us in (0, 59_999_999, 60_000_000):
            now_us = known_at_us + later_us
            sent = sent_orders(Look(connection, broker, "paper", now_us, in_replay=True))
            seen.append(sent.within(now_us - 60_000_000))
    assert seen == [1, 1, 0]


def test_guards_difference_in_many_positions_is_one_alert_with_a_short_key(tmp_path: Path) -> None:
    made = stage(tmp_path)
    found = tuple(reconciliation.Mismatch(f"paper-fx1-{i:032d}", "+1 × 5 EURUSD", "nothing") for i in range(40))
    reconciliation.halt_on(made.ledger, "paper", found)
    reconciliation.halt_on(made.ledger, "paper", found)
    (alert,) = rows(made, alerts)
    assert len(alert.key) <= 200
    assert found[39].position_id in alert.message


def test_guards_books_that_agree_again_resolve_the_alert_but_not_the_halt(tmp_path: Path) -> None:
    made = stage(tmp_path)
    reconciliation.halt_on(made.ledger, "paper", (reconciliation.Mismatch("paper-x", "nothing", "+1 × 7 EURUSD"),))
    awaited(made.gateway().start())
    (alert,) = rows(made, alerts)
    assert alert.resolved_at is not None
    with made.ledger.reading() as connection:
        assert state_of_trading.state(connection, "paper") is TradingState.HALTED


def test_guards_run_steps_until_it_is_stopped_and_frees_the_account(tmp_path: Path) -> None:
    made = stage(tmp_path)
    made.release(0, 1)

    async def run_a_moment() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(0.5, stop.set)
        await asyncio.wait_for(run(made.gateway(), stop=stop), 20)

    asyncio.run(run_a_moment())
    (held,) = rows(made, leases)
    assert held.expires_at <= made.ledger.now()


def test_guards_run_that_cannot_start_frees_the_account(tmp_path: Path) -> None:
    made = stage(tmp_path)
    for file in (tmp_path / "lake" / "optimized_parameters").rglob("*.json"):
        file.unlink()
    with pytest.raises(Exception, match="is gone"):
        asyncio.run(run(made.gateway(), stop=asyncio.Event()))
    assert lease.acquire(made.ledger, "gateway:paper", "elsewhere:1").fence == 2
