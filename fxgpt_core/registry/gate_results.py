"""The gate board of a parameter set, as stored: what a deployment is refused or allowed by."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, select

from fxgpt_core.content_hash import of_json
from fxgpt_core.errors import BadInputError
from fxgpt_core.registry import lineage
from fxgpt_core.registry.artifact_tables import gate_results
from fxgpt_core.registry.gates import GateResult
from fxgpt_core.registry.ledger import Ledger


def record_board(ledger: Ledger, parameter_set_id: str, board: Sequence[GateResult]) -> None:
    """Store the whole board of a parameter set in place of an earlier one; an equal board again changes nothing.

    The earlier board stays in the lineage. Raises `BadInputError` for an empty board.
    """
    if not board:
        raise BadInputError(f"the gate board of parameter set {parameter_set_id} is empty; record every gate's verdict")
    now = ledger.now()
    with ledger.begin() as connection:
        lineage.lock(connection)
        if read_board(connection, parameter_set_id) == tuple(board):
            return
        connection.execute(delete(gate_results).where(gate_results.c.parameter_set_id == parameter_set_id))
        connection.execute(insert(gate_results), [_row(parameter_set_id, gate) | {"created_at": now} for gate in board])
        rows = [_row(parameter_set_id, gate) for gate in board]
        payload = {"parameter_set_id": parameter_set_id, "board_sha256": of_json(rows), "gates": rows}
        lineage.append(connection, "gates", payload, now)


def board_of(ledger: Ledger, parameter_set_id: str) -> tuple[GateResult, ...]:
    """The stored board of a parameter set, in its own order; empty when none was recorded."""
    with ledger.reading() as connection:
        return read_board(connection, parameter_set_id)


def read_board(connection: Connection, parameter_set_id: str) -> tuple[GateResult, ...]:
    """The stored board of a parameter set, inside the caller's transaction."""
    asked = select(gate_results).where(gate_results.c.parameter_set_id == parameter_set_id).order_by(gate_results.c.id)
    return tuple(
        GateResult(row.gate, row.value, row.limit_value, row.comparison, row.passed, row.remedy)
        for row in connection.execute(asked)
    )


def _row(parameter_set_id: str, gate: GateResult) -> dict[str, object]:
    return {
        "parameter_set_id": parameter_set_id,
        "gate": gate.gate,
        "value": gate.value,
        "limit_value": gate.limit,
        "comparison": gate.comparison,
        "passed": gate.passed,
        "remedy": gate.remedy,
    }
