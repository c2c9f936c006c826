"""What is deployed on an account now, with the parameters it trades by."""

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from fxgpt_core.backtest.engine import ExecutionParameters, execution_parameters
from fxgpt_core.errors import BrokenLineageError
from fxgpt_core.market.timeframes import timeframe as timeframe_of
from fxgpt_core.registry.artifact_tables import deployment_evidence
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.tables import deployment_configs, regime_parameters
from fxgpt_core.strategy.parameters import StrategyParameters


@dataclass(frozen=True)
class Deployed:
    """An active deployment and its parameters, whose hash was checked."""

    deployment_id: int
    symbol: str
    timeframe: str
    activated_at: datetime
    parameters: StrategyParameters

    @property
    def execution(self) -> ExecutionParameters:
        """How its positions are run."""
        return execution_parameters(self.parameters, timeframe_of(self.timeframe))


def deployed(ledger: Ledger, broker: str, include_past: bool = False) -> tuple[Deployed, ...]:
    """Active deployments on a broker (and past ones, whose positions may still be open), by id.

    Raises `BrokenLineageError` when stored parameters do not have the hash that was approved.
    """
    asked = (
        select(
            deployment_configs.c.id,
            deployment_configs.c.symbol,
            deployment_configs.c.timeframe,
            deployment_evidence.c.activated_at,
            deployment_evidence.c.params_sha256,
            regime_parameters.c.parameters_json,
        )
        .join(deployment_evidence, deployment_evidence.c.deployment_id == deployment_configs.c.id)
        .join(regime_parameters, regime_parameters.c.id == deployment_configs.c.global_params_id)
        .where(deployment_evidence.c.broker == broker)
        .order_by(deployment_configs.c.id)
    )
    if not include_past:
        asked = asked.where(deployment_configs.c.is_active)
    with ledger.reading() as connection:
        rows = connection.execute(asked).all()
    found = []
    for row in rows:
        parameters = StrategyParameters.from_json(json.loads(row.parameters_json))
        if parameters.sha256 != row.params_sha256:
            raise BrokenLineageError(
                f"deployment {row.id} was approved with parameters {row.params_sha256[:16]}…, stored are {parameters.sha256[:16]}…; "
                "nothing is traded with them: roll back or deploy again"
            )
        found.append(Deployed(row.id, row.symbol, row.timeframe, row.activated_at, parameters))
    return tuple(found)
