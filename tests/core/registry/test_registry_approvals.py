"""Nothing trades without a person's word or a policy whose conditions hold, and every word is kept with the board it saw."""

from dataclasses import replace

import pytest
from deployment_examples import FAILED, PASSED, PLACE, desk_of

from fxgpt_core.errors import BadInputError, RefusedError
from fxgpt_core.registry.approvals import APPROVED, AUTO, REJECTED, Policy
from fxgpt_core.registry.gate_results import record_board


@pytest.fixture
def desk(sqlite_ledger, tmp_path):
    return desk_of(sqlite_ledger, tmp_path)


def auto(desk, improvement=0.10):
    desk.approvals.set_policy(*PLACE, Policy(AUTO, improvement, "ann", "the last three were sound"))


def champion(desk, sharpe):
    return desk.deployments.deploy(replace(desk.request, approval_reason="the first", out_of_sample_sharpe=sharpe))


def test_by_default_a_set_that_passed_its_gates_waits_for_a_person(desk):
    assert desk.approvals.policy(*PLACE) == Policy()
    with pytest.raises(RefusedError, match=r"nobody approved parameter set .* for EURUSD 1h; .*fxgpt approve"):
        desk.deployments.deploy(desk.request)
    assert desk.active() == [] == desk.chain()
    verdict = desk.approvals.approve(*PLACE, desk.request.parameter_set_id, by="bob", reason="the folds look alike")
    made = desk.deployments.deploy(desk.request)
    assert (made.approval_id, made.deployed_by, verdict.by) == (verdict.id, "ann", "bob")
    assert desk.chain() == ["approval", "deployment"]


def test_an_approval_given_with_the_deployment_is_recorded_with_who_why_and_the_board(desk):
    made = desk.deployments.deploy(replace(desk.request, approval_reason="all gates passed"))
    (verdict,) = desk.approvals.list(*PLACE)
    assert (verdict.id, verdict.by, verdict.reason, verdict.verdict) == (made.approval_id, "ann", "all gates passed", APPROVED)
    record_board(desk.ledger, desk.request.parameter_set_id, (PASSED, FAILED))
    other = desk.approvals.approve(*PLACE, desk.request.parameter_set_id, by="bob", reason="again")
    assert verdict.board_sha256 != other.board_sha256


def test_an_approval_is_void_once_the_board_it_saw_has_changed(desk):
    desk.approvals.approve(*PLACE, desk.request.parameter_set_id, by="bob", reason="it passed")
    record_board(desk.ledger, desk.request.parameter_set_id, (replace(PASSED, value=31.0),))
    with pytest.raises(RefusedError, match="bob approved it by a gate board that has changed since"):
        desk.deployments.deploy(desk.request)


def test_an_approval_is_of_one_series_and_does_not_pass_a_failed_gate(desk):
    desk.approvals.approve("EURUSD", "4h", desk.request.parameter_set_id, by="bob", reason="it passed")
    with pytest.raises(RefusedError, match="nobody approved"):
        desk.deployments.deploy(desk.request)
    record_board(desk.ledger, desk.request.parameter_set_id, (FAILED,))
    desk.approvals.approve(*PLACE, desk.request.parameter_set_id, by="bob", reason="I like it")
    with pytest.raises(RefusedError, match="1 of 1 gates failed"):
        desk.deployments.deploy(desk.request)


def test_a_rejected_set_is_refused_with_the_reason_also_by_the_policy_until_it_is_approved(desk):
    champion(desk, 0.5)
    auto(desk)
    challenger = desk.other("better", out_of_sample_sharpe=2.0)
    desk.approvals.reject(*PLACE, challenger.parameter_set_id, by="bob", reason="one fold earned it all")
    with pytest.raises(RefusedError, match=r"was rejected for EURUSD 1h by bob \(one fold earned it all\)"):
        desk.deployments.deploy(challenger)
    desk.approvals.approve(*PLACE, challenger.parameter_set_id, by="cid", reason="looked again")
    assert desk.deployments.deploy(challenger).is_active


