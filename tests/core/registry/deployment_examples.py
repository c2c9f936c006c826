"""A desk: the deployments of a ledger, with the artifacts a deployment rests on and a request for them."""

from dataclasses import dataclass, replace
from datetime import timedelta

from registry_examples import CODE, PARAMETERS, lake_of, made
from sqlalchemy import select

from fxgpt_core.registry import lineage
from fxgpt_core.registry.approvals import Approvals
from fxgpt_core.registry.deployment_records import DeploymentRequest
from fxgpt_core.registry.deployments import Deployments
from fxgpt_core.registry.gate_results import record_board
from fxgpt_core.registry.gates import GateResult
from fxgpt_core.registry.pauses import Pauses
from fxgpt_core.registry.tables import regime_parameters

PLACE = ("EURUSD", "1h")
PASSED = GateResult("minimum_trades", 40.0, 30.0, ">=", True, "trade more")
FAILED = GateResult("deflated_sharpe", 0.61, 0.95, ">=", False, "bring more candles")


@dataclass(frozen=True)
class Desk:
    """What a person at the desk has at hand; `request` asks for a set whose gates passed, and that nobody approved."""

    deployments: Deployments
    approvals: Approvals
    pauses: Pauses
    request: DeploymentRequest
    lake: object

    @property
    def ledger(self):
        return self.deployments.ledger

    def other(self, name, **changes):
        """A request for another parameter set whose gates passed."""
        parameter_set_id = made(self.lake, "parameters", name.encode(), settings={"name": name}).id
        record_board(self.ledger, parameter_set_id, (PASSED,))
        return replace(self.request, parameter_set_id=parameter_set_id, **changes)

    def active(self):
        return [each.id for each in self.deployments.active(*PLACE)]

    def marked(self):
        with self.ledger.reading() as connection:
            table = regime_parameters.c
            return sorted(connection.execute(select(table.id).where(table.is_active)).scalars())

    def later(self, **span):
        """Let the ledger's clock run ahead."""
        before = self.ledger.clock
        self.ledger.clock = lambda: before() + timedelta(**span)

    def chain(self):
        """The kinds of all moves, after the whole chain was verified."""
        with self.ledger.reading() as connection:
            lineage.verify(connection)
            kinds = ("deployment", "rollback", "pause", "resume", "approval", "policy")
            return [entry.kind for entry in lineage.entries(connection) if entry.kind in kinds]


def lake_and_request(ledger, folder, **changes):
    """A lake with the artifacts that a deployment rests on, and the request for it."""
    lake = lake_of(ledger, folder / "lake")
    ids = {name: made(lake, name, name.encode()).id for name in ("parameters", "model", "calibration", "validation")}
    values = {
        "symbol": "EURUSD",
        "timeframe": "1h",
        "parameter_set_id": ids["parameters"],
        "params_sha256": PARAMETERS.sha256,
        "model_id": ids["model"],
        "calibration_id": ids["calibration"],
        "validation_id": ids["validation"],
        "broker": "paper",
        "deployed_by": "ann",
        "override_reason": None,
        "code": CODE,
        "dagster_run_id": "run",
        "regime_parameters_id": None,
    }
    return lake, DeploymentRequest(**{**values, **changes})


def desk_of(ledger, folder):
    lake, request = lake_and_request(ledger, folder)
    record_board(ledger, request.parameter_set_id, (PASSED,))
    return Desk(Deployments(ledger), Approvals(ledger), Pauses(ledger), request, lake)
