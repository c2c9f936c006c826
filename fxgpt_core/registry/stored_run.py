"""One optimization run as the ledger has it: what was asked, how it stands, what it proposed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from fxgpt_core.errors import MissingError
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.tables import optimization_runs, regime_parameters


@dataclass(frozen=True)
class StoredRunFacts:
    """`start` to `end`: what the searches see; `n_trials`: at most planned; `proposed`: the 90 values by name, of each regime."""

    id: int
    run_uuid: str
    symbol: str
    timeframe: str
    method: str
    regime_mode: str
    start: datetime
    end: datetime
    n_trials: int
    status: str
    duration_s: int | None
    created_at: datetime
    notes: str
    proposed: Mapping[str, Mapping[str, Any]]


def stored_run(ledger: Ledger, run_id: int) -> StoredRunFacts:
    """The run of a number. Raises `MissingError` with the numbers there are."""
    runs, proposals = optimization_runs.c, regime_parameters.c
    with ledger.reading() as connection:
        row = connection.execute(select(optimization_runs).where(runs.id == run_id)).one_or_none()
        if row is None:
            known = ", ".join(map(str, connection.execute(select(runs.id).order_by(runs.id)).scalars())) or "none"
            raise MissingError(
                f"there is no optimization run {run_id}; runs there are: {known}; `fxgpt optimize list` shows them"
            )
        asked = select(proposals.regime, proposals.parameters_json).where(proposals.optimization_run_id == run_id)
        found = {each.regime: json.loads(each.parameters_json) for each in connection.execute(asked.order_by(proposals.id))}
    return StoredRunFacts(
        id=row.id,
        run_uuid=row.run_uuid,
        symbol=row.symbol,
        timeframe=row.timeframe,
        method=row.optimization_method,
        regime_mode=row.regime_mode,
        start=row.start_date,
        end=row.end_date,
        n_trials=row.n_trials,
        status=row.status,
        duration_s=row.total_duration_sec,
        created_at=row.created_at,
        notes=row.notes or "",
        proposed=found,
    )
