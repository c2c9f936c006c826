"""From when on a broker must tell orders and fills, so that none is missed that happened while nobody listened."""

from datetime import timedelta

from sqlalchemy import func, select

from fxgpt_core.live.intents import UNSETTLED
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_tables import order_intents, positions

MARGIN = timedelta(minutes=1)


def since_us(ledger: Ledger, account: str) -> int | None:
    """A minute before the oldest order whose end is not known, and before the oldest position that is open in our books: it may
    have been closed at any time since. In µs; None where there is neither, and the broker's own last day will do.
    """
    sent = select(func.min(order_intents.c.sent_at)).where(
        order_intents.c.account == account, order_intents.c.state.in_(UNSETTLED)
    )
    entered = select(func.min(positions.c.entry_time_us)).where(positions.c.account == account, positions.c.state == "open")
    with ledger.reading() as connection:
        sent_at, entered_us = connection.execute(sent).scalar_one(), connection.execute(entered).scalar_one()
    times_us = [] if sent_at is None else [int(sent_at.timestamp() * 1_000_000)]
    times_us += [] if entered_us is None else [int(entered_us)]
    return min(times_us) - MARGIN // timedelta(microseconds=1) if times_us else None
