"""A deployment per regime: each position is run by the set that decided it, whatever the regime is by then."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from live_stage import COSTS, PARAMETERS, Stage, deploy, stage
from sqlalchemy import select, update
from test_live_fx import backtest_trades, live_trades

from fxgpt_core.content_hash import canonical_json
from fxgpt_core.errors import BrokenLineageError, RefusedError
from fxgpt_core.live.deployed import deployed
from fxgpt_core.live.genealogy import trace
from fxgpt_core.live.genealogy_rows import decision_of, intent_of, regime_set_facts
from fxgpt_core.regimes.regime import REGIMES
from fxgpt_core.registry import lineage
from fxgpt_core.registry.live_records import DecisionRecord, insert_decision, note_regime_switch
from fxgpt_core.registry.live_tables import order_intents
from fxgpt_core.registry.tables import deployment_configs
from fxgpt_core.strategy.regime_sets import RegimeSets

HURRIED = PARAMETERS.replace(risk_max_holding_hours=6, sizing_max_position_size_pct=10.0)
PATIENT = PARAMETERS.replace(risk_use_time_based_exit=False, risk_use_trailing_stop=False)
SETS = RegimeSets(
    PARAMETERS, {"trending_up": HURRIED, "volatile": PATIENT}, {"trending_down": "not better", "ranging": "too few trades"}
)
MAPPING = {"trending_up": 11, "volatile": 12}
N = 120


def per_regime(root: Path, sets: RegimeSets | None = SETS, mapping: dict[str, int] | None = None, seed: int = 26) -> Stage:
    """A stage on which sets by regime trade; the regime is another one every seven candles."""
    plain = stage(root, n=N, seed=seed)
    proposal = {"parameters": PARAMETERS.to_json(), "costs": {"spread": COSTS.spread, "commission": COSTS.commission}}
    proposal |= {"run_id": 1, "trial_number": 0, "trial_seed": 7, "folds": []}
    if sets is not None:
        proposal["regime_sets"] = sets.to_json()
    with plain.lake.making("optimized_parameters", "EURUSD", "1h", {}, code_sha256="1" * 64, run_id="r") as making:
        artifact = making.write_json(proposal, {})
    behind = {name: plain.lake.latest(name, "EURUSD", "1h").id for name in
              ("diffusion_model", "calibration_quantiles", "walk_forward_validation")}  # fmt: skip
    deployment = deploy(plain.lake, PARAMETERS, "1h", {**behind, "optimized_parameters": artifact.id})
    mode = {"deployment_mode": "per_regime", "regime_params_mapping": canonical_json(MAPPING if mapping is None else mapping)}
    with plain.ledger.begin() as connection:
        connection.execute(update(deployment_configs).where(deployment_configs.c.id == deployment.id).values(**mode))
    regime = (np.arange(N) // 7 % 4).astype(np.int8)
    numbers = {"regime": regime.astype(np.float64), "parameter_set": SETS.numbers_of(regime).astype(np.float64)}
    decisions = replace(plain.decisions, numbers={**plain.decisions.numbers, **numbers})
    return replace(plain, decisions=decisions, deployment=deployment, strategy=SETS)


def test_gateway_positions_are_run_by_the_set_that_decided_them_whatever_restarts(tmp_path: Path) -> None:
    """Four processes follow each other, so that positions outlive the one that entered, and the regime they were entered in."""
    made = per_regime(tmp_path / "sets")
    for start in range(0, N, 30):
        made.release(start, min(start + 30, N - 1))
        made.play_all(made.gateway())
    found = live_trades(made)
    assert found == backtest_trades(made)
    assert Counter(row[-1] for row in found)["time"] >= 3
    for one in (PARAMETERS, HURRIED, PATIENT):
        alone = replace(made, strategy=RegimeSets(one, {}, dict.fromkeys(REGIMES, "one set for all")))
        assert len(set(found) - set(backtest_trades(alone))) >= 2


def test_a_trace_leads_to_the_set_of_the_regime_and_notices_another(tmp_path: Path) -> None:
    made = per_regime(tmp_path)
    made.release(0, 40)
    made.play_all(made.gateway())
    with made.ledger.reading() as connection:
        orders = connection.execute(select(order_intents.c.client_order_id)).scalars().all()
    hops = [hop for order in orders for hop in trace(made.lake, order).hops if hop.name == "regime set"]
    assert len(hops) == len(orders)
    assert {hop.status for hop in hops} == {"ok"}
    own = {"trending_up": HURRIED, "volatile": PATIENT}
    assert {(hop.id, hop.stored) for hop in hops} == {("global", PARAMETERS.sha256)} | {(k, v.sha256) for k, v in own.items()}
    fallbacks = {hop.details["regime"]: hop.details["fallback"] for hop in hops if hop.id == "global"}
    assert fallbacks["trending_down"] == "not better"
    other = {"regime_sets": replace(SETS, by_regime={"trending_up": PATIENT, "volatile": PATIENT}).to_json()}
    with made.ledger.reading() as connection:
        decisions = [decision_of(connection, intent_of(connection, order)) for order in orders]
    told = [fact for row in decisions for fact in regime_set_facts(row, other)]
    assert {fact.id for fact in told if fact.stored != fact.recomputed} == {"trending_up"}


@pytest.mark.parametrize(
    ("sets", "mapping", "error", "told"),
    [
        (None, MAPPING, RefusedError, "deployed per regime, but the parameter set was searched for all regimes together"),
        (SETS, {"trending_up": 11}, BrokenLineageError, "approved with sets of trending_up, but those of trending_up, volatile"),
        (SETS, {}, BrokenLineageError, "approved with sets of no regime, but"),
    ],
)
def test_sets_that_were_not_approved_do_not_trade(tmp_path: Path, sets, mapping, error, told) -> None:
    made = per_regime(tmp_path, sets, mapping)
    with pytest.raises(error, match=told):
        deployed(made.lake, "paper", "paper")


def test_a_decision_of_a_set_that_is_not_deployed_is_no_order(tmp_path: Path) -> None:
    (found,) = (each for each in deployed(per_regime(tmp_path).lake, "paper", "paper") if each.is_active)
    assert found.execution_by({"parameter_set": 1.0}).max_candles == 6
    assert found.execution_by({"parameter_set": 4.0}).max_candles == 0
    assert found.execution_by({}).max_candles == found.execution_by({"parameter_set": 0.0}).max_candles == 12
    with pytest.raises(BrokenLineageError, match="was made by its parameter set 5, but it has 5"):
        found.execution_by({"parameter_set": 5.0})


def test_a_switch_of_the_regime_is_written_down_once_with_the_sets_before_and_after(tmp_path: Path) -> None:
    made, now = stage(tmp_path), datetime(2024, 3, 4, tzinfo=UTC)

    def decide(i: int, **numbers: float | None) -> None:
        payload = {"decision": {"numbers": numbers}}
        record = DecisionRecord(made.deployment.id, "EURUSD", "1h", 1_000 + i, 0, "too uncertain", payload, "run")
        with made.ledger.begin() as connection:
            note_regime_switch(connection, record, now)
            insert_decision(connection, record, now)

    for i, (regime, number) in enumerate([(None, 0.0), (0.0, 1.0), (0.0, 1.0), (2.0, 0.0), (2.0, 0.0)]):
        decide(i, regime=regime, parameter_set=number)
        decide(i, regime=regime, parameter_set=number)  # the same run once more
    for i in (5, 6):
        decide(i, regime=float(i))  # one set for all regimes
    for i in (7, 8):
        decide(i, parameter_set=0.0)  # every regime falls back, since none is known any more
    with made.ledger.reading() as connection:
        found = [entry.payload for entry in lineage.entries(connection, "regime_switch")]
    place = {"deployment_id": made.deployment.id}
    assert found == [
        place | {"before_known_at_us": 1_000, "known_at_us": 1_001, "regime_before": None, "regime_after": 0.0,
                 "parameter_set_before": 0.0, "parameter_set_after": 1.0},
        place | {"before_known_at_us": 1_002, "known_at_us": 1_003, "regime_before": 0.0, "regime_after": 2.0,
                 "parameter_set_before": 1.0, "parameter_set_after": 0.0},
        place | {"before_known_at_us": 1_006, "known_at_us": 1_007, "regime_before": 6.0, "regime_after": None,
                 "parameter_set_before": None, "parameter_set_after": 0.0},
    ]  # fmt: skip
