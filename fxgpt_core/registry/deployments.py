"""Which parameter set trades what, on what evidence: deployed past no failing gate, one at a time, reversible."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, insert, select, update

from fxgpt_core.content_hash import canonical_json
from fxgpt_core.errors import BadInputError, MissingError, RefusedError
from fxgpt_core.registry import approvals, lineage
from fxgpt_core.registry.approvals import Judgement
from fxgpt_core.registry.artifact_tables import deployment_evidence
from fxgpt_core.registry.deployment_records import (
    GLOBAL,
    PER_REGIME,
    Deployment,
    DeploymentRequest,
    active_deployment,
    deployment_by_id,
    deployment_of,
    every_deployment,
    require_sound,
)
from fxgpt_core.registry.deployment_tables import deployment_grounds
from fxgpt_core.registry.efforts import cheapest_told
from fxgpt_core.registry.gate_results import read_board
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.tables import deployment_configs, regime_parameters

SAME = ("parameter_set_id", "params_sha256", "model_id", "calibration_id", "validation_id", "broker")


class Deployments:
    """The deployments of one ledger; every move is one transaction and one entry of the lineage."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def deploy(self, request: DeploymentRequest) -> Deployment:
        """Make a parameter set the active one of its series; what is active already is returned as it is. A pause stays.

        Raises `RefusedError` when a gate failed or none was recorded, unless the broker is paper and a reason overrides it, or
        when neither a person nor the policy approved it; `BadInputError` for a broker that does not exist (nothing would trade),
        an empty reason or an incomplete mapping of regimes; `MissingError` for a proposal that was not recorded.
        """
        require_sound(request)
        now = self.ledger.now()
        with self.ledger.begin() as connection:
            lineage.lock(connection)
            current = active_deployment(connection, request.symbol, request.timeframe)
            if current is not None and _is_same(current, request):
                return current
            _require_gates(connection, request)
            approval = approvals.require_approval(connection, request, current, now)
            chosen = _chosen(request)
            _require_proposals(connection, request.symbol, request.timeframe, chosen)
            if current is not None:
                _deactivate(connection, current, now)
            new_id = _insert(connection, request, current.id if current else None, approval.id, now)
            _choose(connection, request.symbol, request.timeframe, chosen, now)
            told = {"deployment_id": new_id, "by": request.deployed_by, "approval_id": approval.id, "reason": approval.reason}
            evidence = _evidence_values(request, current.id if current else None)
            lineage.append(connection, "deployment", {**told, **_told(request), **evidence}, now)
            return deployment_by_id(connection, new_id)

    def rollback(self, symbol: str, timeframe: str, by: str, reason: str, to_id: int | None = None) -> Deployment:
        """Make another deployment of the series active again: the one before the active one, or that of `to_id`.

        The set that is left counts as rejected, so that no policy brings it back. Nothing is trained or searched.
        Raises `BadInputError`, `MissingError` or `RefusedError`.
        """
        if not by.strip() or not reason.strip():
            raise BadInputError("a rollback needs who asked for it and why; give both `by` and `reason`")
        now = self.ledger.now()
        with self.ledger.begin() as connection:
            lineage.lock(connection)
            current = active_deployment(connection, symbol, timeframe)
            if current is None:
                raise MissingError(f"nothing is deployed for {symbol} {timeframe}; deploy a parameter set first")
            target = _target(connection, current, to_id)
            _deactivate(connection, current, now)
            _activate(connection, target, now)
            for left, verdict in ((current, approvals.REJECTED), (target, approvals.APPROVED)):
                judged = Judgement(symbol, timeframe, left.parameter_set_id, verdict, approvals.ROLLBACK, by, reason)
                approvals.write(connection, judged, now)
            payload = {"from_id": current.id, "to_id": target.id, "by": by, "reason": reason}
            lineage.append(connection, "rollback", {"symbol": symbol, "timeframe": timeframe, **payload}, now)
            return deployment_by_id(connection, target.id)

    def active(self, symbol: str | None = None, timeframe: str | None = None) -> Sequence[Deployment]:
        """The active deployments, all or of one symbol or timeframe, in the order of their ids."""
        asked = every_deployment().where(deployment_configs.c.is_active)
        if symbol is not None:
            asked = asked.where(deployment_configs.c.symbol == symbol)
        if timeframe is not None:
            asked = asked.where(deployment_configs.c.timeframe == timeframe)
        return _read(self.ledger, asked)

    def list(self) -> Sequence[Deployment]:
        """Every deployment ever, in the order of their ids."""
        return _read(self.ledger, every_deployment())

    def get(self, deployment_id: int) -> Deployment:
        """The deployment of an id. Raises `MissingError`."""
        with self.ledger.reading() as connection:
            return deployment_by_id(connection, deployment_id)


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


def _is_same(current: Deployment, request: DeploymentRequest) -> bool:
    names = (*SAME, "regime_parameters_id", "regimes")
    return all(getattr(current, name) == getattr(request, name) for name in names)


