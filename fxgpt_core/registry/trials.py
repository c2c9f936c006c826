"""Optimization runs and their trials: each trial is one transaction, so a killed run resumes where the ledger ends."""

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from fxgpt_core.content_hash import canonical_json
from fxgpt_core.errors import BadInputError, MissingError, RefusedError
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.tables import (
    COUNTS,
    RESULT_COLUMNS,
    optimization_parameters,
    optimization_results,
    optimization_runs,
    regime_parameters,
    trial_ledger,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
GLOBAL_REGIME = "global"
PLURALS = {"pattern": "patterns", "filter": "filters"}
GROUPS = ("sssd", "riskfolio", "patterns", "rl", "risk", "sizing", "filters")


@dataclass(frozen=True)
class RunRequest:
    """One optimization as asked; `run_uuid` names its recipe, `start_us` and `end_us` are microseconds since epoch, UTC."""

    run_uuid: str
    symbol: str
    timeframe: str
    method: str
    regime_mode: str
    start_us: int
    end_us: int
    n_trials: int
    notes: str = ""


@dataclass(frozen=True)
class TrialRecord:
    """One evaluated parameter set: the 90 parameters, the 17 result columns and `objective_value`, and its objectives."""

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


class TrialStore:
    """The optimization tables of one ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def open_run(self, request: RunRequest) -> int:
        """The id of the run, new or the one of the same `run_uuid`; a failed run is running again.

        Raises `BadInputError` when that uuid already names a different request.
        """
        with self.ledger.begin() as connection:
            found = connection.execute(_run_of(request.run_uuid)).one_or_none()
            if found is None:
                return _insert_run(connection, request, self.ledger.now())
            _check_same(found, request)
            if found.status == "failed":
                _set_run(connection, found.id, self.ledger.now(), status="running", notes=request.notes)
            return int(found.id)

    def trials(self, run_id: int) -> list[TrialRecord]:
        """Every trial of a run in the order of its number."""
        with self.ledger.reading() as connection:
            return read_trials(connection, run_id)

    def record(self, run_id: int, trial: TrialRecord) -> None:
        """Store one trial in one transaction. Raises `RefusedError` when its number is taken, `BadInputError` for bad numbers."""
        results = _result_values(trial)
        now = self.ledger.now()
        key = {"run_id": run_id, "trial_number": trial.trial_number, "created_at": now}
        try:
            with self.ledger.begin() as connection:
                connection.execute(insert(trial_ledger), {**key, **_ledger_values(trial)})
                connection.execute(insert(optimization_results), {**key, "regime": GLOBAL_REGIME, **results})
                rows = [{**key, **_parameter_values(name, value)} for name, value in trial.parameters.items()]
                connection.execute(insert(optimization_parameters), rows)
        except IntegrityError as error:
            raise RefusedError(
                f"trial {trial.trial_number} of run {run_id} was not stored: {error.orig}. A trial is recorded once, in a run "
                "that exists; read `trials(run_id)` and continue with the next number"
            ) from error

    def finish(self, run_id: int, best: TrialRecord, pareto: Sequence[int], duration_s: float) -> None:
        """Mark a run completed, with its best trial and its Pareto front; a run completed before is left as it is."""
        with self.ledger.begin() as connection:
            if _status(connection, run_id) == "completed":
                return
            table = optimization_results.c
            connection.execute(
                update(optimization_results)
                .where(table.run_id == run_id)
                .values(is_pareto_optimal=table.trial_number.in_(list(pareto)))
            )
            _set_run(
                connection,
                run_id,
                self.ledger.now(),
                status="completed",
                best_sharpe=best.metrics["sharpe_ratio"],
                best_max_drawdown=best.metrics["max_drawdown"],
                best_win_rate=best.metrics["win_rate"],
                best_profit_factor=best.metrics["profit_factor"],
                total_duration_sec=round(duration_s),
            )

    def fail(self, run_id: int, reason: str) -> None:
        """Mark a run failed and keep why; its trials stay, and opening it again resumes it."""
        with self.ledger.begin() as connection:
            _status(connection, run_id)
            _set_run(connection, run_id, self.ledger.now(), status="failed", notes=reason)

    def record_proposal(
        self, run_id: int, trial_number: int, symbol: str, timeframe: str, regime: str, parameters: Mapping[str, Any]
    ) -> int:
        """The id of the proposed parameter set's row; the same proposal again is the same row. Raises `MissingError`."""
        table = regime_parameters.c
        identity = {
            "symbol": symbol,
            "timeframe": timeframe,
            "regime": regime,
            "optimization_run_id": run_id,
            "trial_number": trial_number,
            "parameters_json": canonical_json(dict(parameters)),
        }
        with self.ledger.begin() as connection:
            same = select(table.id).where(*(table[name] == value for name, value in identity.items()))
            found = connection.execute(same).scalar_one_or_none()
            if found is not None:
                return int(found)
            now = self.ledger.now()
            values = {**identity, **_headline(connection, run_id, trial_number), "created_at": now, "updated_at": now}
            return int(connection.execute(insert(regime_parameters).returning(table.id), values).scalar_one())

    def n_trials_ever(self, symbol: str, timeframe: str) -> int:
        """How many trials were ever recorded for a symbol and timeframe, over all runs, finished or not."""
        with self.ledger.reading() as connection:
            return int(connection.execute(_ever(symbol, timeframe, func.count())).scalar_one())

    def sharpe_variance(self, symbol: str, timeframe: str) -> float:
        """Sample variance of the per-period Sharpe ratios of all those trials; 0 with fewer than two."""
        with self.ledger.reading() as connection:
            sharpes = connection.execute(_ever(symbol, timeframe, trial_ledger.c.sharpe_per_period)).scalars().all()
        return float(statistics.variance(sharpes)) if len(sharpes) > 1 else 0.0


def _run_of(run_uuid: str) -> Select[Any]:
    return select(optimization_runs).where(optimization_runs.c.run_uuid == run_uuid)


def _insert_run(connection: Connection, request: RunRequest, now: datetime) -> int:
    values = {
        "run_uuid": request.run_uuid,
        "symbol": request.symbol,
        "timeframe": request.timeframe,
        "optimization_method": request.method,
        "regime_mode": request.regime_mode,
        "start_date": EPOCH + timedelta(microseconds=request.start_us),
        "end_date": EPOCH + timedelta(microseconds=request.end_us),
        "n_trials": request.n_trials,
        "status": "running",
        "notes": request.notes,
        "created_at": now,
        "updated_at": now,
    }
    return int(connection.execute(insert(optimization_runs).returning(optimization_runs.c.id), values).scalar_one())


def _check_same(found: Row[Any], request: RunRequest) -> None:
    was = (found.symbol, found.timeframe, found.optimization_method, found.n_trials)
    asked = (request.symbol, request.timeframe, request.method, request.n_trials)
    if was != asked:
        raise BadInputError(
            f"run {request.run_uuid} was opened for {was}, not {asked}; derive the run_uuid from everything that shapes the run"
        )


def _set_run(connection: Connection, run_id: int, now: datetime, **values: Any) -> None:
    connection.execute(update(optimization_runs).where(optimization_runs.c.id == run_id).values(updated_at=now, **values))


def _status(connection: Connection, run_id: int) -> str:
    found = connection.execute(select(optimization_runs.c.status).where(optimization_runs.c.id == run_id)).scalar_one_or_none()
    if found is None:
        raise MissingError(f"there is no optimization run {run_id}; open it with `open_run` first")
    return str(found)


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
    }


