"""An order is traced to the trial of an archived run as it was before: the proposal kept its parameters."""

from datetime import timedelta
from pathlib import Path

from live_lineage import line
from live_stage import PARAMETERS
from sqlalchemy import select, update

from fxgpt_core.content_hash import canonical_json
from fxgpt_core.live.genealogy import BROKEN, Hop, trace
from fxgpt_core.registry import retention
from fxgpt_core.registry.live_tables import order_intents
from fxgpt_core.registry.tables import regime_parameters
from fxgpt_core.registry.trials import Proposal, TrialStore


def test_the_trace_of_an_order_resolves_after_its_run_was_archived(tmp_path: Path) -> None:
    made = line(tmp_path, n=10)
    store = TrialStore(made.ledger)
    store.fail(1, "its search was stopped")
    store.record_proposal(1, Proposal(0, "EURUSD", "1h", "global", PARAMETERS.to_json()))
    with made.ledger.reading() as connection:
        order = str(connection.execute(select(order_intents.c.client_order_id)).scalars().first())

    def trial() -> Hop:
        (hop,) = [hop for hop in trace(made.lake, order).hops if hop.name == "trial"]
        return hop

    before = trial()
    done = retention.archive(made.ledger, made.ledger.now() + timedelta(days=1))
    assert [run.id for run in done.archived] == [1]
    assert trial() == before
    changed = PARAMETERS.replace(risk_max_holding_hours=13).to_json()
    with made.ledger.begin() as connection:
        connection.execute(update(regime_parameters).values(parameters_json=canonical_json(changed)))
    assert trial().status == BROKEN
