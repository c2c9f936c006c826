"""The parameter sets that a stored run proposed."""

import json
from typing import Any

from sqlalchemy import select

from fxgpt_core.errors import MissingError
from fxgpt_core.registry.deployment_records import GLOBAL
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.tables import regime_parameters


def proposed_by(ledger: Ledger, run_id: int, symbol: str, timeframe: str) -> dict[str, dict[str, Any]]:
    """The parameters that an optimization run proposed for a symbol and timeframe, by "global" and the regimes with their own;
    the latest if it did so twice.

    Raises `MissingError` when it proposed none, with the runs that did.
    """
    table = regime_parameters.c
    asked = select(table.optimization_run_id, table.regime, table.parameters_json).where(
        table.symbol == symbol, table.timeframe == timeframe
    )
    with ledger.reading() as connection:
        rows = connection.execute(asked.order_by(table.id)).all()
    found = {row.regime: json.loads(row.parameters_json) for row in rows if row.optimization_run_id == run_id}
    if GLOBAL not in found:
        known = ", ".join(map(str, sorted({row.optimization_run_id for row in rows}))) or "none"
        raise MissingError(
            f"run {run_id} proposed no parameter set for {symbol} {timeframe}; runs that did: {known}; name one of those, or "
            "make one with `fxgpt optimize run`"
        )
    return found
