"""Optimization runs: opened under the name of their recipe, finished or failed, and what they proposed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, update

from fxgpt_core.content_hash import canonical_json
from fxgpt_core.errors import BadInputError, MissingError
from fxgpt_core.registry.tables import optimization_results, optimization_runs, regime_parameters

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment_of(time_us: int) -> datetime:
    """Microseconds since the epoch as a moment, UTC."""
    return EPOCH + timedelta(microseconds=time_us)


def us_of(moment: datetime) -> int:
    """A moment as microseconds since the epoch."""
    return (moment - EPOCH) // timedelta(microseconds=1)


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


def opened(connection: Connection, request: RunRequest, now: datetime) -> int:
    """The id of the run, new or the one of the same `run_uuid`; a failed run is running again. Raises `BadInputError`."""
    found = connection.execute(_run_of(request.run_uuid)).one_or_none()
    if found is None:
        return _insert_run(connection, request, now)
    _check_same(found, request)
    if found.status == "failed":
        set_run(connection, found.id, now, status="running", notes=request.notes)
    return int(found.id)


def _run_of(run_uuid: str) -> Select[Any]:
    return select(optimization_runs).where(optimization_runs.c.run_uuid == run_uuid)


def _insert_run(connection: Connection, request: RunRequest, now: datetime) -> int:
    values = {
        "run_uuid": request.run_uuid,
        "symbol": request.symbol,
        "timeframe": request.timeframe,
        "optimization_method": request.method,
        "regime_mode": request.regime_mode,
        "start_date": moment_of(request.start_us),
        "end_date": moment_of(request.end_us),
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


def set_run(connection: Connection, run_id: int, now: datetime, **values: Any) -> None:
    """Changes columns of a run."""
    connection.execute(update(optimization_runs).where(optimization_runs.c.id == run_id).values(updated_at=now, **values))


def status_of(connection: Connection, run_id: int) -> str:
    """running, completed or failed. Raises `MissingError` for a run that is not there."""
    found = connection.execute(select(optimization_runs.c.status).where(optimization_runs.c.id == run_id)).scalar_one_or_none()
    if found is None:
        raise MissingError(f"there is no optimization run {run_id}; open it with `open_run` first")
    return str(found)


def finished(
    connection: Connection, run_id: int, best: Mapping[str, Any], pareto: Sequence[int], about: Mapping[str, Any]
) -> None:
    """Marks a run completed, with the metrics of its best trial, its Pareto front and further columns."""
    table = optimization_results.c
    connection.execute(
        update(optimization_results).where(table.run_id == run_id).values(is_pareto_optimal=table.trial_number.in_(list(pareto)))
    )
    connection.execute(
        update(optimization_runs)
        .where(optimization_runs.c.id == run_id)
        .values(
            status="completed",
            best_sharpe=best["sharpe_ratio"],
            best_max_drawdown=best["max_drawdown"],
            best_win_rate=best["win_rate"],
            best_profit_factor=best["profit_factor"],
            **about,
        )
    )


@dataclass(frozen=True)
class Proposal:
    """A parameter set that a run proposes, as the 90 values by name, and the trial it is."""

    trial_number: int
    symbol: str
    timeframe: str
    regime: str
    parameters: Mapping[str, Any]


def proposed(connection: Connection, run_id: int, proposal: Proposal, now: datetime) -> int:
    """The id of the proposal's row; the same proposal again is the same row. Raises `MissingError`."""
    table = regime_parameters.c
    identity = {
        "symbol": proposal.symbol,
        "timeframe": proposal.timeframe,
        "regime": proposal.regime,
        "optimization_run_id": run_id,
        "trial_number": proposal.trial_number,
        "parameters_json": canonical_json(dict(proposal.parameters)),
    }
    same = select(table.id).where(*(table[name] == value for name, value in identity.items()))
    found = connection.execute(same).scalar_one_or_none()
    if found is not None:
        return int(found)
    values = {**identity, **_headline(connection, run_id, proposal.trial_number), "created_at": now, "updated_at": now}
    return int(connection.execute(insert(regime_parameters).returning(table.id), values).scalar_one())


def _headline(connection: Connection, run_id: int, trial_number: int) -> dict[str, Any]:
    table = optimization_results.c
    asked = select(table.sharpe_ratio, table.max_drawdown_pct, table.win_rate).where(
        table.run_id == run_id, table.trial_number == trial_number
    )
    found = connection.execute(asked).one_or_none()
    if found is None:
        raise MissingError(f"run {run_id} has no trial {trial_number}; record the trial before proposing its parameters")
    return dict(found._mapping)
