"""Rows of trials, to the tables they are stored in and back."""

import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from fxgpt_core.content_hash import canonical_json
from fxgpt_core.errors import BadInputError
from fxgpt_core.registry.tables import (
    COUNTS,
    RESULT_COLUMNS,
    optimization_parameters,
    optimization_results,
    trial_ledger,
)

GLOBAL_REGIME = "global"
PLURALS = {"pattern": "patterns", "filter": "filters"}
GROUPS = ("sssd", "riskfolio", "patterns", "rl", "risk", "sizing", "filters")
AT_ONCE = 500
"""Trials that are asked for in one question: SQLite takes no more than some thousands of values in one."""


@dataclass(frozen=True)
class TrialRecord:
    """One evaluated parameter set: the 90 parameters, the 17 result columns and `objective_value`, and its objectives.

    `genome`: what the search proposed, bytes of uint16; `violation`: how far from keeping every limit, 0 if all hold.
    """

    trial_number: int
    fold: int
    phase: str
    seed: int
    parameters: Mapping[str, Any]
    metrics: Mapping[str, Any]
    objectives: Mapping[str, float]
    n_periods: int
    sharpe_per_period: float
    params_sha256: str
    genome: bytes = b""
    violation: float = 0.0


def write_ledger(connection: Connection, run_id: int, trials: Sequence[TrialRecord], now: datetime) -> None:
    """A row of the trial ledger for each trial. Raises `IntegrityError` when a number is taken."""
    rows = [{"run_id": run_id, "trial_number": each.trial_number, "created_at": now, **_ledger_values(each)} for each in trials]
    if rows:
        connection.execute(insert(trial_ledger), rows)


def write_in_full(
    connection: Connection, run_id: int, regimes: Mapping[int, str], trials: Sequence[TrialRecord], now: datetime
) -> None:
    """The 90 parameters and the results of each trial, of the regime that its search (`fold`) is of, global if not told."""
    results: list[dict[str, Any]] = []
    parameters: list[dict[str, Any]] = []
    for trial in trials:
        regime = regimes.get(trial.fold, GLOBAL_REGIME)
        key = {"run_id": run_id, "trial_number": trial.trial_number, "regime": regime, "created_at": now}
        results.append({**key, **_result_values(trial)})
        parameters += [{**key, **_parameter_values(name, value)} for name, value in trial.parameters.items()]
    if results:
        connection.execute(insert(optimization_results), results)
        connection.execute(insert(optimization_parameters), parameters)


def _result_values(trial: TrialRecord) -> dict[str, Any]:
    missing = [name for name in RESULT_COLUMNS if name not in trial.metrics]
    broken = [name for name in RESULT_COLUMNS if name not in missing and not math.isfinite(trial.metrics[name])]
    if missing or broken:
        raise BadInputError(
            f"trial {trial.trial_number} lacks the metrics {missing} and has no finite {broken}; give all of {RESULT_COLUMNS}"
        )
    return {name: (int if name in COUNTS else float)(trial.metrics[name]) for name in RESULT_COLUMNS}


def _ledger_values(trial: TrialRecord) -> dict[str, Any]:
    return {
        "fold": trial.fold,
        "phase": trial.phase,
        "seed": str(trial.seed),
        "params_sha256": trial.params_sha256,
        "n_periods": trial.n_periods,
        "sharpe_per_period": trial.sharpe_per_period,
        "objectives_json": canonical_json(dict(trial.objectives)),
        "state": "completed",
        "genome": trial.genome or None,
        "violation": trial.violation,
    }


def _parameter_values(name: str, value: Any) -> dict[str, Any]:
    prefix = name.split("_", 1)[0]
    group = PLURALS.get(prefix, prefix)
    if group not in GROUPS:
        raise BadInputError(f"parameter {name} belongs to none of the groups {', '.join(GROUPS)}; begin its name with a group's")
    return {
        "parameter_group": group,
        "parameter_name": name,
        "parameter_value": canonical_json(value),
        "parameter_type": type(value).__name__,
    }


def read_trials(connection: Connection, run_id: int, numbers: Collection[int] | None = None) -> list[TrialRecord]:
    """The trials of a run that are kept in full, all or those of some numbers, in the order of their numbers."""
    if numbers is None:
        table = optimization_results.c
        numbers = connection.execute(select(table.trial_number).where(table.run_id == run_id)).scalars().all()
    wanted = sorted(numbers)
    parts = [wanted[first : first + AT_ONCE] for first in range(0, len(wanted), AT_ONCE)]
    return [trial for part in parts for trial in _read(connection, run_id, part)]


def _read(connection: Connection, run_id: int, numbers: Sequence[int]) -> Iterator[TrialRecord]:
    """Trials from the three tables they are stored in."""
    parameters: dict[int, dict[str, Any]] = {}
    rows = optimization_parameters.c
    values = select(rows.trial_number, rows.parameter_name, rows.parameter_value)
    mine = (rows.run_id == run_id, rows.trial_number.in_(numbers))
    for number, name, value in connection.execute(values.where(*mine).order_by(rows.id)):
        parameters.setdefault(number, {})[name] = json.loads(value)
    same = (optimization_results.c.run_id == trial_ledger.c.run_id) & (
        optimization_results.c.trial_number == trial_ledger.c.trial_number
    )
    asked = (
        select(trial_ledger, *(optimization_results.c[name] for name in RESULT_COLUMNS))
        .select_from(trial_ledger.join(optimization_results, same))
        .where(trial_ledger.c.run_id == run_id, trial_ledger.c.trial_number.in_(numbers))
        .order_by(trial_ledger.c.trial_number)
    )
    for row in connection.execute(asked):
        yield _trial(row, parameters.get(row.trial_number, {}))


def _trial(row: Row[Any], parameters: dict[str, Any]) -> TrialRecord:
    return TrialRecord(
        trial_number=row.trial_number,
        fold=row.fold,
        phase=row.phase,
        seed=int(row.seed),
        parameters=parameters,
        metrics={name: row._mapping[name] for name in RESULT_COLUMNS},
        objectives=json.loads(row.objectives_json),
        n_periods=row.n_periods,
        sharpe_per_period=row.sharpe_per_period,
        params_sha256=row.params_sha256,
        genome=bytes(row.genome or b""),
        violation=row.violation,
    )
