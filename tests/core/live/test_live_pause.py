"""A paused series trades nothing new, by whatever way a wish comes; its open positions run on as they would have."""

from pathlib import Path

import pytest
from awaited import awaited
from live_stage import Stage, stage
from sqlalchemy import Row, select

from fxgpt_core.live import state_of_trading
from fxgpt_core.registry.live_tables import order_intents, positions, signals
from fxgpt_core.registry.pauses import Pauses

PLACE = ("EURUSD", "1h")


def rows(made: Stage, table: object) -> list[Row[tuple[object, ...]]]:
    with made.ledger.reading() as connection:
        return list(connection.execute(select(table)).all())  # type: ignore[call-overload]


def play(made: Stage, first: int, last: int) -> None:
    """Candles `first` to `last` released, played and decided, one after the other."""
    gateway = made.gateway()
    awaited(gateway.start())
    for i in range(first, last):
        made.release(i, i + 1)
        while awaited(gateway.step()):
            pass
        made.decide(i)
    while awaited(gateway.step()):
        pass
    awaited(gateway.stop())


def test_wishes_of_a_paused_series_are_denied_with_the_reason_and_its_position_runs_to_its_own_exit(tmp_path: Path) -> None:
    made = stage(tmp_path)
    undisturbed = made.backtest(60).trades
    # Half way between the first position's entry and its exit.
    pause_at = int(undisturbed.entry_index[0] + undisturbed.exit_index[0]) // 2 + 1
    play(made, 0, pause_at)
    assert [row.state for row in rows(made, positions)] == ["open"]
    Pauses(made.ledger).pause(*PLACE, by="ann", reason="news")
    assert [row["reason"] for row in state_of_trading.snapshot(made.ledger)["paused_series"]] == ["news"]
    play(made, pause_at, 60)
    (position,) = rows(made, positions)
    assert (position.state, position.exit_time_us) == ("closed", int(undisturbed.exit_time_us[0]))
    denied = [row.reason for row in rows(made, signals) if row.state == "denied" and "paused" in row.reason]
    assert denied
    assert all("EURUSD 1h is paused since" in reason and "by ann: news" in reason for reason in denied)
    Pauses(made.ledger).resume(*PLACE, by="ann", reason="over")
    assert state_of_trading.snapshot(made.ledger)["paused_series"] == []
    play(made, 60, 120)
    assert len(rows(made, positions)) > 1


def test_an_order_that_was_planned_before_the_pause_is_not_sent_after_it(tmp_path: Path) -> None:
    made = stage(tmp_path)

    def paused(point: str) -> None:
        if point == "planned":
            Pauses(made.ledger).pause(*PLACE, by="ann", reason="news")

    gateway = made.gateway(paused)
    awaited(gateway.start())
    i = 0
    while not rows(made, order_intents):
        made.release(i, i + 1)
        while awaited(gateway.step()):
            pass
        made.decide(i)
        awaited(gateway.step())
        i += 1
    (intent,) = rows(made, order_intents)
    assert (intent.state, intent.sent_at) == ("DENIED", None)
    assert "is paused since" in intent.reason
    assert rows(made, positions) == []


@pytest.mark.parametrize("paused", [True, False])
def test_only_the_series_that_is_paused_stands_still(tmp_path: Path, paused: bool) -> None:
    made = stage(tmp_path)
    if paused:
        Pauses(made.ledger).pause(*PLACE, by="ann", reason="news")
    play(made, 0, 40)
    assert bool(rows(made, positions)) is not paused
