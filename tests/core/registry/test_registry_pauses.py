"""Pause and resume, rollback to any deployment, one active at a time under a race, and the history of it all."""

import threading
from dataclasses import replace

import pytest
from deployment_examples import PLACE, desk_of
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from fxgpt_core.errors import BadInputError, MissingError, RefusedError
from fxgpt_core.registry.deployment_history import history
from fxgpt_core.registry.tables import deployment_configs, regime_parameters


@pytest.fixture
def desk(migrated_ledger, tmp_path):
    return desk_of(migrated_ledger, tmp_path)


def approved(request):
    return replace(request, approval_reason="it passed")


def test_a_pause_holds_until_it_is_resumed_whatever_is_deployed_and_every_move_is_in_the_history(desk):
    with pytest.raises(MissingError, match="nothing to pause"):
        desk.pauses.pause(*PLACE, by="ann", reason="news")
    first = desk.deployments.deploy(approved(desk.request))
    for by, reason in (("", "news"), ("ann", " ")):
        with pytest.raises(BadInputError, match="a pause needs who"):
            desk.pauses.pause(*PLACE, by=by, reason=reason)
    pause = desk.pauses.pause(*PLACE, by="ann", reason="news")
    with pytest.raises(RefusedError, match=r"is paused since .* UTC by ann: news; resume it first"):
        desk.pauses.pause(*PLACE, by="bob", reason="more news")
    second = desk.deployments.deploy(approved(desk.other("second")))
    desk.deployments.rollback(*PLACE, "ann", "drawdown", to_id=first.id)
    assert list(desk.pauses.open()) == [pause]
    desk.later(hours=2)
    ended = desk.pauses.resume(*PLACE, by="bob", reason="it is over")
    assert (ended.id, ended.resumed_by, ended.resume_reason) == (pause.id, "bob", "it is over")
    assert 7200 <= (ended.resumed_at - ended.paused_at).total_seconds() < 7260
    assert list(desk.pauses.open()) == []
    with pytest.raises(RefusedError, match="is not paused"):
        desk.pauses.resume(*PLACE, by="bob", reason="again")
    again = desk.pauses.pause(*PLACE, by="cid", reason="more news")
    assert again.id != pause.id
    told = [(move.kind, move.by, move.reason) for move in history(desk.ledger, *PLACE)]
    assert told == [
        *(("approval", "ann", "it passed"), ("deployment", "ann", "it passed"), ("pause", "ann", "news")),
        *(("approval", "ann", "it passed"), ("deployment", "ann", "it passed")),
        *(("approval", "ann", "drawdown"), ("approval", "ann", "drawdown"), ("rollback", "ann", "drawdown")),
        *(("resume", "bob", "it is over"), ("pause", "cid", "more news")),
    ]
    assert [kind for kind, _, _ in told] == desk.chain()
    assert history(desk.ledger, "EURUSD", "4h") == []
    assert second.id not in desk.active()


def test_a_rollback_reaches_any_deployment_of_its_series_and_no_other(desk):
    made = [desk.deployments.deploy(approved(desk.other(name))).id for name in ("a", "b", "c", "d")]
    elsewhere = desk.deployments.deploy(replace(approved(desk.other("e")), timeframe="4h")).id
    assert desk.deployments.rollback(*PLACE, "ann", "worse", to_id=made[1]).id == made[1]
    assert desk.active() == [made[1]]
    # And forward again: it is a deployment like any other.
    assert desk.deployments.rollback(*PLACE, "ann", "not so bad", to_id=made[2]).id == made[2]
    assert desk.deployments.rollback(*PLACE, "ann", "the one before it").id == made[1]
    with pytest.raises(RefusedError, match=f"deployment {elsewhere} is one of EURUSD 4h"):
        desk.deployments.rollback(*PLACE, "ann", "x", to_id=elsewhere)
    with pytest.raises(RefusedError, match="is the active one"):
        desk.deployments.rollback(*PLACE, "ann", "x", to_id=made[1])
    with pytest.raises(MissingError, match="no deployment 99"):
        desk.deployments.rollback(*PLACE, "ann", "x", to_id=99)
    assert desk.active() == [made[1]]
    assert len(desk.deployments.list()) == 5


def at_once(*calls):
    """Every call in a thread of its own, all let go together; what each returned or raised."""
    gate, found = threading.Barrier(len(calls)), []

    def run(call):
        gate.wait()
        try:
            found.append(call())
        except Exception as error:  # noqa: BLE001 what a thread raised is what the test looks at
            found.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_of_deployments_at_once_each_is_made_and_one_is_active(desk):
    requests = [approved(desk.other(name)) for name in "abcd"]
    found = at_once(*(lambda request=request: desk.deployments.deploy(request) for request in requests))
    assert sorted(each.id for each in found) == [1, 2, 3, 4] == [each.id for each in desk.deployments.list()]
    assert desk.active() == [4]
    assert {each.previous_id for each in desk.deployments.list()} == {None, 1, 2, 3}
    assert desk.chain() == ["approval", "deployment"] * 4


@pytest.mark.parametrize("table", [deployment_configs, regime_parameters], ids=lambda table: table.name)
def test_the_database_itself_lets_one_of_two_at_once_be_active(desk, table):
    from registry_examples import request

    from fxgpt_core.registry.trials import TrialStore

    run_id = TrialStore(desk.ledger).open_run(request())
    row = {"symbol": "EURUSD", "timeframe": "1h", "is_active": True}
    if table is deployment_configs:
        row |= {"deployment_mode": "global"}
    else:
        row |= {"regime": "ranging", "optimization_run_id": run_id, "trial_number": 0, "parameters_json": "{}"}
        row |= {"sharpe_ratio": 1.0, "max_drawdown_pct": 1.0, "win_rate": 1.0}

    def activate():
        with desk.ledger.begin() as connection:
            connection.execute(insert(table), row)

    found = at_once(activate, activate)
    assert sorted(type(each).__name__ for each in found) == ["IntegrityError", "NoneType"]
    assert any(isinstance(each, IntegrityError) and "unique" in str(each).lower() for each in found)
