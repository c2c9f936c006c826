"""Nothing is deployed past a failing gate, one deployment is active at a time, and every move is reversible and recorded."""

import json
from dataclasses import replace

import pytest
from deployment_examples import lake_and_request
from registry_examples import CODE, proposal
from sqlalchemy import select

from fxgpt_core.errors import BadInputError, MissingError, RefusedError
from fxgpt_core.regimes import regime
from fxgpt_core.registry import lineage
from fxgpt_core.registry.deployment_records import REGIMES, RegimeMapping
from fxgpt_core.registry.deployments import Deployments
from fxgpt_core.registry.gate_results import board_of, record_board
from fxgpt_core.registry.gates import GateResult
from fxgpt_core.registry.tables import deployment_configs, regime_parameters

PASSED = GateResult("minimum_trades", 40.0, 30.0, ">=", True, "trade more")
FAILED = GateResult("deflated_sharpe", 0.61, 0.95, ">=", False, "bring more candles")


@pytest.fixture
def desk(migrated_ledger, tmp_path):
    """The deployments of a ledger with the artifacts a deployment rests on, and a request for them."""
    _, request = lake_and_request(migrated_ledger, tmp_path, approval_reason="it passed")
    return Deployments(migrated_ledger), request


def moves(deployments):
    with deployments.ledger.reading() as connection:
        lineage.verify(connection)
        return [entry.kind for entry in lineage.entries(connection) if entry.kind in ("deployment", "rollback")]


def test_a_board_comes_back_in_its_own_order_and_a_later_one_takes_its_place(desk):
    deployments, request = desk
    ledger, name = deployments.ledger, request.parameter_set_id
    assert board_of(ledger, name) == ()
    record_board(ledger, name, (PASSED, FAILED))
    record_board(ledger, name, (PASSED, FAILED))
    assert board_of(ledger, name) == (PASSED, FAILED)
    record_board(ledger, name, (FAILED,))
    assert board_of(ledger, name) == (FAILED,)
    with ledger.reading() as connection:
        assert [len(entry.payload["gates"]) for entry in lineage.entries(connection, "gates")] == [2, 1]
    with pytest.raises(BadInputError, match="is empty"):
        record_board(ledger, name, ())


def test_without_recorded_gates_nothing_is_deployed(desk):
    deployments, request = desk
    with pytest.raises(RefusedError, match="no gate was recorded"):
        deployments.deploy(request)
    assert deployments.list() == []


def test_a_failed_gate_refuses_with_its_number_limit_and_remedy_and_nothing_changes(desk):
    deployments, request = desk
    record_board(deployments.ledger, request.parameter_set_id, (PASSED, FAILED))
    with pytest.raises(
        RefusedError,
        match=r"1 of 2 gates failed:\n  deflated_sharpe is 0.61, must be >= 0.95: bring more candles\n"
        r"  cheapest to fix: deflated_sharpe \(more candles\)",
    ):
        deployments.deploy(request)
    assert deployments.list() == []
    assert moves(deployments) == []


@pytest.mark.parametrize("reason", ["", "   "])
def test_an_override_needs_words(desk, reason):
    deployments, request = desk
    record_board(deployments.ledger, request.parameter_set_id, (FAILED,))
    with pytest.raises(BadInputError, match="override reason is empty"):
        deployments.deploy(replace(request, override_reason=reason))
    assert deployments.list() == []


def test_paper_accepts_an_override_and_keeps_its_reason(desk):
    deployments, request = desk
    record_board(deployments.ledger, request.parameter_set_id, (FAILED,))
    deployed = deployments.deploy(replace(request, override_reason="to watch it fail"))
    assert (deployed.is_active, deployed.override_reason) == (True, "to watch it fail")
    with deployments.ledger.reading() as connection:
        (entry,) = lineage.entries(connection, "deployment")
    assert entry.payload["override_reason"] == "to watch it fail"


