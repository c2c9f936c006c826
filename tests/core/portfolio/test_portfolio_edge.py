"""Kelly and optimal f by hand numbers and against a search for the greatest growth."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from fxgpt_core.errors import BadInputError
from fxgpt_core.portfolio.edge import Edge, kelly, optimal_f


def edge(p_target, p_stop, target=0.02, stop=0.01, cost=0.0):
    return Edge(*(np.atleast_1d(np.asarray(value, dtype=np.float64)) for value in (p_target, p_stop, target, stop, cost)))


def test_kelly_by_hand():
    # b = 2, p = 1/2: 0.5 - 0.5 / 2
    assert kelly(edge(0.5, 0.5))[0] == pytest.approx(0.25)
    # The cost makes the payoff (0.02 - 0.005) / (0.01 + 0.005) = 1, and p = 0.6: 0.6 - 0.4
    assert kelly(edge(0.6, 0.4, cost=0.005))[0] == pytest.approx(0.2)
    # Trades that reach neither are left aside: 0.3 of 0.5 are 0.6.
    assert kelly(edge(0.3, 0.2, cost=0.005))[0] == pytest.approx(0.2)


def test_optimal_f_by_hand():
    # Without a cost the middle pays nothing, and optimal f is Kelly's.
    assert optimal_f(edge(0.3, 0.2, target=0.01))[0] == pytest.approx(0.2)
    # b = 1, m = -1/3, p = (0.6, 0.1, 0.3): mean = 0.6 - 0.1/3 - 0.3 = 0.8/3, curvature 1/3,
    # slope = 0.6(-4/3) + 0 - 0.3(2/3) = -1; f = (1 - sqrt(1 - 4(1/3)(0.8/3))) / (2/3) = 1.5(1 - sqrt(1 - 3.2/9))
    assert optimal_f(edge(0.6, 0.3, cost=0.005))[0] == pytest.approx(1.5 * (1 - (1 - 3.2 / 9) ** 0.5))


@pytest.mark.parametrize("method", [kelly, optimal_f])
def test_no_edge_no_bet_and_certainty_bets_all(method):
    assert method(edge(1 / 3, 2 / 3)).tolist() == pytest.approx([0.0], abs=1e-15)
    assert method(edge(0.3, 0.7)).tolist() == [0.0]
    assert method(edge(0.9, 0.1, target=0.001, cost=0.002)).tolist() == [0.0]
    assert method(edge(0.0, 0.0)).tolist() == [0.0]
    assert method(edge(1.0, 0.0)).tolist() == [1.0]


@pytest.mark.parametrize("method", [kelly, optimal_f])
def test_what_is_not_known_stays_unknown(method):
    assert np.isnan(
        method(
            edge([np.nan, 0.5, 0.5], [0.5, 0.5, 0.5], target=[0.02, np.nan, 0.02], stop=[0.01, 0.01, 0.0], cost=0 * np.ones(3))
        )
    ).all()


probability = st.floats(0.01, 0.98)
distance = st.floats(0.001, 0.05)


@given(probability, probability, distance, distance, st.floats(0.0, 0.002))
def test_optimal_f_grows_as_fast_as_any_fraction_found_by_search(p_target, p_stop, target, stop, cost):
    assume(p_target + p_stop <= 1.0)
    outcomes = np.array([target - cost, -cost, -(stop + cost)]) / (stop + cost)
    chances = np.array([p_target, 1 - p_target - p_stop, p_stop])

    def growth(f):
        return float(chances @ np.log1p(f * outcomes))

    found = optimal_f(edge(p_target, p_stop, target, stop, cost))[0]
    searched = minimize_scalar(lambda f: -growth(f), bounds=(0.0, 1.0 - 1e-9), method="bounded", options={"xatol": 1e-10}).x
    assert growth(found) >= growth(searched) - 1e-12
    assert found == pytest.approx(searched, abs=2e-5)


@given(probability, distance, distance)
def test_of_two_outcomes_both_methods_say_the_same(p, target, stop):
    both = edge(p, 1 - p, target, stop, 0.0002)
    assert optimal_f(both)[0] == pytest.approx(kelly(both)[0], abs=1e-9)


@pytest.mark.parametrize("method", [kelly, optimal_f])
def test_a_row_is_the_same_alone_and_among_others(method):
    rng = np.random.default_rng(1)
    p = rng.uniform(0.2, 0.7, 1001)
    many = edge(
        p,
        (1 - p) * rng.uniform(0.3, 1.0, 1001),
        rng.uniform(0.001, 0.03, 1001),
        rng.uniform(0.001, 0.02, 1001),
        rng.uniform(0, 0.001, 1001),
    )
    whole = method(many)
    assert 0 < np.count_nonzero(whole) < 1001
    for row in range(0, 1001, 7):
        alone = Edge(*(values[row : row + 1].copy() for values in vars(many).values()))
        assert method(alone).tobytes() == whole[row : row + 1].tobytes()


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (edge, "sum above 1"),
        (lambda *_: edge(-0.1, 0.5), "negative p_target"),
        (lambda *_: edge(0.5, 0.5, stop=-0.01), "negative stop"),
        (lambda *_: edge([0.5, 0.5], 0.5), "different lengths"),
    ],
)
def test_an_edge_that_cannot_be_is_refused(values, text):
    with pytest.raises(BadInputError, match=text):
        values(0.6, 0.5)