def _parameter_values(name: str, value: Any) -> dict[str, Any]:
    prefix = name.split("_", 1)[0]
    group = PLURALS.get(prefix, prefix)
    if group not in GROUPS:
        raise BadInputError(f"parameter {name} belongs to none of the groups {', '.join(GROUPS)}; begin its name with a group's")
    return {
        "regime": GLOBAL_REGIME,
        "parameter_group": group,
        "parameter_name": name,
        "parameter_value": canonical_json(value),
        "parameter_type": type(value).__name__,
    }


def _headline(connection: Connection, run_id: int, trial_number: int) -> dict[str, Any]:
    table = optimization_results.c
    asked = select(table.sharpe_ratio, table.max_drawdown_pct, table.win_rate).where(
        table.run_id == run_id, table.trial_number == trial_number
    )
    found = connection.execute(asked).one_or_none()
    if found is None:
        raise MissingError(f"run {run_id} has no trial {trial_number}; record the trial before proposing its parameters")
    return dict(found._mapping)


def _ever(symbol: str, timeframe: str, column: Any) -> Select[Any]:
    runs = optimization_runs.c
    joined = trial_ledger.join(optimization_runs, runs.id == trial_ledger.c.run_id)
    return select(column).select_from(joined).where(runs.symbol == symbol, runs.timeframe == timeframe)


def read_trials(connection: Connection, run_id: int) -> list[TrialRecord]:
    """Every trial of a run in the order of its number, from the three tables they are stored in."""
    parameters: dict[int, dict[str, Any]] = {}
    rows = optimization_parameters.c
    values = select(rows.trial_number, rows.parameter_name, rows.parameter_value).where(rows.run_id == run_id).order_by(rows.id)
    for number, name, value in connection.execute(values):
        parameters.setdefault(number, {})[name] = json.loads(value)
    same = (optimization_results.c.run_id == trial_ledger.c.run_id) & (
        optimization_results.c.trial_number == trial_ledger.c.trial_number
    )
    asked = (
        select(trial_ledger, *(optimization_results.c[name] for name in RESULT_COLUMNS))
        .select_from(trial_ledger.join(optimization_results, same))
        .where(trial_ledger.c.run_id == run_id)
        .order_by(trial_ledger.c.trial_number)
    )
    return [_trial(row, parameters.get(row.trial_number, {})) for row in connection.execute(asked)]


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
    )
