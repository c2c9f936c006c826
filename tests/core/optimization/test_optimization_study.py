"""The search as a whole: plan, resume, choice, outcome, evidence."""

from dataclasses import replace

import numpy as np
import pytest
from search_problem import SMALL, around, memory_store, problem

from fxgpt_core.conformal.coverage import MINIMUM_CASES, CoverageRow
from fxgpt_core.errors import BadInputError, BrokenLineageError, MissingError
from fxgpt_core.optimization.conclusion import chosen
from fxgpt_core.optimization.evidence import evidence
from fxgpt_core.optimization.limits import UNTRADED
from fxgpt_core.optimization.luck_of_search import TrialsEver, luck_of_search
from fxgpt_core.optimization.objectives import Objectives, gains
from fxgpt_core.optimization.outcome import OptimizationOutcome, mean_in_sample_sharpe
from fxgpt_core.optimization.pareto import dominates, pareto_front
from fxgpt_core.optimization.plan import planned, run_uuid
from fxgpt_core.optimization.problem import Problem
from fxgpt_core.optimization.robustness import robustness
from fxgpt_core.optimization.searching import batches
from fxgpt_core.optimization.study import Clocks, SearchProgress, optimize
from fxgpt_core.optimization.survival import survival
from fxgpt_core.registry.gate_evidence import LUCK_TESTS, StressEvidence
from fxgpt_core.registry.gates import MINIMUM_COVERAGE_CASES, gate_board
from fxgpt_core.registry.proposals import proposed_by
from fxgpt_core.registry.run_list import run_list
from fxgpt_core.registry.trials import TrialRecord, TrialStore
from fxgpt_core.strategy.parameters import StrategyParameters
from fxgpt_core.validation.folds import Window

TOTAL = 3 * 5 + 6
EVER = TrialsEver(TOTAL, 0.05)
STRESS = {"stress_shocks", "stress_kept"}
QUICK = {"runs": 50, "score": lambda sets: np.ones(len(sets))}


@pytest.fixture(scope="module")
def ran() -> tuple[OptimizationOutcome, TrialStore, list[SearchProgress]]:
    store, heard = memory_store(), []
    ticks = iter(range(10_000))
    outcome = optimize(problem(), SMALL, store, progress=heard.append, clocks=Clocks(lambda: float(next(ticks))))
    return outcome, store, heard


def test_the_plan_numbers_trials_over_the_run_and_ends_with_the_latest_train_window() -> None:
    small = problem()
    searches = planned(small, SMALL)
    assert [(s.index, s.phase, s.first, s.n_trials) for s in searches] == [
        (0, "search", 0, 5),
        (1, "search", 5, 5),
        (2, "search", 10, 5),
        (3, "final", 15, 6),
    ]
    assert searches[-1].window.slice(small.bands.known_at_us).stop == len(small.bands.known_at_us)
    assert [s.fold.index for s in searches[:-1]] == [0, 1, 2]


def test_every_trial_is_recorded_once_in_order_and_progress_counts_them(ran: tuple) -> None:
    outcome, store, heard = ran
    assert [trial.trial_number for trial in store.trials(1)] == list(range(TOTAL))
    assert [report.done for report in heard] == list(range(1, TOTAL + 1))
    assert {report.total for report in heard} == {TOTAL}
    assert heard[0].remaining_s is None
    assert [report.remaining_s for report in heard[1:]] == [float(TOTAL - done) for done in range(2, TOTAL + 1)]
    assert outcome.n_trials == TOTAL
    (row,) = run_list(store.ledger)
    assert (row.status, row.trials, row.planned, row.searches) == ("completed", TOTAL, TOTAL, "4/4")
    assert row.best_sharpe == outcome.final.metrics["sharpe_ratio"]


