"""The gate board: each gate can fail alone, and says its number, its limit and what to do."""

import math
from dataclasses import replace

import pytest

from fxgpt_core.errors import BadInputError
from fxgpt_core.registry.efforts import EFFORTS, TOLD, Effort, cheapest, cheapest_told
from fxgpt_core.registry.gate_evidence import CoverageEvidence, Evidence, FoldEvidence, LuckEvidence, StressEvidence
from fxgpt_core.registry.gates import GateLimits, GateResult, all_passed, gate_board, out_of_sample_ratio
from fxgpt_core.registry.vault import GATE

LUCK = (
    LuckEvidence("deflated_sharpe", 0.97, ">=", 0.95),
    LuckEvidence("overfitting", 0.1, "<=", 0.2),
    LuckEvidence("superior_ability", 0.01, "<=", 0.05),
    LuckEvidence("track_record", 1.5, ">=", 1.0),
    LuckEvidence("sharpe_at_5", 0.9, ">", 0.5),
)
GOOD = Evidence(
    luck=LUCK,
    n_trials=240,
    in_sample_sharpe=2.0,
    out_of_sample_sharpe=1.6,
    n_trades=80,
    n_proposed_trades=12,
    net_profit_cost_x2=1200.0,
    coverage=tuple(CoverageEvidence(c, c, c - 0.05, c + 0.04, 300) for c in (0.5, 0.8, 0.95)),
    stress=StressEvidence(7, 86.0, "jump_down_5_ranges, worst of 5, of the proposed set"),
    net_profit_cost_x1_5=1800.0,
    net_profit_cost_x3=-100.0,
    folds=FoldEvidence(20, 0.75),
    late_sharpe_at_5=0.9,
)


def with_coverage(index: int, observed: float) -> Evidence:
    rows = list(GOOD.coverage)
    rows[index] = replace(rows[index], observed=observed)
    return replace(GOOD, coverage=tuple(rows))


def with_luck(index: int, value: float) -> Evidence:
    rows = list(GOOD.luck)
    rows[index] = replace(rows[index], value=value)
    return replace(GOOD, luck=tuple(rows))


def test_good_evidence_passes_every_gate() -> None:
    board = gate_board(GOOD)
    assert all_passed(board)
    assert [gate.gate for gate in board] == [
        "deflated_sharpe",
        "overfitting",
        "superior_ability",
        "track_record",
        "sharpe_at_5",
        "out_of_sample_ratio",
        "minimum_trades",
        "proposed_trades",
        "coverage_cases",
        "coverage_50_not_below",
        "coverage_50_not_above",
        "coverage_80_not_below",
        "coverage_80_not_above",
        "coverage_95_not_below",
        "coverage_95_not_above",
        "fold_consistency",
        "late_entries",
        "cost_x1_5",
        "cost_x2",
        "stress_shocks",
        "stress_kept",
    ]


