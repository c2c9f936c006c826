"""Which parameter set trades what, on what evidence: deployed past no failing gate, one at a time, reversible."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, update

from fxgpt_core.errors import BadInputError, MissingError, RefusedError
from fxgpt_core.registry import lineage
from fxgpt_core.registry.artifact_tables import deployment_evidence
from fxgpt_core.registry.code_identity import CodeIdentity
from fxgpt_core.registry.efforts import cheapest_told
from fxgpt_core.registry.gate_results import read_board
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.tables import deployment_configs, regime_parameters

PAPER = "paper"
BROKERS = (PAPER,)
SAME = ("parameter_set_id", "params_sha256", "model_id", "calibration_id", "validation_id", "broker")


@dataclass(frozen=True)
class DeploymentRequest:
    """One deployment as asked; the ids are those of artifacts, `regime_parameters_id` that of the proposal's row."""

    symbol: str
    timeframe: str
    parameter_set_id: str
    params_sha256: str
    model_id: str
    calibration_id: str
    validation_id: str
    broker: str
    deployed_by: str
    override_reason: str | None
    code: CodeIdentity
    dagster_run_id: str
    regime_parameters_id: int | None


@dataclass(frozen=True)
class Deployment:
    """One deployment with its evidence; `previous_id` is what a rollback goes back to."""

    id: int
    symbol: str
    timeframe: str
    broker: str
    parameter_set_id: str
    params_sha256: str
    model_id: str
    calibration_id: str
    validation_id: str
    deployed_by: str
    deployed_at: datetime
    activated_at: datetime
    is_active: bool
    deactivated_at: datetime | None
    override_reason: str | None
    previous_id: int | None
    regime_parameters_id: int | None
    code: CodeIdentity
    dagster_run_id: str


