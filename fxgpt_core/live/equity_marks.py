"""What an account was worth, by FX day: the day's start for the daily loss, the high water for the drawdown."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update

from fxgpt_core.registry import lineage
from fxgpt_core.registry.gateway_tables import equity_marks


@dataclass(frozen=True)
class DayStart:
    """The latest FX day an account has begun, and its equity before the first price of that day on any symbol."""

    fx_day: int
    equity: float


def day_start(connection: Connection, account: str) -> DayStart | None:
    """The day the daily loss is measured from; None before the first price. Whichever symbol is first begins it, once."""
    asked = (
        select(equity_marks.c.fx_day, equity_marks.c.day_start_equity)
        .where(equity_marks.c.account == account)
        .order_by(equity_marks.c.fx_day.desc())
        .limit(1)
    )
    found = connection.execute(asked).one_or_none()
    return None if found is None else DayStart(*found)


def high_water(connection: Connection, account: str) -> float | None:
    """The highest equity the account was ever seen with; None before the first price."""
    asked = select(func.max(equity_marks.c.high_water)).where(equity_marks.c.account == account)
    found: float | None = connection.execute(asked).scalar_one()
    return found


def mark(connection: Connection, account: str, fx_day: int, equity: float, now: datetime) -> None:
    """Note the equity of this moment. A new day begins with it; a moment of an earlier day than the last one changes nothing."""
    lineage.lock(connection)  # before the look: two that begin the same day would both insert it
    last = connection.execute(
        select(equity_marks).where(equity_marks.c.account == account).order_by(equity_marks.c.fx_day.desc()).limit(1)
    ).one_or_none()
    if last is None or last.fx_day < fx_day:
        names = ("day_start_equity", "high_water", "lowest", "last_equity")
        connection.execute(
            insert(equity_marks), {"account": account, "fx_day": fx_day, **dict.fromkeys(names, equity), "updated_at": now}
        )
    elif last.fx_day == fx_day:
        moved = {"high_water": max(last.high_water, equity), "lowest": min(last.lowest, equity), "last_equity": equity}
        mine = (equity_marks.c.account == account, equity_marks.c.fx_day == fx_day)
        connection.execute(update(equity_marks).where(*mine).values(**moved, updated_at=now))
