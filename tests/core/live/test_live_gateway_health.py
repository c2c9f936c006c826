"""What ails a gateway is told, alerted once, and resolved when it is well."""

from datetime import timedelta
from pathlib import Path

import pytest
from live_stage import Stage, stage
from sqlalchemy import delete, insert, select, update

from fxgpt_core.live import crash_guard
from fxgpt_core.live.gateway_health import ailments, tell
from fxgpt_core.live.state_of_trading import change
from fxgpt_core.portfolio.trading_state import TradingState
from fxgpt_core.registry.live_tables import alerts, heartbeats, order_intents, positions
from fxgpt_core.registry.tables import deployment_configs


@pytest.fixture
def made(tmp_path: Path) -> Stage:
    """An active deployment, and a gateway that showed itself just now."""
    found = stage(tmp_path, n=30)
    beat(found, 0.0)
    return found


def beat(made: Stage, seconds_ago: float) -> None:
    with made.ledger.begin() as connection:
        connection.execute(delete(heartbeats))
        row = {"process": "gateway:paper", "at": made.ledger.now() - timedelta(seconds=seconds_ago), "detail_json": "{}"}
        connection.execute(insert(heartbeats), row)


def kinds(made: Stage) -> list[tuple[str, str]]:
    return [(ailment.account, ailment.kind) for ailment in ailments(made.ledger)]


def test_gateway_that_shows_itself_is_well_and_one_that_never_ran_is_nobodys(made: Stage, tmp_path: Path):
    assert kinds(made) == []
    with made.ledger.begin() as connection:
        connection.execute(delete(heartbeats))
    assert kinds(made) == []


@pytest.mark.parametrize(("seconds", "is_active", "found"), [(14.0, True, []), (20.0, True, ["silent"]), (20.0, False, [])])
def test_gateway_that_is_silent_ails_while_something_needs_it(made: Stage, seconds: float, is_active: bool, found: list[str]):
    beat(made, seconds)
    with made.ledger.begin() as connection:
        connection.execute(update(deployment_configs).values(is_active=is_active))
    assert [kind for _, kind in kinds(made)] == found
    assert ailments(made.ledger, timedelta(seconds=60)) == []


def test_gateway_that_was_stopped_in_order_ails_only_while_something_is_open(made: Stage):
    beat(made, 20.0)
    number = crash_guard.started(made.ledger, "paper", "me", 5, timedelta(minutes=10))
    assert [kind for _, kind in kinds(made)] == ["silent"]
    crash_guard.ended(made.ledger, number, "stopped")
    assert kinds(made) == []
    made.release(0, 3)
    made.decide(1)
    made.play_all(made.gateway())
    with made.ledger.begin() as connection:
        connection.execute(update(positions).values(state="open"))
    beat(made, 20.0)
    (silent,) = ailments(made.ledger)
    assert "while there are 1 open positions" in silent.message


def test_gateway_that_is_halted_ails_with_who_and_why(made: Stage):
    change(made.ledger, "paper", TradingState.REDUCING, by="ann", reason="the weekend")
    assert kinds(made) == []
    change(made.ledger, "paper", TradingState.HALTED, by="ann", reason="a spread of 9 pips")
    (ailment,) = ailments(made.ledger)
    assert (ailment.account, ailment.kind) == ("paper", "halted")
    assert "by ann: a spread of 9 pips" in ailment.message


def test_gateway_with_an_order_of_unknown_outcome_ails_and_a_silent_one_says_what_needs_it(made: Stage):
    made.release(0, 29)
    made.play_all(made.gateway())
    beat(made, 0.0)
    with made.ledger.begin() as connection:
        first = select(order_intents.c.client_order_id).limit(1).scalar_subquery()
        connection.execute(update(order_intents).where(order_intents.c.client_order_id == first).values(state="UNKNOWN"))
    (ailment,) = ailments(made.ledger)
    assert ailment.message.startswith("1 orders of account paper have an unknown outcome")
    beat(made, 60.0)
    silent = next(each for each in ailments(made.ledger) if each.kind == "silent")
    assert "1 open positions, 1 open orders" in silent.message


def test_gateway_alerts_are_raised_once_and_resolved_when_it_is_well(made: Stage):
    change(made.ledger, "paper", TradingState.HALTED, by="ann", reason="a test")
    for n_open in (1, 1, 0):
        if n_open == 0:
            change(made.ledger, "paper", TradingState.ACTIVE, by="ann", reason="over")
        tell(made.ledger, ailments(made.ledger))
        with made.ledger.reading() as connection:
            (row,) = connection.execute(select(alerts)).all()
        assert (row.kind, row.resolved_at is None) == ("gateway_halted", n_open == 1)