def test_words_are_needed_and_a_board_to_judge_by(desk):
    for by, reason in (("", "x"), ("ann", " ")):
        with pytest.raises(BadInputError, match=r"who .* and why"):
            desk.approvals.approve(*PLACE, desk.request.parameter_set_id, by=by, reason=reason)
    with pytest.raises(RefusedError, match="no gate was recorded"):
        desk.approvals.approve(*PLACE, "f" * 64, by="ann", reason="blind")
    with pytest.raises(BadInputError, match="approval reason is empty"):
        desk.deployments.deploy(replace(desk.request, approval_reason=" "))
    assert desk.chain() == []


@pytest.mark.parametrize(
    ("then", "now", "better"), [(1.0, 1.11, True), (1.0, 1.1, False), (-1.0, -0.89, True), (-1.0, -0.91, False)]
)
def test_the_policy_lets_a_challenger_trade_that_is_better_by_more_than_it_asks(desk, then, now, better):
    """By hand: 10 % above 1.0 is 1.1, and 10 % of its size above −1.0 is −0.9; the limit itself is not above it."""
    before = champion(desk, then)
    auto(desk)
    challenger = desk.other("other", out_of_sample_sharpe=now)
    if not better:
        with pytest.raises(RefusedError, match=rf"out-of-sample Sharpe above .* the {then:.4g} of deployment {before.id}"):
            desk.deployments.deploy(challenger)
        assert desk.active() == [before.id]
        return
    made = desk.deployments.deploy(challenger)
    verdict = desk.approvals.list(*PLACE)[-1]
    assert (verdict.id, verdict.ground, desk.active()) == (made.approval_id, AUTO, [made.id])
    assert f"{now:.4g} is above" in verdict.reason


def test_the_policys_improvement_is_what_was_set(desk):
    champion(desk, 1.0)
    auto(desk, improvement=0.5)
    with pytest.raises(RefusedError, match=r"above 1\.5 \(50% more"):
        desk.deployments.deploy(desk.other("other", out_of_sample_sharpe=1.4))
    auto(desk, improvement=0.0)
    assert desk.deployments.deploy(desk.other("other", out_of_sample_sharpe=1.4)).is_active


@pytest.mark.parametrize(("sharpe", "refused"), [(None, "knows no out-of-sample Sharpe"), (float("nan"), "asks for")])
def test_the_policy_lets_nothing_trade_that_it_cannot_compare(desk, sharpe, refused):
    auto(desk)
    with pytest.raises(RefusedError, match="nothing is deployed for EURUSD 1h"):
        desk.deployments.deploy(replace(desk.request, out_of_sample_sharpe=2.0))
    champion(desk, 1.0)
    with pytest.raises(RefusedError, match=refused):
        desk.deployments.deploy(desk.other("other", out_of_sample_sharpe=sharpe))


def test_the_policy_does_not_bring_back_what_was_rolled_back(desk):
    champion(desk, 1.0)
    auto(desk)
    challenger = desk.other("other", out_of_sample_sharpe=3.0)
    desk.deployments.deploy(challenger)
    desk.deployments.rollback(*PLACE, "bob", "drawdown")
    assert [verdict.verdict for verdict in desk.approvals.list(*PLACE)[-2:]] == [REJECTED, APPROVED]
    with pytest.raises(RefusedError, match=r"rejected for EURUSD 1h by bob \(drawdown\)"):
        desk.deployments.deploy(challenger)


@pytest.mark.parametrize(
    "policy",
    [Policy("never", 0.1, "ann", "x"), Policy(AUTO, -0.1, "ann", "x"), Policy(AUTO, 0.1, "", "x"), Policy(AUTO, 0.1, "ann", "")],
)
def test_a_policy_that_is_unknown_or_has_no_words_is_refused(desk, policy):
    with pytest.raises(BadInputError, match=r"known: approval, auto|who"):
        desk.approvals.set_policy(*PLACE, policy)
    assert desk.approvals.policy(*PLACE) == Policy()
