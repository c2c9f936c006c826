"""The vault: the last days of the test span, which no search sees, and everybody who ever looked into it.

An opening is written down before anything is played, in the same transaction as an entry of the lineage: a look that was
interrupted was a look, and so is a play by another verb. The same set on the same days is looked at once; each other look at days
that were seen before is one more trial on them, and so is each trial of a search that was given these days; `look` tells the sum.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, insert, select, update

from fxgpt_core.content_hash import canonical_json
from fxgpt_core.errors import BadInputError, MissingError
from fxgpt_core.registry import lineage
from fxgpt_core.registry.artifact_tables import vault_openings
from fxgpt_core.registry.gates import GateResult
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.runs_ever import run_ids_ever
from fxgpt_core.registry.tables import optimization_searches, trial_ledger

GATE = "vault_ratio"
MINIMUM_VAULT_RATIO = 0.7

_CLOSED = (
    "the days that no search saw were not played yet: when all other gates have passed, materialize vault, or `fxgpt vault "
    "open`; it is done once for a set, and each further set that is tried on the same days must show more"
)


@dataclass(frozen=True)
class VaultRequest:
    """Who wants to look at which days, for which set, and why; `window_start`, `window_end` have a time zone.

    `params_sha256`: content hash of what decides; `parameter_set_id`: its artifact, None for one that a verb was given. `verb`
    plays it: "vault" for the gate, or another that shows what came of it.
    """

    symbol: str
    timeframe: str
    parameter_set_id: str | None
    params_sha256: str
    window_start: datetime
    window_end: datetime
    opened_by: str
    reason: str
    verb: str = "vault"


@dataclass(frozen=True)
class Opening:
    """One look into the vault: `look` counts all at days of its window, itself too; `result` of the gate is None until then."""

    id: int
    request: VaultRequest
    look: int
    opened_at: datetime
    result: Mapping[str, Any] | None

    @property
    def gate(self) -> GateResult:
        """What the look says, as a gate: the ratio of the result against its limit; not played is not passed."""
        return vault_gate(self)

    def to_json(self) -> dict[str, Any]:
        """Every field, times as text."""
        moments = {name: getattr(self.request, name).isoformat() for name in ("window_start", "window_end")}
        about = {**vars(self.request), **moments, "look": self.look, "opened_at": self.opened_at.isoformat()}
        return {"id": self.id, **about, "result": self.result and dict(self.result)}


class Vault:
    """The openings of one ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def open(self, request: VaultRequest) -> Opening:
        """Write down a look, and count it; the same set on the same days is the look it was.

        Raises `BadInputError` without a name or a reason, and for a window that ends before it begins.
        """
        _require_sound(request)
        now = self.ledger.now()
        with self.ledger.begin() as connection:
            lineage.lock(connection)
            found = _of(connection, request)
            if found is not None:
                return found
            values = {**vars(request), "look": 1 + _looks(connection, request), "opened_at": now}
            new_id = connection.execute(insert(vault_openings).returning(vault_openings.c.id), values).scalar_one()
            opening = _by_id(connection, int(new_id))
            lineage.append(connection, "vault", opening.to_json(), now)
            return opening

    def conclude(self, opening_id: int, result: Mapping[str, Any]) -> Opening:
        """Keep what a look showed; a result that is there stays. Raises `MissingError`."""
        now = self.ledger.now()
        with self.ledger.begin() as connection:
            lineage.lock(connection)
            found = _by_id(connection, opening_id)
            if found.result is not None:
                return found
            text = canonical_json(dict(result))
            connection.execute(update(vault_openings).where(vault_openings.c.id == opening_id).values(result_json=text))
            lineage.append(connection, "vault_result", {"opening_id": opening_id, "result": json.loads(text)}, now)
            return _by_id(connection, opening_id)

    def opening(self, request: VaultRequest) -> Opening | None:
        """The look of this set at these days, if there was one; who asks and why does not matter."""
        with self.ledger.reading() as connection:
            return _of(connection, request)

    def openings(self, symbol: str, timeframe: str) -> Sequence[Opening]:
        """Every look at days of a symbol and timeframe, in their order."""
        table = vault_openings.c
        asked = select(vault_openings).where(table.symbol == symbol, table.timeframe == timeframe).order_by(table.id)
        with self.ledger.reading() as connection:
            return [_opening(row) for row in connection.execute(asked)]


def vault_gate(opening: Opening | None) -> GateResult:
    """The gate of a set by its look into the vault; a vault that was not opened is not passed."""
    result = None if opening is None else opening.result
    if opening is None or result is None:
        return GateResult(GATE, 0.0, MINIMUM_VAULT_RATIO, ">=", False, _CLOSED)
    ratio = float(result["ratio"])
    sharpe, lucky, before = (float(result[name]) for name in ("sharpe", "lucky_sharpe", "in_sample_sharpe"))
    again = f", of which {lucky:.2f} is what the best of {opening.look} looks shows by luck" if opening.look > 1 else ""
    remedy = (
        f"on days that no search saw the Sharpe is {sharpe:.2f} a year{again}, after {before:.2f} on its own train window: the "
        "search fitted what does not last; a new set needs new candles behind this vault to be judged by"
    )
    return GateResult(GATE, ratio, MINIMUM_VAULT_RATIO, ">=", ratio >= MINIMUM_VAULT_RATIO, remedy)


def _require_sound(request: VaultRequest) -> None:
    if not request.opened_by.strip() or not request.reason.strip():
        raise BadInputError("the vault is opened by somebody and for a reason, once for a set; give both `by` and `reason`")
    if not request.window_start < request.window_end:
        raise BadInputError(
            f"the vault from {request.window_start} to {request.window_end} holds no day; search with a vault_share above 0"
        )


def _of(connection: Connection, request: VaultRequest) -> Opening | None:
    names = ("symbol", "timeframe", "params_sha256", "window_start", "window_end")
    same = [vault_openings.c[name] == getattr(request, name) for name in names]
    row = connection.execute(select(vault_openings).where(*same)).one_or_none()
    return None if row is None else _opening(row)


def _looks(connection: Connection, request: VaultRequest) -> int:
    """How many looks there were at any of the days: openings, and trials of searches whose days reach into them."""
    table, search, trial = vault_openings.c, optimization_searches.c, trial_ledger.c
    openings = select(func.count()).where(table.symbol == request.symbol, table.timeframe == request.timeframe)
    trials = (
        select(func.count())
        .select_from(trial_ledger)
        .join(optimization_searches, (search.run_id == trial.run_id) & (search.search == trial.fold))
        .where(trial.run_id.in_(run_ids_ever(request.symbol, request.timeframe)))
    )
    both = ((openings, table), (trials, search))
    found = [connection.execute(asked.where(*_at_days(of, request))).scalar_one() for asked, of in both]
    return int(sum(found))


def _at_days(of: Any, request: VaultRequest) -> tuple[ColumnElement[bool], ...]:
    return of.window_start < request.window_end, of.window_end > request.window_start


def _by_id(connection: Connection, opening_id: int) -> Opening:
    row = connection.execute(select(vault_openings).where(vault_openings.c.id == opening_id)).one_or_none()
    if row is None:
        raise MissingError(f"there is no opening {opening_id} of the vault; `fxgpt vault show` lists those there are")
    return _opening(row)


def _opening(row: Row[Any]) -> Opening:
    request = VaultRequest(**{name: getattr(row, name) for name in VaultRequest.__dataclass_fields__})
    return Opening(row.id, request, row.look, row.opened_at, row.result_json and json.loads(row.result_json))