@pytest.mark.parametrize("board", [(), (FAILED,), (PASSED,)])
def test_a_live_broker_never_accepts_an_override(desk, board):
    deployments, request = desk
    if board:
        record_board(deployments.ledger, request.parameter_set_id, board)
    with pytest.raises(RefusedError, match="real money"):
        deployments.deploy(replace(request, broker="ctrader", override_reason="please"))
    assert deployments.list() == []


@pytest.mark.parametrize("broker", ["Paper", "oanda", ""])
def test_a_broker_that_does_not_exist_takes_nothing_and_leaves_what_trades(desk, broker):
    deployments, request = desk
    record_board(deployments.ledger, request.parameter_set_id, (PASSED,))
    trading = deployments.deploy(request)
    with pytest.raises(BadInputError, match=rf"broker '{broker}' is unknown; known: paper"):
        deployments.deploy(replace(request, broker=broker))
    assert list(deployments.active("EURUSD", "1h")) == [trading]


def test_the_same_request_twice_is_one_deployment(desk):
    deployments, request = desk
    record_board(deployments.ledger, request.parameter_set_id, (PASSED,))
    first = deployments.deploy(request)
    assert deployments.deploy(replace(request, deployed_by="bob", dagster_run_id="later")) == first
    assert list(deployments.list()) == [first] == list(deployments.active("EURUSD", "1h"))
    assert moves(deployments) == ["deployment"]
    assert (first.code, first.deployed_by, first.previous_id) == (CODE, "ann", None)


def test_a_new_deployment_replaces_the_old_one_and_a_rollback_brings_it_back(desk):
    deployments, request = desk
    record_board(deployments.ledger, request.parameter_set_id, (PASSED,))
    first = deployments.deploy(request)
    second = deployments.deploy(replace(request, params_sha256="b" * 64))
    assert [each.id for each in deployments.active()] == [second.id]
    assert second.previous_id == first.id
    assert deployments.get(first.id).deactivated_at is not None
    back = deployments.rollback("EURUSD", "1h", "ann", "drawdown")
    assert (back.id, back.is_active, back.deactivated_at) == (first.id, True, None)
    assert [each.id for each in deployments.active()] == [first.id]
    assert moves(deployments) == ["deployment", "deployment", "rollback"]
    with pytest.raises(RefusedError, match="nothing to go back to"):
        deployments.rollback("EURUSD", "1h", "ann", "again")
    with pytest.raises(MissingError, match="nothing is deployed for GBPUSD"):
        deployments.rollback("GBPUSD", "1h", "ann", "x")
    with pytest.raises(BadInputError, match="who asked for it"):
        deployments.rollback("EURUSD", "1h", "", "x")


def test_symbols_and_timeframes_are_deployed_side_by_side(desk):
    deployments, request = desk
    record_board(deployments.ledger, request.parameter_set_id, (PASSED,))
    places = [("EURUSD", "1h"), ("EURUSD", "4h"), ("GBPUSD", "1h")]
    for symbol, timeframe in places:
        deployments.deploy(replace(request, symbol=symbol, timeframe=timeframe))
    assert [(each.symbol, each.timeframe) for each in deployments.active()] == places
    assert len(deployments.active(symbol="EURUSD")) == len(deployments.active(timeframe="1h")) == 2


def test_the_proposal_in_use_is_marked_and_follows_a_rollback(desk):
    deployments, request = desk
    ledger = deployments.ledger
    record_board(ledger, request.parameter_set_id, (PASSED,))
    proposals = [proposal(ledger, number) for number in (0, 1)]

    def marked():
        with ledger.reading() as connection:
            asked = select(regime_parameters.c.id).where(regime_parameters.c.is_active)
            return connection.execute(asked).scalars().all()

    for number, regime_parameters_id in enumerate(proposals):
        deployments.deploy(replace(request, params_sha256=str(number) * 64, regime_parameters_id=regime_parameters_id))
        assert marked() == [regime_parameters_id]
    deployments.rollback("EURUSD", "1h", "ann", "worse")
    assert marked() == proposals[:1]


