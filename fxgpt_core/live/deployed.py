"""What is deployed on an account now, with the parameters and costs it trades by."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, or_, select

from fxgpt_core.backtest.engine import ExecutionParameters, execution_of, executions
from fxgpt_core.errors import BrokenLineageError
from fxgpt_core.market.charges import Charges, charges_of_proposal
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.timeframes import timeframe as timeframe_of
from fxgpt_core.registry.artifact_tables import deployment_evidence
from fxgpt_core.registry.lake import Lake
from fxgpt_core.registry.live_tables import order_intents, positions
from fxgpt_core.registry.tables import deployment_configs
from fxgpt_core.strategy.regime_sets import RegimeSets, Strategy, strategy_of


@dataclass(frozen=True)
class Deployed:
    """A deployment with its parameter set, or sets by regime, whose bytes and hash were checked, and the artifacts behind them.

    Its decisions believe `costs`; what it trades pays `charges`, by the rules of FX, if it was searched under them (None: `costs`
    too, by those of PARITY). `is_held`: a position or an order of it is open.
    """

    deployment_id: int
    symbol: str
    timeframe: str
    is_active: bool
    is_held: bool
    activated_at: datetime
    strategy: Strategy
    costs: Costs
    charges: Charges | None
    parameter_set_id: str
    model_id: str
    calibration_id: str

    @property
    def paid(self) -> Costs | Charges:
        """What its orders pay: the same as in its search, so that live is the backtest."""
        return self.costs if self.charges is None else self.charges

    def execution_by(self, numbers: Mapping[str, float | None]) -> ExecutionParameters:
        """How a position is run that a decision with these numbers led into: by the set that decided, whatever the regime is now.

        Raises `BrokenLineageError` for a decision of a set that the deployment does not have.
        """
        runs = executions(execution_of(self.strategy, timeframe_of(self.timeframe)))
        number = int(numbers.get("parameter_set") or 0)
        if not number < len(runs):
            raise BrokenLineageError(
                f"a decision of deployment {self.deployment_id} was made by its parameter set {number}, but it has {len(runs)}; "
                "the ledger was changed by hand: restore it from a backup"
            )
        return runs[number]


def deployed(lake: Lake, broker: str, account: str) -> tuple[Deployed, ...]:
    """Active deployments on a broker, and past ones of which the account has something open, by id.

    Raises `BrokenLineageError` when stored parameters do not have the hash that was approved, or are of other regimes.
    """
    asked = (
        select(deployment_configs, deployment_evidence)
        .join(deployment_evidence, deployment_evidence.c.deployment_id == deployment_configs.c.id)
        .where(deployment_evidence.c.broker == broker)
        .order_by(deployment_configs.c.id)
    )
    with lake.ledger.reading() as connection:
        held = _held(connection, account)
        wanted = or_(deployment_configs.c.is_active, deployment_configs.c.id.in_(held))
        rows = connection.execute(asked.where(wanted)).mappings().all()
    return tuple(_deployed(lake, row, row["id"] in held) for row in rows)


def _held(connection: Connection, account: str) -> set[int]:
    """Ids of the deployments with an open position, or with an order that may become one."""
    pending = ("SENT", "ACCEPTED", "UNKNOWN")
    open_here = select(positions.c.client_order_id).where(positions.c.account == account, positions.c.state == "open")
    may_be = or_(order_intents.c.state.in_(pending), order_intents.c.client_order_id.in_(open_here))
    asked = select(order_intents.c.deployment_id).where(order_intents.c.account == account, may_be)
    return set(connection.execute(asked).scalars())


def _deployed(lake: Lake, row: Mapping[Any, Any], is_held: bool) -> Deployed:
    stored = lake.get(row["parameter_set_id"]).json()
    strategy = strategy_of(stored, row["deployment_mode"])
    own = strategy.by_regime if isinstance(strategy, RegimeSets) else {}
    approved = json.loads(row["regime_params_mapping"] or "{}")
    if set(approved) != set(own):
        raise BrokenLineageError(
            f"deployment {row['id']} was approved with sets of {', '.join(sorted(approved)) or 'no regime'}, but those of "
            f"{', '.join(sorted(own)) or 'no regime'} are stored; nothing is traded with them: roll back or deploy again"
        )
    parameters = strategy.global_set if isinstance(strategy, RegimeSets) else strategy
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
        is_held=is_held,
        activated_at=row["activated_at"],
        strategy=strategy,
        costs=Costs(**stored["costs"]),
        charges=charges_of_proposal(stored),
        parameter_set_id=row["parameter_set_id"],
        model_id=row["model_id"],
        calibration_id=row["calibration_id"],
    )
