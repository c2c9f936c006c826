"""What a policy is compared with: every split in quarters, the best of them by what was known, measures worked out by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
from rl_examples import ROWS, accounts

from fxgpt_core.rl.accounts import Accounts
from fxgpt_core.rl.judgement import best_static, equal_weights, held, judged, static_weights


@pytest.mark.parametrize("n_symbols", [1, 2, 5])
def test_static_weights_are_all_splits_into_quarters(n_symbols):
    found = static_weights(n_symbols)
    assert len(found) == len({tuple(row) for row in found.tolist()}) == math.comb(4 + n_symbols, n_symbols)
    assert (found.sum(axis=1) == 1.0).all()
    assert np.isin(found, [0.0, 0.25, 0.5, 0.75, 1.0]).all()


def test_the_best_of_them_is_all_in_the_symbol_that_rises():
    of = accounts()
    best = best_static(of, ROWS)
    assert best.tolist() == [1.0, 0.0, 0.0]
    assert all(held(of, best, ROWS)[-1] >= held(of, weights, ROWS)[-1] for weights in static_weights(2))


def test_of_weights_that_earn_nothing_cash_is_best():
    of = accounts()
    idle = [replace(each, decisions=replace(each.decisions, side=np.zeros_like(each.decisions.side))) for each in of.traded]
    assert best_static(Accounts(of.universe, tuple(idle)), ROWS).tolist() == [0.0, 0.0, 1.0]


def test_equal_weights_leave_the_risk_of_each_decision_as_it_is():
    assert equal_weights(4).tolist() == [0.25, 0.25, 0.25, 0.25, 0.0]
    of = accounts()
    assert held(of, equal_weights(2), ROWS).tobytes() == of.day_equity(np.full((54, 2), 0.5), ROWS.first).tobytes()


def test_the_measures_are_those_of_a_pocket_calculator():
    found = judged("policy", np.array([1.1, 0.99, 1.188]))
    returns = np.array([0.1, -0.1, 0.2])
    assert (found.name, found.days) == ("policy", 3)
    assert found.total_return == pytest.approx(0.188)
    assert found.max_drawdown == pytest.approx(0.1)
    assert found.sharpe_ratio == pytest.approx(returns.mean() / returns.std(ddof=1) * math.sqrt(260.0))
    assert judged("cash", np.ones(5)).sharpe_ratio == 0.0