@pytest.mark.parametrize(
    ("evidence", "gate", "value", "limit"),
    [
        (with_luck(0, 0.949), "deflated_sharpe", 0.949, 0.95),
        (with_luck(1, 0.201), "overfitting", 0.201, 0.2),
        (with_luck(2, 0.051), "superior_ability", 0.051, 0.05),
        (with_luck(3, 0.99), "track_record", 0.99, 1.0),
        (with_luck(4, 0.5), "sharpe_at_5", 0.5, 0.5),
        (replace(GOOD, out_of_sample_sharpe=1.39), "out_of_sample_ratio", 0.695, 0.7),
        (replace(GOOD, n_trades=29), "minimum_trades", 29.0, 30.0),
        (with_coverage(0, 0.44), "coverage_50_not_below", 0.44, 0.45),
        (with_coverage(1, 0.85), "coverage_80_not_above", 0.85, 0.84),
        (with_coverage(2, 0.89), "coverage_95_not_below", 0.89, 0.90),
        (replace(GOOD, net_profit_cost_x2=0.0), "cost_x2", 0.0, 0.0),
        (replace(GOOD, net_profit_cost_x1_5=-0.5), "cost_x1_5", -0.5, 0.0),
        (replace(GOOD, folds=FoldEvidence(20, 0.5499)), "fold_consistency", 0.5499, 0.55),
        (replace(GOOD, late_sharpe_at_5=0.5), "late_entries", 0.5, 0.5),
        (replace(GOOD, stress=replace(GOOD.stress, n_shocks=6)), "stress_shocks", 6.0, 7.0),
        (replace(GOOD, stress=replace(GOOD.stress, kept_pct=79.9)), "stress_kept", 79.9, 80.0),
        (replace(GOOD, n_proposed_trades=4), "proposed_trades", 4.0, 5.0),
        (replace(GOOD, coverage=()), "coverage_cases", 0.0, 20.0),
        (replace(GOOD, coverage=(replace(GOOD.coverage[0], n_eff=19.0), *GOOD.coverage[1:])), "coverage_cases", 19.0, 20.0),
    ],
)
def test_each_gate_can_fail_alone_with_its_number_and_limit(evidence: Evidence, gate: str, value: float, limit: float) -> None:
    failed = [row for row in gate_board(evidence) if not row.passed]
    assert [row.gate for row in failed] == [gate]
    assert failed[0].value == pytest.approx(value)
    assert failed[0].limit == pytest.approx(limit)
    assert len(failed[0].remedy) > 40
    assert not all_passed(gate_board(evidence))


def test_a_refused_luck_says_what_it_was_refused_by() -> None:
    told = replace(with_luck(0, 0.5), n_trials=240, lucky_sharpe=0.452, sharpe_per_period=0.1839)
    (remedy,) = (gate.remedy for gate in gate_board(told) if not gate.passed)
    assert remedy.startswith("240 worthless trials would show a Sharpe of 0.452 a day, this one shows 0.184")


def test_what_could_not_be_judged_fails_and_says_why_and_its_number_is_on_the_wrong_side_of_its_limit() -> None:
    unknown = tuple(replace(row, value=math.nan) for row in LUCK)
    board = gate_board(replace(GOOD, luck=unknown, lucky_sharpe=math.nan, not_judged="1 set found, 2 are needed: search more"))
    failed = [gate for gate in board if not gate.passed]
    assert [gate.gate for gate in failed] == [row.test for row in LUCK]
    assert {gate.remedy for gate in failed} == {"not judged: 1 set found, 2 are needed: search more"}
    assert [gate.value for gate in failed] == [0.0, 1.0, 1.0, 0.0, 0.0]


@pytest.mark.parametrize("luck", [(), LUCK[:4], LUCK[::-1]])
def test_evidence_without_a_test_of_luck_is_refused(luck: tuple[LuckEvidence, ...]) -> None:
    with pytest.raises(BadInputError, match="the board judges"):
        replace(GOOD, luck=luck)


def test_evidence_is_stored_with_null_for_what_is_not_known() -> None:
    stored = replace(with_luck(1, math.nan), lucky_sharpe=math.inf).to_json()
    assert [row["value"] for row in stored["luck"]] == [0.97, None, 0.01, 1.5, 0.9]
    assert (stored["lucky_sharpe"], stored["n_trades"], stored["coverage"][0]["nominal"]) == (None, 80, 0.5)


