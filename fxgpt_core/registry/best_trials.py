"""The best trials ever recorded of a series and regime, with their parameters: one question to the ledger, by index.

Sharpe ratios of trials are in sample, each of its own train window: a list to look at, not a verdict. Trials of archived runs are
not in it, for their results went with them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, or_, select

from fxgpt_core.errors import BadInputError
from fxgpt_core.registry.deployment_records import GLOBAL, REGIMES
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.tables import optimization_parameters, optimization_results, optimization_runs, trial_ledger

SHOWN = ("sharpe_ratio", "max_drawdown_pct", "win_rate", "profit_factor", "total_trades", "total_return_pct", "is_pareto_optimal")
MOST = 1000


@dataclass(frozen=True)
class BestTrialsQuery:
    """What to look for: the best `n` by Sharpe; `max_drawdown_pct` in percent, `min_win_rate` a fraction (None: any)."""

    symbol: str
    timeframe: str
    regime: str = GLOBAL
    n: int = 10
    max_drawdown_pct: float | None = None
    min_win_rate: float | None = None


@dataclass(frozen=True)
class BestTrial:
    """One trial with its numbers; `parameters` is empty where they were not kept (of a genetic run all but survivors, front)."""

    run_id: int
    trial_number: int
    regime: str
    fold: int
    phase: str
    params_sha256: str
    results: Mapping[str, Any]
    parameters: Mapping[str, Any]


def best_trials(ledger: Ledger, query: BestTrialsQuery) -> Sequence[BestTrial]:
    """The best trials of a series and regime by Sharpe, the best first; of equals the earlier one.

    Raises `BadInputError` for an unknown regime, or for `n` outside 1 to 1000.
    """
    if query.regime not in (GLOBAL, *REGIMES) or not 1 <= query.n <= MOST:
        known = ", ".join((GLOBAL, *REGIMES))
        raise BadInputError(f"{query.n} trials of regime {query.regime!r}; ask for 1 to {MOST} of one of {known}")
    with ledger.reading() as connection:
        rows = connection.execute(_best(query, ledger.is_sqlite)).all()
        parameters = _parameters(connection, query.regime, rows)
    return [_trial(row, parameters.get((row.run_id, row.trial_number), {})) for row in rows]


def _best(query: BestTrialsQuery, is_sqlite: bool) -> Select[Any]:
    """The best of each run, of which the index knows the order, and the best of those."""
    runs, results = optimization_runs, optimization_results
    wanted = [results.c.run_id == runs.c.id, results.c.regime == query.regime]
    if query.max_drawdown_pct is not None:
        wanted.append(results.c.max_drawdown_pct <= query.max_drawdown_pct)
    if query.min_win_rate is not None:
        wanted.append(results.c.win_rate >= query.min_win_rate)
    order = (results.c.sharpe_ratio.desc(), results.c.trial_number)
    of_run = select(results.c.id).where(*wanted).order_by(*order).limit(query.n).correlate(runs)
    mine = (runs.c.symbol == query.symbol, runs.c.timeframe == query.timeframe)
    if is_sqlite:  # it has no LATERAL, but takes a list that depends on the row
        ids = select(results.c.id).join_from(runs, results, results.c.id.in_(of_run)).where(*mine)
    else:
        top = of_run.lateral("top")
        ids = select(top.c.id).select_from(runs.join(top, runs.c.id.is_not(None))).where(*mine)
    same = and_(trial_ledger.c.run_id == results.c.run_id, trial_ledger.c.trial_number == results.c.trial_number)
    told = (results.c.run_id, results.c.trial_number, results.c.regime, *(results.c[name] for name in SHOWN))
    ledger = (trial_ledger.c.fold, trial_ledger.c.phase, trial_ledger.c.params_sha256)
    best = select(*told, *ledger).join_from(results, trial_ledger, same).where(results.c.id.in_(ids))
    return best.order_by(results.c.sharpe_ratio.desc(), results.c.run_id, results.c.trial_number).limit(query.n)


def _parameters(connection: Connection, regime: str, rows: Sequence[Row[Any]]) -> dict[tuple[int, int], dict[str, Any]]:
    table = optimization_parameters.c
    places = [and_(table.run_id == row.run_id, table.trial_number == row.trial_number) for row in rows]
    asked = select(table.run_id, table.trial_number, table.parameter_name, table.parameter_value)
    found: dict[tuple[int, int], dict[str, Any]] = {}
    if not places:
        return found
    for run_id, number, name, value in connection.execute(asked.where(or_(*places), table.regime == regime).order_by(table.id)):
        found.setdefault((run_id, number), {})[name] = json.loads(value)
    return found


def _trial(row: Row[Any], parameters: Mapping[str, Any]) -> BestTrial:
    results = {name: row._mapping[name] for name in SHOWN}
    place = (row.run_id, row.trial_number, row.regime, row.fold, row.phase, row.params_sha256)
    return BestTrial(*place, results=results | {"is_pareto_optimal": bool(row.is_pareto_optimal)}, parameters=parameters)
