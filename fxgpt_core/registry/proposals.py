"""The parameter set that a stored run proposed."""

import json
from typing import Any

from sqlalchemy import select

from fxgpt_core.errors import MissingError
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.tables import regime_parameters


def proposed_by(ledger: Ledger, run_id: int, symbol: str, timeframe: str) -> dict[str, Any]:
    """The parameters that an optimization run proposed for a symbol and timeframe, the latest if it did so twice.

    Raises `MissingError` when it proposed none, with the runs that did.
    """
    table = regime_parameters.c
    asked = select(table.optimization_run_id, table.parameters_json).where(table.symbol == symbol, table.timeframe == timeframe)
    with ledger.reading() as connection:
        found = {row.optimization_run_id: row.parameters_json for row in connection.execute(asked.order_by(table.id))}
    if run_id not in found:
        known = ", ".join(map(str, sorted(found))) or "none"
        raise MissingError(
            f"run {run_id} proposed no parameter set for {symbol} {timeframe}; runs that did: {known}; name one of those, or "
            "make one with `fxgpt optimize run`"
        )
    parameters: dict[str, Any] = json.loads(found[run_id])
    return parameters
