"""What became of each live decision that wanted to trade, read from the ledger."""

import numpy as np
from sqlalchemy import select

from fxgpt_core.live.adherence_rows import order_lives
from fxgpt_core.live.shadow import LiveDecision
from fxgpt_core.live.shadow_fills import LiveWish
from fxgpt_core.market.sessions import fx_day
from fxgpt_core.registry.gateway_tables import equity_marks
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_tables import decisions, signals


def live_wishes(ledger: Ledger, deployment_id: int, recorded: list[LiveDecision], code_sha256: str) -> list[LiveWish]:
    """The decisions of a deployment that have a side, each with its signal and its order; `code_sha256` decides now."""
    lives = {life.decided_at_us: life for life in order_lives(ledger, deployment_id)}
    asked = (
        select(decisions.c.known_at_us, signals.c.state, signals.c.reason)
        .join(signals, signals.c.decision_id == decisions.c.id)
        .where(decisions.c.deployment_id == deployment_id)
    )
    with ledger.reading() as connection:
        told = {row.known_at_us: (row.state, row.reason) for row in connection.execute(asked)}
    return [
        LiveWish(
            item.known_at_us,
            item.refusals,
            *told.get(item.known_at_us, (None, "")),
            life=lives.get(item.known_at_us),
            is_same_code=item.code_sha256 in ("", code_sha256),
        )
        for item in recorded
        if item.decision["side"]
    ]


def equity_at(ledger: Ledger, account: str, time_us: int, otherwise: float) -> float:
    """What an account was worth when the FX day began in which a moment lies, or the next one on record; else `otherwise`."""
    today = int(fx_day(np.array([time_us], dtype=np.int64))[0])
    marks = select(equity_marks.c.fx_day, equity_marks.c.day_start_equity).where(equity_marks.c.account == account)
    asked = marks.where(equity_marks.c.fx_day >= today).order_by(equity_marks.c.fx_day).limit(1)
    with ledger.reading() as connection:
        found = connection.execute(asked).one_or_none()
    return otherwise if found is None else float(found.day_start_equity)
