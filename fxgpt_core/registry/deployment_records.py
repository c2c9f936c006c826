"""Deployments as they are asked for and as they are stored."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from fxgpt_core.errors import BadInputError, MissingError, RefusedError
from fxgpt_core.registry.artifact_tables import deployment_evidence
from fxgpt_core.registry.code_identity import CodeIdentity
from fxgpt_core.registry.deployment_tables import deployment_grounds
from fxgpt_core.registry.tables import deployment_configs

PAPER, CTRADER = "paper", "ctrader"
BROKERS = (PAPER, CTRADER)
GLOBAL, PER_REGIME = "global", "per_regime"
REGIMES = ("trending_up", "trending_down", "ranging", "volatile")


@dataclass(frozen=True)
class RegimeMapping:
    """Parameter sets by regime: the id of a row of `regime_parameters`, or the reason why the global set plays that regime.

    Empty: the global set plays them all, and the deployment's mode is global.
    """

    ids: Mapping[str, int] = field(default_factory=dict)
    fallbacks: Mapping[str, str] = field(default_factory=dict)

    @property
    def mode(self) -> str:
        """The deployment mode that they make."""
        return PER_REGIME if self.ids or self.fallbacks else GLOBAL


ONE_SET = RegimeMapping()


@dataclass(frozen=True)
class DeploymentRequest:
    """One deployment as asked; the ids are those of artifacts, `regime_parameters_id` that of the proposal's row.

    `approval_reason`: why `deployed_by` approves it now (None: an approval recorded before, or the policy, must allow it).
    `out_of_sample_sharpe`: annual, of the stitched test windows; the policy `auto` compares it with the champion's.
    """

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
    regimes: RegimeMapping = ONE_SET
    approval_reason: str | None = None
    out_of_sample_sharpe: float | None = None


@dataclass(frozen=True)
class Deployment:
    """One deployment with its evidence; `previous_id` is what a rollback goes back to.

    `approval_id`: the approval it stands on; None for deployments of versions that asked for none.
    """

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
    mode: str
    regimes: RegimeMapping
    approval_id: int | None
    out_of_sample_sharpe: float | None


def require_sound(request: DeploymentRequest) -> None:
    """Raise `BadInputError` or `RefusedError` for a request that no gate or approval could make right."""
    for name, reason in (("override", request.override_reason), ("approval", request.approval_reason)):
        if reason is not None and not reason.strip():
            raise BadInputError(f"the {name} reason is empty; say why, or leave it out")
    if request.override_reason is not None and request.broker != PAPER:
        raise RefusedError(
            f"gates cannot be overridden for the broker {request.broker}, which moves real money; deploy to paper, "
            "or pass the gates and leave the reason out"
        )
    if request.broker not in BROKERS:
        raise BadInputError(f"broker {request.broker!r} is unknown; known: {', '.join(BROKERS)}")
    if request.regimes.mode == PER_REGIME:
        _require_every_regime(request)


def _require_every_regime(request: DeploymentRequest) -> None:
    asked = request.regimes
    named = [*asked.ids, *asked.fallbacks]
    if sorted(named) != sorted(REGIMES) or not all(reason.strip() for reason in asked.fallbacks.values()):
        raise BadInputError(
            f"a deployment per regime names each of {', '.join(REGIMES)} once, with its own parameter set or with the reason why "
            f"the global one plays it; found sets for {sorted(asked.ids)} and fallbacks {dict(asked.fallbacks)}"
        )
    if request.regime_parameters_id is None:
        raise BadInputError("a deployment per regime needs the global parameter set to fall back on; give its proposal's id")


def every_deployment() -> Select[Any]:
    """Every deployment with its evidence and grounds, in the order of their ids."""
    configs, evidence, grounds = deployment_configs, deployment_evidence, deployment_grounds
    joined = configs.join(evidence, evidence.c.deployment_id == configs.c.id).outerjoin(
        grounds, grounds.c.deployment_id == configs.c.id
    )
    extra = (grounds.c.approval_id, grounds.c.regime_fallbacks_json)
    return select(configs, evidence, *extra).select_from(joined).order_by(configs.c.id)


def active_deployment(connection: Connection, symbol: str, timeframe: str) -> Deployment | None:
    """The active deployment of a series, None when there is none."""
    table = deployment_configs.c
    asked = every_deployment().where(table.is_active, table.symbol == symbol, table.timeframe == timeframe)
    row = connection.execute(asked).one_or_none()
    return deployment_of(row) if row is not None else None


def deployment_by_id(connection: Connection, deployment_id: int) -> Deployment:
    """The deployment of an id. Raises `MissingError`."""
    row = connection.execute(every_deployment().where(deployment_configs.c.id == deployment_id)).one_or_none()
    if row is None:
        raise MissingError(f"there is no deployment {deployment_id}; `fxgpt deployments` lists those there are")
    return deployment_of(row)


def deployment_of(row: Row[Any]) -> Deployment:
    """The deployment of a row of `every_deployment`."""
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
        mode=row.deployment_mode,
        regimes=RegimeMapping(_json(row.regime_params_mapping), _json(row.regime_fallbacks_json)),
        approval_id=row.approval_id,
        out_of_sample_sharpe=_json(row.performance_metrics).get("backtest", {}).get("out_of_sample_sharpe"),
    )


def _json(text: str | None) -> dict[str, Any]:
    return json.loads(text) if text else {}
