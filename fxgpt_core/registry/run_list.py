"""All optimization runs, a row each."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.tables import optimization_runs, optimization_searches, trial_ledger


@dataclass(frozen=True)
class RunListed:
    """One run; `trials` are those made, of at most `planned`; `searches` those that ended, of all."""

    run: int
    symbol: str
    timeframe: str
    method: str
    regime_mode: str
    status: str
    trials: int
    planned: int
    searches: str
    best_sharpe: float | None
    created_at: datetime
    notes: str


def run_list(ledger: Ledger) -> list[RunListed]:
    """Every run in the order of its number."""
    runs, made, parts = optimization_runs.c, trial_ledger.c, optimization_searches.c
    with ledger.reading() as connection:
        counted = connection.execute(select(made.run_id, func.count()).group_by(made.run_id)).all()
        trials: dict[int, int] = {row.run_id: row[1] for row in counted}
        rows = connection.execute(select(parts.run_id, func.count(), func.count(parts.ended_at)).group_by(parts.run_id)).all()
        searches = {run_id: f"{ended}/{n}" for run_id, n, ended in rows}
        found = connection.execute(select(optimization_runs).order_by(runs.id)).all()
    return [
        RunListed(
            run=row.id,
            symbol=row.symbol,
            timeframe=row.timeframe,
            method=row.optimization_method,
            regime_mode=row.regime_mode,
            status=row.status,
            trials=trials.get(row.id, 0),
            planned=row.n_trials,
            searches=searches.get(row.id, "-"),
            best_sharpe=row.best_sharpe,
            created_at=row.created_at,
            notes=row.notes or "",
        )
        for row in found
    ]
