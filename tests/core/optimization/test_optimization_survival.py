"""The stress of a search's outcome: who holds little lasts, who holds much dies in a jump, who holds nothing proves nothing."""

from dataclasses import replace

import numpy as np
import pytest
from search_problem import around, problem

from fxgpt_core.backtest.crises import CRISES
from fxgpt_core.backtest.engine import BacktestAccount
from fxgpt_core.backtest.stress import StressKind
from fxgpt_core.backtest.stress_parameters import StressParameters
from fxgpt_core.market.costs import FxCosts
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.optimization.outcome import FoldOutcome, OptimizationOutcome
from fxgpt_core.optimization.survival import StressPlan, Survival, stressed, survival
from fxgpt_core.registry.gates import MINIMUM_KEPT_PCT, MINIMUM_STRESS_SHOCKS
from fxgpt_core.strategy.parameters import StrategyParameters
from fxgpt_core.validation.folds import Fold, Window

CALM = problem(24 * 90)
KNOWN_AT = CALM.candles.known_at_us
CAREFUL = StrategyParameters.default()
HALVES = (Window(int(KNOWN_AT[310]), int(KNOWN_AT[1200])), Window(int(KNOWN_AT[1200]), int(KNOWN_AT[2100])))


def outcome(proposed=CAREFUL):
    """What survival reads of an outcome: two folds that chose the careful set, and a proposal."""
    folds = tuple(FoldOutcome(Fold(i, window, window), None, CAREFUL, 1.0, None, False) for i, window in enumerate(HALVES))
    whole = Window(int(KNOWN_AT[0]), int(KNOWN_AT[-1]) + 1)
    return OptimizationOutcome(1, proposed, None, folds, None, 1.0, (), None, (), whole)


def test_the_board_asks_for_every_shock_that_flat_costs_can_show_and_for_what_the_stress_test_asks():
    shocks = StressParameters().shocks(Timeframe.H1)
    assert sum(not shock.needs_quotes for shock in shocks) == MINIMUM_STRESS_SHOCKS
    assert StressParameters().least_kept_pct == MINIMUM_KEPT_PCT


def test_a_careful_set_lasts_and_its_evidence_is_the_least_it_kept():
    found = survival(CALM, outcome())
    kept = [row.numbers.kept_pct for row in found.proposed if row.kind is StressKind.SHOCK and row.numbers]
    assert found.evidence.n_shocks == MINIMUM_STRESS_SHOCKS
    assert found.evidence.kept_pct == min(kept) >= MINIMUM_KEPT_PCT
    assert found.evidence.worst.startswith(("jump", "volatility"))


def test_a_proposed_set_that_holds_too_much_dies_in_a_jump():
    # Its stops are near, so that it holds much, and the jump goes behind them.
    bold = CAREFUL.replace(sizing_base_risk_pct=2.0, risk_atr_multiplier=1.0)
    found = survival(CALM, outcome(bold))
    assert found.evidence.kept_pct == pytest.approx(67.8, abs=0.1)
    assert found.evidence.worst.startswith("jump")
    assert found.evidence.worst.endswith("of the proposed set")
    # The same, and with an account that lends it more.
    levered = survival(replace(CALM, account=BacktestAccount(leverage=500.0)), outcome(bold))
    assert levered.evidence.kept_pct < found.evidence.kept_pct


def test_who_holds_nothing_has_no_evidence_and_who_holds_too_late_has_no_shock():
    flat = replace(CALM, bands=around(CALM.bands, CALM.bands.median * 0.0))
    nothing = survival(flat, outcome()).evidence
    assert (nothing.n_shocks, nothing.kept_pct, nothing.worst) == (0, 0.0, "")
    # Two weeks are needed behind a shock; a window of ten days has no room for one.
    short = Window(int(KNOWN_AT[-240]), int(KNOWN_AT[-1]))
    assert {row.survived for row in stressed(CALM, [(CAREFUL, short)]) if row.kind is StressKind.SHOCK} == {None}


def test_a_crisis_that_was_lost_is_what_the_board_sees_and_dearer_costs_are_not():
    rows = stressed(CALM, [(CAREFUL, HALVES[0])])
    numbers = next(row.numbers for row in rows if row.kind is StressKind.COST)
    planted = [
        replace(row, survived=False, numbers=replace(numbers, kept_pct=70.0)) if row.name == "covid"
        else replace(row, numbers=replace(numbers, kept_pct=10.0)) if row.kind is StressKind.COST
        else row
        for row in rows
    ]  # fmt: skip
    for found, who in (
        (Survival(rows, tuple(planted)), "the proposed set"),
        (Survival(tuple(planted), rows), "the folds' choices"),
    ):
        assert (found.evidence.kept_pct, found.evidence.worst) == (70.0, f"covid, of {who}")
    # A crisis of which half is missing and that was not lost proves nothing.
    unproved = [replace(row, survived=None) if row.name == "covid" else row for row in planted]
    assert Survival(tuple(unproved), rows).evidence.worst.startswith(("jump", "volatility"))


def test_a_shock_is_asked_of_what_will_trade_and_each_counts_once():
    rows = stressed(CALM, [(CAREFUL, HALVES[0])])
    fewer = tuple(row for row in rows if not row.name.startswith(("frozen", "jump")))
    assert Survival(rows, fewer).evidence.n_shocks == MINIMUM_STRESS_SHOCKS - 3
    assert Survival(fewer, rows).evidence == Survival(rows, rows).evidence


def test_the_seed_places_the_shocks_and_none_leaves_them_out():
    choices = [(CAREFUL, HALVES[0])]

    def placed(seed):
        return [row.window for row in stressed(CALM, choices, StressPlan(seed)) if row.kind is StressKind.SHOCK]

    assert placed(1) == placed(1)
    assert placed(1) != placed(2)
    assert placed(None) == []


def test_costs_that_are_paid_are_those_stressed_and_the_base_currency_moves_with_the_price():
    spread, close = np.full(1, 0.0001), CALM.candles.close
    quoted = replace(CALM, paid=FxCosts(spread, conversion=1.0 / close))
    choices = [(CAREFUL, HALVES[0])]
    rows = stressed(quoted, choices)
    assert {row.name for row in rows if row.kind is StressKind.SHOCK and row.survived is not None} == {
        shock.name for shock in StressParameters().shocks(Timeframe.H1)
    }
    # A conversion that is nearly the same, but not of this price, stays where it was, and a jump costs something else.
    elsewhere = stressed(replace(CALM, paid=FxCosts(spread, conversion=(1.0 + 1e-12) / close)), choices)
    jumps = [[row.numbers.kept_pct for row in found if row.name.startswith("jump")] for found in (rows, elsewhere)]
    assert all(abs(one - other) > 0.01 for one, other in zip(*jumps, strict=True))


def test_progress_tells_every_play_of_at_most_as_many():
    told = []
    stressed(CALM, [(CAREFUL, HALVES[0])], StressPlan(progress=lambda what: lambda done, most: told.append((done, most))))
    most = StressParameters().most_plays(Timeframe.H1)
    # A wide spread cannot be shown by flat costs: five plays fewer.
    assert told == [(done, most) for done in range(1, most - 4)]


@pytest.mark.parametrize("name", ["snb_floor", "mini_budget"])
def test_a_crisis_without_candles_is_not_judged(name):
    rows = {row.name: row for row in stressed(CALM, [(CAREFUL, HALVES[0])], StressPlan(seed=None))}
    assert set(rows) == {"costs_x1.5", "costs_x2", "costs_x3", *(crisis.name for crisis in CRISES)}
    assert (rows[name].survived, rows[name].numbers) == (None, None)
