"""The proposed set on the days that no search saw: only those, once, and dearer each time."""

from dataclasses import replace

import numpy as np
import pytest
from search_problem import SMALL, memory_store, problem

from fxgpt_core.errors import RefusedError
from fxgpt_core.optimization.outcome import OptimizationOutcome
from fxgpt_core.optimization.problem import Problem
from fxgpt_core.optimization.study import optimize
from fxgpt_core.optimization.vault import Champion, opened, played, vault_window
from fxgpt_core.regimes.regime import REGIMES
from fxgpt_core.registry.gate_results import board_of, record_board
from fxgpt_core.registry.gates import GateResult
from fxgpt_core.registry.vault import Vault, vault_gate
from fxgpt_core.strategy.regime_sets import RegimeSets

HELD = replace(SMALL, vault_share=0.2, n_trials=3, n_final_trials=3, max_folds=2)
CHAMPION = Champion("p" * 64, "ann", "all gates passed")
PASSED, FAILED = (GateResult("minimum_trades", 40.0, 30.0, ">=", passed, "trade more") for passed in (True, False))


@pytest.fixture(scope="module")
def run() -> tuple[Problem, OptimizationOutcome]:
    small = problem(24 * 60, edge=0.8)
    return small, optimize(small, HELD, memory_store())


def vault_with(*board: GateResult) -> Vault:
    """A vault in a ledger of its own, which knows the champion's artifact and its board."""
    ledger = memory_store().ledger
    with ledger.begin() as connection:
        from fxgpt_core.registry.artifact_tables import artifacts

        values = dict.fromkeys((column.name for column in artifacts.columns if not column.nullable), "x")
        connection.execute(artifacts.insert(), {**values, "id": CHAMPION.parameter_set_id, "created_at": ledger.now()})
    if board:
        record_board(ledger, CHAMPION.parameter_set_id, board)
    return Vault(ledger)


def test_the_vault_is_the_last_fifth_of_the_test_span_and_no_search_reaches_into_it(run):
    small, outcome = run
    window = vault_window(*run)
    known = small.bands.known_at_us
    assert (known[-1] - window.start_us) / (known[-1] - known[0]) == pytest.approx(0.2, abs=1e-6)
    assert window.stop_us == known[-1] + 1
    ends = [fold.fold.test.stop_us for fold in outcome.folds] + [outcome.span.stop_us]
    assert max(ends) <= window.start_us


def test_what_is_played_is_the_proposed_set_on_the_vault_and_nothing_else(run):
    small, outcome = run
    found, window = played(small, outcome, 1), vault_window(*run)
    alone = small.evaluate(outcome.proposed, window)
    assert (found.sharpe, found.n_trades) == (alone.metrics.sharpe_ratio, alone.metrics.total_trades)
    assert found.in_sample_sharpe == outcome.final.metrics["sharpe_ratio"]
    assert found.ratio == pytest.approx(found.sharpe / found.in_sample_sharpe)
    assert found.lucky_sharpe == 0.0
    before = small.candles.known_at_us < window.start_us - 30 * 86_400_000_000
    other = replace(
        small, candles=replace(small.candles, close=np.where(before, small.candles.close * 1.001, small.candles.close))
    )
    assert played(other, outcome, 1).sharpe == found.sharpe


def test_each_further_look_takes_off_what_luck_shows(run):
    first, second, tenth = (played(*run, look) for look in (1, 2, 10))
    assert first.ratio > second.ratio > tenth.ratio
    assert first.psr > second.psr > tenth.psr
    # The best of 10 worthless sets shows 1.574598 deviations, one over the root of the days.
    year = run[0].evaluate(run[1].proposed, vault_window(*run))
    from fxgpt_core.performance.measures import periods_a_year

    wanted = 1.574598 * (periods_a_year(year.candles) / first.n_days) ** 0.5
    assert tenth.lucky_sharpe == pytest.approx(wanted, rel=1e-5)
    assert tenth.ratio == pytest.approx((first.sharpe - wanted) / first.in_sample_sharpe, rel=1e-5)


def test_sets_by_regime_are_looked_at_and_measured_whole(run):
    """The set of one regime is another: another look, another ratio, and the train window is played by the sets too."""
    from search_problem import with_components

    small, outcome = with_components(run[0]), run[1]
    other = outcome.proposed.replace(risk_max_holding_hours=6, risk_atr_multiplier=1.0)
    reasons = {name: "not better" for name in REGIMES if name != "ranging"}
    sets = RegimeSets(outcome.proposed, {"ranging": other}, reasons)
    by_regime, vault = replace(outcome, regime_sets=sets), vault_with(PASSED)
    found = played(small, by_regime, 1)
    assert found.in_sample_sharpe == small.evaluate(sets, outcome.own_window).metrics.sharpe_ratio
    assert found.in_sample_sharpe != outcome.final.metrics["sharpe_ratio"]
    assert found.sharpe == small.evaluate(sets, vault_window(*run)).metrics.sharpe_ratio
    assert opened(*run, vault, CHAMPION).look == 1
    look = opened(small, by_regime, vault, CHAMPION)
    assert (look.look, look.request.params_sha256) == (2, sets.sha256)


def test_opening_is_once_and_its_verdict_is_on_the_board(run):
    vault = vault_with(PASSED, vault_gate(None))
    opening = opened(*run, vault, CHAMPION)
    assert opening.result == played(*run, 1).to_json()
    assert board_of(vault.ledger, CHAMPION.parameter_set_id) == (PASSED, opening.gate)
    assert opened(*run, vault, replace(CHAMPION, reason="again")) == opening
    other = replace(run[1], proposed=run[1].proposed.replace(risk_atr_multiplier=1.37))
    assert opened(run[0], other, vault, CHAMPION).look == 2


def test_an_opening_that_was_interrupted_is_played_to_its_end_and_counts_once(run):
    from fxgpt_core.optimization.vault import request_of

    vault = vault_with(PASSED)
    begun = vault.open(request_of(*run, CHAMPION))
    ended = opened(*run, vault, CHAMPION)
    assert (ended.id, ended.look) == (begun.id, 1)
    assert ended.result is not None


def test_a_look_by_another_verb_is_the_look_that_the_gate_then_has(run):
    from fxgpt_core.optimization.vault import request_of

    vault = vault_with(PASSED)
    asked = replace(request_of(*run, CHAMPION), parameter_set_id=None, verb="backtest")
    vault.open(replace(asked, params_sha256="b" * 64))
    peeked = vault.open(asked)
    opening = opened(*run, vault, CHAMPION)
    assert (opening.id, opening.look, opening.request.verb) == (peeked.id, 2, "backtest")
    assert opening.result == played(*run, 2).to_json()


@pytest.mark.parametrize(("board", "told"), [((FAILED,), "1 of 1 gates failed"), ((), "no gate has judged it yet")])
def test_a_set_that_fails_a_gate_is_not_worth_the_look_unless_it_is_said(run, board, told):
    vault = vault_with(*board)
    with pytest.raises(RefusedError, match=told):
        opened(*run, vault, CHAMPION)
    assert vault.openings("EURUSD", "1h") == []
    assert opened(*run, vault, replace(CHAMPION, despite=True)).look == 1


def test_a_search_that_saw_every_day_left_no_vault(run):
    small = problem(24 * 60, edge=0.8)
    seen = optimize(small, replace(HELD, vault_share=0.0, max_folds=1, n_final_trials=2), memory_store())
    with pytest.raises(RefusedError, match="vault_share above 0"):
        vault_window(small, seen)
