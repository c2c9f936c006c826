"""Pause and resume a series: while it is paused nothing new is traded, whatever is deployed meanwhile.

Decisions are still made and recorded, so that the shadow stays whole; their wishes are denied with the pause as the reason. Open
positions keep their stops, targets, trailing and time exits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, insert, select, update

from fxgpt_core.errors import BadInputError, MissingError, RefusedError
from fxgpt_core.registry import lineage
from fxgpt_core.registry.deployment_records import active_deployment
from fxgpt_core.registry.deployment_tables import deployment_pauses
from fxgpt_core.registry.ledger import Ledger

POSITIONS_KEEP = (
    "open positions keep their stops, targets, trailing and time exits; to close none and send nothing: `fxgpt live halt`"
)


@dataclass(frozen=True)
class Pause:
    """One pause of a series; the last three are None while it lasts."""

    id: int
    symbol: str
    timeframe: str
    paused_by: str
    reason: str
    paused_at: datetime
    resumed_by: str | None
    resume_reason: str | None
    resumed_at: datetime | None

    @property
    def refusal(self) -> str:
        """Why nothing new is traded now."""
        since = f"{self.paused_at:%Y-%m-%d %H:%M} UTC"
        return f"{self.symbol} {self.timeframe} is paused since {since} by {self.paused_by}: {self.reason}"


class Pauses:
    """The pauses of one ledger; each move is one transaction and one entry of the lineage."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def pause(self, symbol: str, timeframe: str, *, by: str, reason: str) -> Pause:
        """Trade nothing new on a series from now on.

        Raises `BadInputError` without `by` or `reason`, `MissingError` when nothing is deployed, `RefusedError` when paused.
        """
        _require_words("pause", by, reason)
        now = self.ledger.now()
        with self.ledger.begin() as connection:
            lineage.lock(connection)
            found = pause_of(connection, symbol, timeframe)
            if found is not None:
                raise RefusedError(f"{found.refusal}; resume it first, if the reason is to be another")
            deployment = active_deployment(connection, symbol, timeframe)
            if deployment is None:
                raise MissingError(f"nothing is deployed for {symbol} {timeframe}, so there is nothing to pause")
            values = {"symbol": symbol, "timeframe": timeframe, "paused_by": by, "reason": reason, "paused_at": now}
            row = connection.execute(insert(deployment_pauses).returning(deployment_pauses), values).one()
            told = {"pause_id": row.id, "deployment_id": deployment.id, "by": by, "reason": reason}
            lineage.append(connection, "pause", {"symbol": symbol, "timeframe": timeframe, **told}, now)
        return _pause(row)

    def resume(self, symbol: str, timeframe: str, *, by: str, reason: str) -> Pause:
        """End the pause of a series. Raises `BadInputError` without `by` or `reason`, `RefusedError` when it is not paused."""
        _require_words("resume", by, reason)
        now, table = self.ledger.now(), deployment_pauses
        with self.ledger.begin() as connection:
            lineage.lock(connection)
            found = pause_of(connection, symbol, timeframe)
            if found is None:
                raise RefusedError(f"{symbol} {timeframe} is not paused; `fxgpt live status` shows what is")
            ended = {"resumed_by": by, "resume_reason": reason, "resumed_at": now}
            row = connection.execute(update(table).where(table.c.id == found.id).values(ended).returning(table)).one()
            told = {"symbol": symbol, "timeframe": timeframe, "pause_id": found.id, "by": by, "reason": reason}
            lineage.append(connection, "resume", told, now)
        return _pause(row)

    def open(self) -> Sequence[Pause]:
        """The pauses that last, in the order they began."""
        with self.ledger.reading() as connection:
            return open_pauses(connection)


def open_pauses(connection: Connection) -> Sequence[Pause]:
    """The pauses that last, inside the caller's transaction."""
    asked = select(deployment_pauses).where(deployment_pauses.c.resumed_at.is_(None)).order_by(deployment_pauses.c.id)
    return [_pause(row) for row in connection.execute(asked)]


def pause_of(connection: Connection, symbol: str, timeframe: str) -> Pause | None:
    """The pause of a series that lasts, inside the caller's transaction."""
    table = deployment_pauses.c
    mine = (table.symbol == symbol, table.timeframe == timeframe, table.resumed_at.is_(None))
    row = connection.execute(select(deployment_pauses).where(*mine)).one_or_none()
    return None if row is None else _pause(row)


def _require_words(verb: str, by: str, reason: str) -> None:
    if not by.strip() or not reason.strip():
        raise BadInputError(f"a {verb} needs who asked for it and why; give both `by` and `reason`")


def _pause(row: Row[tuple[object, ...]]) -> Pause:
    return Pause(**row._mapping)