@pytest.mark.parametrize("field", ["out_of_sample_sharpe", "net_profit_cost_x2", "net_profit_cost_x1_5", "late_sharpe_at_5"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_number_that_is_not_finite_fails(field: str, value: float) -> None:
    board = gate_board(replace(GOOD, **{field: value}))
    assert sum(not row.passed for row in board) == 1
    assert all(math.isfinite(row.value) for row in board)


def test_two_losing_sharpes_do_not_make_a_good_ratio() -> None:
    losing = replace(GOOD, in_sample_sharpe=-1.0, out_of_sample_sharpe=-2.0)
    assert out_of_sample_ratio(losing) == 0.0
    assert [row.gate for row in gate_board(losing) if not row.passed] == ["out_of_sample_ratio"]


def test_without_a_trade_the_gates_of_trades_say_that_nothing_was_traded() -> None:
    idle = replace(GOOD, n_trades=0, in_sample_sharpe=0.0, out_of_sample_sharpe=0.0, net_profit_cost_x2=0.0)
    told = {gate.gate for gate in gate_board(idle) if "nothing was traded" in gate.remedy}
    assert told == {row.test for row in LUCK} | {
        *("out_of_sample_ratio", "minimum_trades", "fold_consistency", "late_entries", "cost_x1_5", "cost_x2")
    }
    assert not any("nothing was traded" in gate.remedy for gate in gate_board(GOOD))


def test_what_no_stress_could_judge_is_no_pass_and_says_so() -> None:
    failed = {gate.gate: gate for gate in gate_board(replace(GOOD, stress=StressEvidence())) if not gate.passed}
    assert set(failed) == {"stress_shocks", "stress_kept"}
    assert "could be judged" in failed["stress_kept"].remedy


def test_who_lost_too_much_is_told_in_which_stress() -> None:
    (lost,) = [gate for gate in gate_board(replace(GOOD, stress=StressEvidence(7, 51.2, "covid, of the folds' choices")))
               if not gate.passed]  # fmt: skip
    assert "kept 51.2 % through covid, of the folds' choices" in lost.remedy


def test_costs_three_times_as_high_are_told_and_judge_nothing() -> None:
    assert gate_board(replace(GOOD, net_profit_cost_x3=-1e9)) == gate_board(GOOD)
    assert replace(GOOD, net_profit_cost_x3=-7.0).to_json()["net_profit_cost_x3"] == -7.0


def test_without_a_measured_fold_no_fold_earned() -> None:
    (failed,) = [row for row in gate_board(replace(GOOD, folds=FoldEvidence())) if not row.passed]
    assert (failed.gate, failed.value) == ("fold_consistency", 0.0)


def test_every_gate_has_an_effort_and_every_effort_is_told() -> None:
    assert {row.gate for row in gate_board(GOOD)} | {GATE} == set(EFFORTS)
    assert set(TOLD) == set(Effort) == set(EFFORTS.values())


def test_the_cheapest_gate_to_fix_asks_for_least_and_of_these_is_nearest_to_its_limit() -> None:
    def failed(*names: str) -> list[GateResult]:
        return [GateResult(name, value, 1.0, ">=", False, "") for name, value in zip(names, (0.2, 0.5, 0.1), strict=False)]

    assert cheapest([]) is None
    assert cheapest_told([]) == ""
    assert cheapest(failed("cost_x2", "minimum_trades", "vault_ratio")).gate == "minimum_trades"
    assert cheapest(failed("overfitting", "coverage_80_not_below", "track_record")).gate == "coverage_80_not_below"
    assert cheapest(failed("deflated_sharpe", "track_record", "sharpe_at_5")).gate == "track_record"
    assert cheapest_told(failed("vault_ratio", "cost_x2")) == "cheapest to fix: cost_x2 (a better forecast, or a cheaper broker)"


def test_an_empty_board_is_no_pass() -> None:
    assert not all_passed(())


def test_the_limits_are_an_argument() -> None:
    assert not all_passed(gate_board(GOOD, GateLimits(minimum_trades=81)))
    assert not all_passed(gate_board(GOOD, GateLimits(positive_folds=0.76)))
    assert not all_passed(gate_board(GOOD, GateLimits(late_sharpe_at_5=0.9)))
    assert all_passed(gate_board(replace(GOOD, n_trades=5), GateLimits(minimum_trades=5)))
