"""What is deployed on an account now, with the parameters and costs it trades by."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from fxgpt_core.backtest.engine import ExecutionParameters, execution_parameters
from fxgpt_core.errors import BrokenLineageError
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.timeframes import timeframe as timeframe_of
from fxgpt_core.registry.artifact_tables import deployment_evidence
from fxgpt_core.registry.lake import Lake
from fxgpt_core.registry.tables import deployment_configs
from fxgpt_core.strategy.parameters import StrategyParameters


@dataclass(frozen=True)
class Deployed:
    """A deployment with its parameter set, whose bytes and hash were checked, and the artifacts it was approved with."""

    deployment_id: int
    symbol: str
    timeframe: str
    is_active: bool
    activated_at: datetime
    parameters: StrategyParameters
    costs: Costs
    parameter_set_id: str
    model_id: str
    calibration_id: str

    @property
    def execution(self) -> ExecutionParameters:
        """How its positions are run."""
        return execution_parameters(self.parameters, timeframe_of(self.timeframe))


def deployed(lake: Lake, broker: str, include_past: bool = False) -> tuple[Deployed, ...]:
    """Active deployments on a broker (and past ones, whose positions may still be open), by id.

    Raises `BrokenLineageError` when stored parameters do not have the hash that was approved.
    """
    asked = (
        select(deployment_configs, deployment_evidence)
        .join(deployment_evidence, deployment_evidence.c.deployment_id == deployment_configs.c.id)
        .where(deployment_evidence.c.broker == broker)
        .order_by(deployment_configs.c.id)
    )
    if not include_past:
        asked = asked.where(deployment_configs.c.is_active)
    with lake.ledger.reading() as connection:
        rows = connection.execute(asked).mappings().all()
    return tuple(_deployed(lake, row) for row in rows)


def _deployed(lake: Lake, row: Mapping[Any, Any]) -> Deployed:
    stored = lake.get(row["parameter_set_id"]).json()
    parameters = StrategyParameters.from_json(stored["parameters"])
    if parameters.sha256 != row["params_sha256"]:
        raise BrokenLineageError(
            f"deployment {row['id']} was approved with parameters {row['params_sha256'][:16]}…, but "
            f"{parameters.sha256[:16]}… are stored; nothing is traded with them: roll back or deploy again"
        )
    return Deployed(
        deployment_id=row["id"],
        symbol=row["symbol"],
        timeframe=row["timeframe"],
        is_active=row["is_active"],
        activated_at=row["activated_at"],
        parameters=parameters,
        costs=Costs(**stored["costs"]),
        parameter_set_id=row["parameter_set_id"],
        model_id=row["model_id"],
        calibration_id=row["calibration_id"],
    )