def test_a_proposal_that_does_not_exist_stops_the_whole_deployment(desk):
    deployments, request = desk
    record_board(deployments.ledger, request.parameter_set_id, (PASSED,))
    with pytest.raises(MissingError, match="no proposed parameter set 99"):
        deployments.deploy(replace(request, regime_parameters_id=99))
    assert deployments.list() == []
    assert moves(deployments) == []
    with pytest.raises(MissingError, match="no deployment 1"):
        deployments.get(1)


def test_a_deployment_per_regime_keeps_its_mapping_and_the_reason_of_each_fallback(desk):
    deployments, request = desk
    ledger = deployments.ledger
    record_board(ledger, request.parameter_set_id, (PASSED,))
    whole, ranging, volatile = (proposal(ledger, number, regime=regime) for number, regime in enumerate(("global", *REGIMES[2:])))
    reasons = {"trending_up": "7 trades, 20 are needed", "trending_down": "no feasible trial"}
    asked = replace(
        request, regime_parameters_id=whole, regimes=RegimeMapping({"ranging": ranging, "volatile": volatile}, reasons)
    )
    made = deployments.deploy(asked)
    assert (made.mode, made.regimes, made.regime_parameters_id) == ("per_regime", asked.regimes, whole)
    assert deployments.deploy(asked) == made
    with ledger.reading() as connection:
        stored = connection.execute(select(deployment_configs)).one()
        (entry,) = lineage.entries(connection, "deployment")
    assert (stored.deployment_mode, json.loads(stored.regime_params_mapping)) == ("per_regime", asked.regimes.ids)
    assert entry.payload["regimes"] == {"ids": asked.regimes.ids, "fallbacks": reasons}
    active = select(regime_parameters.c.id).where(regime_parameters.c.is_active).order_by(regime_parameters.c.id)
    with ledger.reading() as connection:
        assert connection.execute(active).scalars().all() == [whole, ranging, volatile]
    alone = deployments.deploy(replace(request, regime_parameters_id=whole))
    with ledger.reading() as connection:
        assert connection.execute(active).scalars().all() == [whole]
    assert (alone.mode, alone.regimes) == ("global", RegimeMapping())
    assert deployments.rollback("EURUSD", "1h", "ann", "worse").regimes == asked.regimes
    with ledger.reading() as connection:
        assert connection.execute(active).scalars().all() == [whole, ranging, volatile]


def test_the_regimes_of_a_deployment_are_those_that_are_told():
    assert regime.REGIMES == REGIMES


def test_a_mapping_of_regimes_is_whole_and_of_the_series_own_proposals(desk):
    deployments, request = desk
    ledger = deployments.ledger
    record_board(ledger, request.parameter_set_id, (PASSED,))
    whole, ranging = (proposal(ledger, number, regime=regime) for number, regime in enumerate(("global", "ranging")))
    fallbacks = dict.fromkeys(REGIMES, "too few trades")
    for mapping in (
        RegimeMapping({"ranging": ranging}),
        RegimeMapping({"ranging": ranging}, fallbacks),
        RegimeMapping({}, fallbacks | {"sideways": "x"}),
        RegimeMapping({}, fallbacks | {"ranging": " "}),
    ):
        with pytest.raises(BadInputError, match="names each of trending_up, trending_down, ranging, volatile once"):
            deployments.deploy(replace(request, regime_parameters_id=whole, regimes=mapping))
    with pytest.raises(BadInputError, match="needs the global parameter set"):
        deployments.deploy(replace(request, regimes=RegimeMapping({}, fallbacks)))
    del fallbacks["volatile"]
    crossed = RegimeMapping({"volatile": ranging}, fallbacks)
    with pytest.raises(BadInputError, match=r"is of EURUSD 1h ranging, not of EURUSD 1h volatile"):
        deployments.deploy(replace(request, regime_parameters_id=whole, regimes=crossed))
    assert deployments.list() == []
