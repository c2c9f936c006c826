"""What trades a series now, in one call: its active deployment with the parameter set of each regime, and its pause."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from fxgpt_core.errors import BrokenLineageError, MissingError
from fxgpt_core.registry.deployment_records import Deployment, active_deployment, deployment_by_id
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.pauses import Pause, pause_of
from fxgpt_core.registry.tables import regime_parameters


@dataclass(frozen=True)
class DeployedSets:
    """A deployment and the parameters it trades by: `whole` where no regime has its own (empty when it stands on no proposal),
    `by_regime` those that have, `fallbacks` why the others have none; `pause`, if nothing new is traded.
    """

    deployment: Deployment
    whole: Mapping[str, Any]
    by_regime: Mapping[str, Mapping[str, Any]]
    fallbacks: Mapping[str, str]
    pause: Pause | None


def active_sets(ledger: Ledger, symbol: str, timeframe: str) -> DeployedSets:
    """The active deployment of a series with its parameter sets. Raises `MissingError`, `BrokenLineageError`."""
    with ledger.reading() as connection:
        found = active_deployment(connection, symbol, timeframe)
        if found is None:
            raise MissingError(f"nothing is deployed for {symbol} {timeframe}; deploy a parameter set first")
        return _sets(connection, found)


def sets_of(ledger: Ledger, deployment_id: int) -> DeployedSets:
    """Any deployment with its parameter sets, whether it trades or not. Raises `MissingError`, `BrokenLineageError`."""
    with ledger.reading() as connection:
        return _sets(connection, deployment_by_id(connection, deployment_id))


def _sets(connection: Connection, deployment: Deployment) -> DeployedSets:
    table, ids = regime_parameters.c, dict(deployment.regimes.ids)
    whole = [] if deployment.regime_parameters_id is None else [deployment.regime_parameters_id]
    asked = select(table.id, table.parameters_json).where(table.id.in_([*whole, *ids.values()]))
    stored = {row.id: json.loads(row.parameters_json) for row in connection.execute(asked)}
    missing = {*whole, *ids.values()} - stored.keys()
    if missing:
        raise BrokenLineageError(
            f"deployment {deployment.id} names the proposals {sorted(missing)}, which are not there any more; "
            "roll back, or deploy again"
        )
    return DeployedSets(
        deployment,
        whole=stored[whole[0]] if whole else {},
        by_regime={regime: stored[chosen] for regime, chosen in ids.items()},
        fallbacks=deployment.regimes.fallbacks,
        pause=pause_of(connection, deployment.symbol, deployment.timeframe),
    )