def _target(connection: Connection, current: Deployment, to_id: int | None) -> Deployment:
    place = f"{current.symbol} {current.timeframe}"
    wanted = current.previous_id if to_id is None else to_id
    if wanted is None:
        raise RefusedError(
            f"deployment {current.id} of {place} is the first one: there is nothing to go back to; "
            "deploy another parameter set, name one with --to, or halt trading"
        )
    target = deployment_by_id(connection, wanted)
    if (target.symbol, target.timeframe) != (current.symbol, current.timeframe):
        raise RefusedError(
            f"deployment {wanted} is one of {target.symbol} {target.timeframe}, not of {place}; name one of its own"
        )
    if target.id == current.id:
        raise RefusedError(f"deployment {wanted} of {place} is the active one; name another")
    return target


def _insert(connection: Connection, request: DeploymentRequest, previous_id: int | None, approval_id: int, now: datetime) -> int:
    config = insert(deployment_configs).returning(deployment_configs.c.id)
    new_id = int(connection.execute(config, _config_values(request, now)).scalar_one())
    evidence = {"deployment_id": new_id, **_evidence_values(request, previous_id), "activated_at": now}
    connection.execute(insert(deployment_evidence), evidence)
    fallbacks = canonical_json(dict(request.regimes.fallbacks))
    grounds = {"deployment_id": new_id, "approval_id": approval_id, "regime_fallbacks_json": fallbacks}
    connection.execute(insert(deployment_grounds), grounds)
    return new_id


def _config_values(request: DeploymentRequest, now: datetime) -> dict[str, Any]:
    return {
        "symbol": request.symbol,
        "timeframe": request.timeframe,
        "deployment_mode": request.regimes.mode,
        "global_params_id": request.regime_parameters_id,
        "regime_params_mapping": canonical_json(dict(request.regimes.ids)) if request.regimes.mode == PER_REGIME else None,
        "deployed_at": now,
        "deployed_by": request.deployed_by,
        "is_active": True,
        "performance_metrics": canonical_json({"backtest": {"out_of_sample_sharpe": request.out_of_sample_sharpe}}),
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
    return {name: getattr(request, name) for name in names} | {"mode": request.regimes.mode, "regimes": asdict(request.regimes)}


def _deactivate(connection: Connection, deployment: Deployment, now: datetime) -> None:
    table = deployment_configs
    connection.execute(update(table).where(table.c.id == deployment.id).values(is_active=False, deactivated_at=now))


def _activate(connection: Connection, deployment: Deployment, now: datetime) -> None:
    table, evidence = deployment_configs, deployment_evidence
    connection.execute(update(table).where(table.c.id == deployment.id).values(is_active=True, deactivated_at=None))
    connection.execute(update(evidence).where(evidence.c.deployment_id == deployment.id).values(activated_at=now))
    _choose(connection, deployment.symbol, deployment.timeframe, _chosen(deployment), now)


def _chosen(of: DeploymentRequest | Deployment) -> dict[str, int]:
    """The rows of proposals by the regime they play; "global" is the one that plays the others."""
    whole = {} if of.regime_parameters_id is None else {GLOBAL: of.regime_parameters_id}
    return {**whole, **of.regimes.ids}


def _require_proposals(connection: Connection, symbol: str, timeframe: str, chosen: Mapping[str, int]) -> None:
    table = regime_parameters.c
    asked = select(table.id, table.symbol, table.timeframe, table.regime).where(table.id.in_(list(chosen.values())))
    found = {row.id: (row.symbol, row.timeframe, row.regime) for row in connection.execute(asked)}
    for regime, chosen_id in chosen.items():
        if chosen_id not in found:
            raise MissingError(f"there is no proposed parameter set {chosen_id}; record the proposal before deploying it")
        if found[chosen_id] != (symbol, timeframe, regime):
            raise BadInputError(
                f"proposed parameter set {chosen_id} is of {' '.join(found[chosen_id])}, not of {symbol} {timeframe} {regime}; "
                "name the proposal of that regime"
            )


def _choose(connection: Connection, symbol: str, timeframe: str, chosen: Mapping[str, int], now: datetime) -> None:
    # The table of proposals marks those in use, and only one for a symbol, timeframe and regime.
    table, ids = regime_parameters, list(chosen.values())
    mine = (table.c.symbol == symbol, table.c.timeframe == timeframe)
    off = {"is_active": False, "deactivated_at": now, "updated_at": now}
    connection.execute(update(table).where(*mine, table.c.is_active, table.c.id.not_in(ids)).values(**off))
    on = {"is_active": True, "activated_at": now, "deactivated_at": None, "updated_at": now}
    connection.execute(update(table).where(table.c.id.in_(ids)).values(**on))


def _read(ledger: Ledger, asked: Select[Any]) -> list[Deployment]:
    with ledger.reading() as connection:
        return [deployment_of(row) for row in connection.execute(asked)]