def test_a_record_holds_what_was_played(ran: tuple) -> None:
    _, store, _ = ran
    small = problem()
    searches = planned(small, SMALL)
    for number in (0, 7, 20):
        trial = store.trials(1)[number]
        candidate = small.evaluate(_set(trial), searches[min(number // 5, 3)].window).metrics
        assert trial.metrics["sharpe_ratio"] == candidate.sharpe_ratio
        assert trial.metrics["total_trades"] == candidate.total_trades
        assert trial.params_sha256 == _set(trial).sha256
        assert (trial.n_periods, trial.sharpe_per_period) == (candidate.n_periods, candidate.sharpe_per_period)


def _set(trial: TrialRecord) -> StrategyParameters:
    return StrategyParameters.from_json(trial.parameters)


def test_the_choice_of_a_fold_is_on_the_front_of_its_own_trials_only(ran: tuple) -> None:
    outcome, store, _ = ran
    for index, fold in enumerate(outcome.folds):
        own = store.trials(1)[index * 5 : index * 5 + 5]
        assert fold.chosen in own
        point = gains([Objectives.from_json(fold.chosen.objectives)])[0]
        assert not any(dominates(other, point) for other in gains([Objectives.from_json(t.objectives) for t in own]))
    final = store.trials(1)[15:]
    front = pareto_front(gains([Objectives.from_json(trial.objectives) for trial in final]))
    assert outcome.pareto == tuple(15 + i for i in front)
    assert outcome.final.trial_number in outcome.pareto
    assert outcome.proposed.sha256 == outcome.final.params_sha256


def test_the_proposed_set_is_written_to_the_ledger(ran: tuple) -> None:
    outcome, store, _ = ran
    assert proposed_by(store.ledger, 1, "EURUSD", "1h") == {"global": outcome.proposed.to_json()}
    assert outcome.regime_parameters_id == 1


def test_what_comes_after_a_fold_does_not_change_its_trials() -> None:
    whole, cut = memory_store(), memory_store()
    small = problem()
    optimize(small, replace(SMALL, max_folds=2), whole)
    second = planned(small, replace(SMALL, max_folds=2))[1].fold
    last = second.test.slice(small.candles.known_at_us).stop + 1
    shorter = replace(small, candles=small.candles.slice(0, last), bands=small.bands.select(slice(0, last)))
    optimize(shorter, replace(SMALL, max_folds=2), cut)
    assert [t.params_sha256 for t in whole.trials(1)[:10]] == [t.params_sha256 for t in cut.trials(1)[:10]]
    assert [t.metrics for t in whole.trials(1)[:10]] == [t.metrics for t in cut.trials(1)[:10]]


@pytest.mark.parametrize(("field", "value"), [("seed", 1), ("number", 1)])
def test_a_changed_ledger_is_not_gone_on_from(ran: tuple, field: str, value: int) -> None:
    _, store, _ = ran
    search = planned(problem(), SMALL)[0]
    stored = store.evaluations(1, 0)
    assert [len(batch) for _, batch in batches(stored, search, SMALL.seed)] == [1] * 5
    changed = getattr(stored, field).copy()
    changed[0] = value
    with pytest.raises(BrokenLineageError, match="changed by hand"):
        list(batches(replace(stored, **{field: changed}), search, SMALL.seed))
    with pytest.raises(BrokenLineageError, match="changed by hand"):
        list(batches(stored, replace(search, n_trials=4), SMALL.seed))


def test_the_name_of_a_run_changes_with_problem_and_search() -> None:
    small = problem(24 * 30)
    names = {
        run_uuid(small, SMALL),
        run_uuid(small, replace(SMALL, seed=8)),
        run_uuid(small, replace(SMALL, n_trials=6)),
        run_uuid(replace(small, code_sha256="other"), SMALL),
        run_uuid(replace(small, costs=small.costs.times(2)), SMALL),
    }
    assert len(names) == 5
    assert run_uuid(problem(24 * 30), SMALL) in names


def test_a_failure_is_written_to_the_run_and_raised() -> None:
    class Full(TrialStore):
        def record(self, *_: object) -> None:
            raise OSError("disk full")

    store = Full(memory_store().ledger)
    with pytest.raises(OSError, match="disk full"):
        optimize(problem(), SMALL, store)
    (row,) = run_list(store.ledger)
    assert (row.status, row.notes) == ("failed", "OSError: disk full")


def test_forecasts_too_short_for_one_fold_are_refused_before_a_run_is_opened() -> None:
    store = memory_store()
    with pytest.raises(BadInputError, match="not one fold"):
        optimize(problem(24 * 10), SMALL, store)
    assert run_list(store.ledger) == []


def test_what_breaks_a_limit_is_never_chosen_beside_what_keeps_all(ran: tuple) -> None:
    first, second, third = ran[1].trials(1)[:3]
    losing = replace(first, objectives=Objectives(-3.0, 40.0, 0.2, 0.9).to_json(), violation=0.0)
    broken = replace(second, objectives=Objectives(9.0, 1.0, 5.0, 0.1).to_json(), violation=0.1)
    idle = replace(third, violation=UNTRADED + 1.0)
    assert chosen([idle, broken, losing]) == (losing, (0,))
    assert chosen([idle, broken]) == (broken, (1,))
    assert chosen([idle]) == (idle, (2,))


def test_a_fold_without_trades_says_so() -> None:
    quiet = problem()
    flat = replace(quiet, bands=around(quiet.bands, quiet.bands.median * 0.0))
    outcome = optimize(flat, SMALL, memory_store())
    assert [(fold.idle, fold.test) for fold in outcome.folds] == [(True, None)] * 3
    assert all(str(fold.fold.test) in fold.error for fold in outcome.folds)
    assert outcome.out_of_sample.metrics.total_trades == 0
    expected = {"out_of_sample_ratio", "minimum_trades", "proposed_trades", "cost_x1_5", "cost_x2"}
    expected |= {"fold_consistency", "late_entries"}
    assert failed_gates(flat, outcome) == expected | set(LUCK_TESTS) | STRESS


def test_a_fold_of_a_single_day_has_no_result_and_no_sharpe_ratio_of_zero(ran: tuple) -> None:
    """The busiest day of a test window, played alone: it traded, and one return has no deviation."""
    small, fold = problem(), next(fold for fold in ran[0].folds if fold.test)
    rows = fold.fold.test.slice(small.candles.known_at_us)
    days, known_at = small.candles.fx_day[rows], small.candles.known_at_us[rows]
    windows = [Window(int(known_at[days == day][0]), int(known_at[days == day][-1]) + 1) for day in np.unique(days)]
    tested = max((small.evaluate(fold.parameters, day).metrics for day in windows), key=lambda found: found.total_trades)
    alone = replace(fold, tested=tested)
    assert (tested.n_periods, tested.sharpe_ratio) == (1, 0.0)
    assert tested.total_trades > 0
    assert alone.test is None
    assert alone.error == f"single FX day from {fold.fold.test}"


def test_a_proposed_set_that_does_not_trade_fails_its_gate_however_well_the_folds_did() -> None:
    long = problem(24 * 120, edge=0.8)
    silent = 24 * 15  # the last train window, and no more: bands as wide as these let nothing be traded
    lower, upper = long.bands.lower.copy(), long.bands.upper.copy()
    lower[-silent:], upper[-silent:] = -9.0, 9.0
    quiet_end = replace(long, bands=replace(long.bands, lower=lower, upper=upper))
    outcome = optimize(quiet_end, replace(SMALL, max_folds=20, n_trials=2, n_final_trials=2), memory_store())
    assert outcome.out_of_sample.metrics.total_trades > 30
    assert failed_gates(quiet_end, outcome) == {"proposed_trades"}


def test_idle_folds_do_not_lower_what_out_of_sample_is_measured_against(ran: tuple) -> None:
    outcome, _, _ = ran
    folds = [replace(fold, train_sharpe=sharpe, idle=idle) for fold, sharpe, idle in
             zip(outcome.folds, (8.0, 0.0, 12.0), (False, True, False), strict=True)]  # fmt: skip
    assert mean_in_sample_sharpe(folds) == 10.0
    assert mean_in_sample_sharpe([replace(fold, idle=True) for fold in folds]) == 0.0


def coverage_rows(step: int) -> list[CoverageRow]:
    return [CoverageRow(step, c, c, 100, 100, c - 0.05, c + 0.04, "holds", 0.5, 2, *[0.01] * 5, 0.0) for c in (0.5, 0.8, 0.95)]


def failed_gates(small: Problem, outcome: OptimizationOutcome) -> set[str]:
    coverage = coverage_rows(outcome.proposed.sssd_forecast_horizon)
    ever = TrialsEver(outcome.n_trials, 0.05)
    found = luck_of_search(small, outcome, ever, np.random.default_rng(7))
    sound = robustness(small, outcome, **QUICK)
    judged = evidence(small, outcome, coverage, found, survival(small, outcome).evidence, sound)
    return {gate.gate for gate in gate_board(judged) if not gate.passed}


def test_a_strategy_on_noise_fails_the_board() -> None:
    for seed in (3, 4, 5):
        noise = problem(24 * 120, edge=0.0, seed=seed)
        failed = failed_gates(noise, optimize(noise, replace(SMALL, max_folds=20), memory_store()))
        assert {"deflated_sharpe", "superior_ability"} <= failed


def test_a_planted_edge_with_enough_candles_passes_the_board() -> None:
    long = problem(24 * 120, edge=0.8)
    outcome = optimize(long, replace(SMALL, max_folds=20, n_trials=2, n_final_trials=2), memory_store())
    assert len(outcome.folds) == 20
    assert failed_gates(long, outcome) == set()


def test_evidence_needs_the_coverage_of_the_horizon_that_is_traded(ran: tuple) -> None:
    outcome, _, _ = ran
    other = outcome.proposed.sssd_forecast_horizon + 1
    luck = luck_of_search(problem(), outcome, EVER, np.random.default_rng(7))
    with pytest.raises(MissingError, match="no coverage was measured"):
        evidence(problem(), outcome, coverage_rows(other), luck, StressEvidence(), robustness(problem(), outcome, **QUICK))


def test_coverage_rows_and_gates_ask_for_the_same_number_of_cases() -> None:
    assert MINIMUM_CASES == MINIMUM_COVERAGE_CASES