class Deployments:
    """The deployments of one ledger; every move is one transaction and one entry of the lineage."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def deploy(self, request: DeploymentRequest) -> Deployment:
        """Make a parameter set the active one of its symbol and timeframe; what is active already is returned as it is.

        Raises `RefusedError` when a gate failed or none was recorded, unless the broker is paper and a reason overrides it,
        and `BadInputError` for a broker that does not exist (nothing would trade) or an empty reason.
        """
        _require_sound(request)
        now = self.ledger.now()
        with self.ledger.begin() as connection:
            lineage.lock(connection)
            current = _active(connection, request.symbol, request.timeframe)
            if current is not None and all(getattr(current, name) == getattr(request, name) for name in SAME):
                return current
            _require_gates(connection, request)
            if current is not None:
                _deactivate(connection, current, now)
            config = insert(deployment_configs).returning(deployment_configs.c.id)
            new_id = int(connection.execute(config, _config_values(request, now)).scalar_one())
            evidence = _evidence_values(request, current.id if current else None)
            connection.execute(insert(deployment_evidence), {"deployment_id": new_id, **evidence, "activated_at": now})
            _choose_parameters(connection, request.regime_parameters_id, now)
            lineage.append(connection, "deployment", {"deployment_id": new_id, **_told(request), **evidence}, now)
            return _by_id(connection, new_id)

    def rollback(self, symbol: str, timeframe: str, by: str, reason: str) -> Deployment:
        """Make the deployment before the active one active again. Raises `MissingError` or `RefusedError`."""
        if not by.strip() or not reason.strip():
            raise BadInputError("a rollback needs who asked for it and why; give both `by` and `reason`")
        now = self.ledger.now()
        with self.ledger.begin() as connection:
            lineage.lock(connection)
            current = _active(connection, symbol, timeframe)
            if current is None:
                raise MissingError(f"nothing is deployed for {symbol} {timeframe}; deploy a parameter set first")
            if current.previous_id is None:
                raise RefusedError(
                    f"deployment {current.id} of {symbol} {timeframe} is the first one: there is nothing to go back to; "
                    "deploy another parameter set, or halt trading"
                )
            _deactivate(connection, current, now)
            previous = _by_id(connection, current.previous_id)
            _activate(connection, previous, now)
            payload = {"from_id": current.id, "to_id": previous.id, "by": by, "reason": reason}
            lineage.append(connection, "rollback", {"symbol": symbol, "timeframe": timeframe, **payload}, now)
            return _by_id(connection, previous.id)

    def active(self, symbol: str | None = None, timeframe: str | None = None) -> Sequence[Deployment]:
        """The active deployments, all or of one symbol or timeframe, in the order of their ids."""
        asked = _every().where(deployment_configs.c.is_active)
        if symbol is not None:
            asked = asked.where(deployment_configs.c.symbol == symbol)
        if timeframe is not None:
            asked = asked.where(deployment_configs.c.timeframe == timeframe)
        return _read(self.ledger, asked)

    def list(self) -> Sequence[Deployment]:
        """Every deployment ever, in the order of their ids."""
        return _read(self.ledger, _every())

    def get(self, deployment_id: int) -> Deployment:
        """The deployment of an id. Raises `MissingError`."""
        with self.ledger.reading() as connection:
            return _by_id(connection, deployment_id)


def _require_sound(request: DeploymentRequest) -> None:
    if request.override_reason is not None and not request.override_reason.strip():
        raise BadInputError("the override reason is empty; say why failed gates are accepted, or leave it out")
    if request.override_reason is not None and request.broker != PAPER:
        raise RefusedError(
            f"gates cannot be overridden for the broker {request.broker}, which moves real money; deploy to paper, "
            "or pass the gates and leave the reason out"
        )
    if request.broker not in BROKERS:
        raise BadInputError(f"broker {request.broker!r} is unknown; known: {', '.join(BROKERS)}")


def _require_gates(connection: Connection, request: DeploymentRequest) -> None:
    board = read_board(connection, request.parameter_set_id)
    failed = [gate for gate in board if not gate.passed]
    if request.override_reason is not None or (board and not failed):
        return
    if not board:
        raise RefusedError(
            f"no gate was recorded for parameter set {request.parameter_set_id[:16]}…; materialize robustness for "
            f"{request.symbol} {request.timeframe} first"
        )
    lines = [f"{gate.gate} is {gate.value:.6g}, must be {gate.comparison} {gate.limit:.6g}: {gate.remedy}" for gate in failed]
    told = "\n  ".join([*lines, cheapest_told(failed)])
    raise RefusedError(f"{len(failed)} of {len(board)} gates failed:\n  {told}\nOn paper an override reason lets it through")


def _config_values(request: DeploymentRequest, now: datetime) -> dict[str, Any]:
    return {
        "symbol": request.symbol,
        "timeframe": request.timeframe,
        "deployment_mode": "global",
        "global_params_id": request.regime_parameters_id,
        "deployed_at": now,
        "deployed_by": request.deployed_by,
        "is_active": True,
    }


def _evidence_values(request: DeploymentRequest, previous_id: int | None) -> dict[str, Any]:
    return {
        **{name: getattr(request, name) for name in SAME},
        "override_reason": request.override_reason,
        "previous_id": previous_id,
        "commit_sha": request.code.commit,
        "dirty_sha256": request.code.dirty_sha256,
        "lock_sha256": request.code.lock_sha256,
        "dagster_run_id": request.dagster_run_id,
    }


def _told(request: DeploymentRequest) -> Mapping[str, Any]:
    names = ("symbol", "timeframe", "deployed_by", "regime_parameters_id")
    return {name: getattr(request, name) for name in names}


def _deactivate(connection: Connection, deployment: Deployment, now: datetime) -> None:
    table = deployment_configs
    connection.execute(update(table).where(table.c.id == deployment.id).values(is_active=False, deactivated_at=now))


def _activate(connection: Connection, deployment: Deployment, now: datetime) -> None:
    table, evidence = deployment_configs, deployment_evidence
    connection.execute(update(table).where(table.c.id == deployment.id).values(is_active=True, deactivated_at=None))
    connection.execute(update(evidence).where(evidence.c.deployment_id == deployment.id).values(activated_at=now))
    _choose_parameters(connection, deployment.regime_parameters_id, now)


def _choose_parameters(connection: Connection, chosen_id: int | None, now: datetime) -> None:
    # The table of proposals marks the one in use, and only one for a symbol, timeframe and regime.
    if chosen_id is None:
        return
    table = regime_parameters
    chosen = connection.execute(select(table).where(table.c.id == chosen_id)).one_or_none()
    if chosen is None:
        raise MissingError(f"there is no proposed parameter set {chosen_id}; record the proposal before deploying it")
    same = [table.c[name] == getattr(chosen, name) for name in ("symbol", "timeframe", "regime")]
    off = {"is_active": False, "deactivated_at": now, "updated_at": now}
    connection.execute(update(table).where(*same, table.c.is_active, table.c.id != chosen_id).values(**off))
    on = {"is_active": True, "activated_at": now, "deactivated_at": None, "updated_at": now}
    connection.execute(update(table).where(table.c.id == chosen_id).values(**on))


def _every() -> Select[Any]:
    joined = deployment_configs.join(deployment_evidence, deployment_evidence.c.deployment_id == deployment_configs.c.id)
    return select(deployment_configs, deployment_evidence).select_from(joined).order_by(deployment_configs.c.id)


def _read(ledger: Ledger, asked: Select[Any]) -> list[Deployment]:
    with ledger.reading() as connection:
        return [_deployment(row) for row in connection.execute(asked)]


def _active(connection: Connection, symbol: str, timeframe: str) -> Deployment | None:
    table = deployment_configs.c
    asked = _every().where(table.is_active, table.symbol == symbol, table.timeframe == timeframe)
    row = connection.execute(asked).one_or_none()
    return _deployment(row) if row is not None else None


def _by_id(connection: Connection, deployment_id: int) -> Deployment:
    row = connection.execute(_every().where(deployment_configs.c.id == deployment_id)).one_or_none()
    if row is None:
        raise MissingError(f"there is no deployment {deployment_id}; `fxgpt deployments` lists those there are")
    return _deployment(row)


def _deployment(row: Row[Any]) -> Deployment:
    return Deployment(
        id=row.id,
        symbol=row.symbol,
        timeframe=row.timeframe,
        broker=row.broker,
        parameter_set_id=row.parameter_set_id,
        params_sha256=row.params_sha256,
        model_id=row.model_id,
        calibration_id=row.calibration_id,
        validation_id=row.validation_id,
        deployed_by=row.deployed_by,
        deployed_at=row.deployed_at,
        activated_at=row.activated_at,
        is_active=bool(row.is_active),
        deactivated_at=row.deactivated_at,
        override_reason=row.override_reason,
        previous_id=row.previous_id,
        regime_parameters_id=row.global_params_id,
        code=CodeIdentity(row.commit_sha, row.dirty_sha256, row.lock_sha256),
        dagster_run_id=row.dagster_run_id,
    )
