"""What became of an account so far, as the guards measure from it: the day's start, the highest equity, the rejections."""

import json
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select

from fxgpt_core.live.intents import IntentState
from fxgpt_core.portfolio.trading_state import TradingState
from fxgpt_core.registry.gateway_tables import closes, equity_marks
from fxgpt_core.registry.live_tables import order_intents, risk_events

RESTARTED, SWITCHED = "high_water_restarted", "trading_state"
_EVENTS_LOOKED_AT = 100


def day_start_equity(connection: Connection, account: str) -> float | None:
    """The equity the daily loss is measured from; None before the first mark.

    When nobody looked at 17:00 New York it is the last one seen before, if that was higher.
    """
    asked = select(equity_marks).where(equity_marks.c.account == account).order_by(equity_marks.c.fx_day.desc()).limit(2)
    found = connection.execute(asked).all()
    return max([found[0].day_start_equity, *(row.last_equity for row in found[1:])]) if found else None


def high_water(connection: Connection, account: str) -> float | None:
    """The highest equity since a person last accepted a drawdown; None before the first mark."""
    asked = select(func.max(equity_marks.c.high_water)).where(equity_marks.c.account == account)
    restarted = _last_event(connection, account, RESTARTED)
    if restarted is not None:
        asked = asked.where(equity_marks.c.fx_day >= json.loads(restarted.detail_json)["fx_day"])
    found: float | None = connection.execute(asked).scalar_one()
    return found


def accepts_drawdown(connection: Connection, account: str, guard: str) -> bool:
    """Whether a person resumed after `guard` had halted the account for its drawdown, and measuring did not begin anew since."""
    found = connection.execute(
        select(risk_events.c.kind, risk_events.c.detail_json)
        .where(risk_events.c.account == account, risk_events.c.kind.in_((SWITCHED, RESTARTED)))
        .order_by(risk_events.c.id.desc())
        .limit(_EVENTS_LOOKED_AT)
    ).all()
    resumed = False
    for event in found:
        if event.kind == RESTARTED:
            return False
        detail = json.loads(event.detail_json)
        resumed = resumed or detail["to"] == TradingState.ACTIVE
        if detail["by"] == guard and detail["to"] == TradingState.HALTED:
            return resumed
    return False


def rejections(connection: Connection, account: str, since: datetime) -> int:
    """Orders and closes rejected after a moment, and after trading was last made active by a person."""
    resumed = _last_event(connection, account, SWITCHED, TradingState.ACTIVE)
    since = since if resumed is None else max(since, resumed.created_at)
    counted = 0
    for table in (order_intents, closes):
        mine = (table.c.account == account, table.c.state == IntentState.REJECTED, table.c.updated_at > since)
        counted += connection.execute(select(func.count()).select_from(table).where(*mine)).scalar_one()
    return counted


def _last_event(connection: Connection, account: str, kind: str, state: str = "") -> Row[Any] | None:
    mine = (risk_events.c.account == account, risk_events.c.kind == kind)
    asked = select(risk_events).where(*mine).order_by(risk_events.c.id.desc()).limit(_EVENTS_LOOKED_AT)
    found = connection.execute(asked).all()
    return next((event for event in found if state in ("", json.loads(event.detail_json).get("to"))), None)
