"""A process that dies again and again must not trade: several starts without an orderly end halt the account."""

from datetime import timedelta

from sqlalchemy import func, insert, select, update

from fxgpt_core.live.state_of_trading import alert, change_within
from fxgpt_core.portfolio.trading_state import StateChange, TradingState
from fxgpt_core.registry.gateway_tables import gateway_starts
from fxgpt_core.registry.ledger import Ledger

GUARD = "crash loop"


def started(ledger: Ledger, account: str, owner: str, most_starts: int, within: timedelta) -> int:
    """Note a start, and halt the account if it is the `most_starts`-th within that time that no orderly end followed.

    Returns the number of the start, for `ended`.
    """
    with ledger.begin() as connection:
        now = ledger.now()
        values = {"account": account, "owner": owner, "started_at": now}
        number = connection.execute(insert(gateway_starts).returning(gateway_starts.c.id), values).scalar_one()
        mine = (gateway_starts.c.account == account, gateway_starts.c.ended_at.is_(None))
        recent = select(func.count()).where(*mine, gateway_starts.c.started_at > now - within)
        n = connection.execute(recent).scalar_one()
        if n >= most_starts:
            words = f"the gateway started {n} times within {within.total_seconds() / 60:.0f} minutes and did not end in order"
            change_within(connection, ledger, account, StateChange(TradingState.HALTED, GUARD, words, by_person=False))
            alert(
                connection, ledger, "crash_loop", f"crash_loop:{account}", words,
                "Find out why in the gateway's log; then `fxgpt live resume --reason ...`. Stops and targets rest at the broker.",
            )  # fmt: skip
    return int(number)


def ended(ledger: Ledger, number: int, reason: str) -> None:
    """Note that a start ended in order."""
    with ledger.begin() as connection:
        mine = gateway_starts.c.id == number
        connection.execute(update(gateway_starts).where(mine).values(ended_at=ledger.now(), reason=reason))
