"""When a search ends: each rule on numbers worked out by hand, and none where nothing keeps the limits."""

from dataclasses import replace

import numpy as np
import pytest

from fxgpt_core.errors import BadInputError
from fxgpt_core.optimization.convergence import NEVER, Convergence, ConvergenceParameters, End
from fxgpt_core.optimization.engines.engine import Told
from fxgpt_core.optimization.space import dimension

PLAIN = (1.0, 10.0, 1.0, 0.5)


def batch(*rows: tuple[float, float, float, float], violation: float = 0.0) -> Told:
    genomes = np.zeros((len(rows), dimension()), np.uint16)
    return Told(genomes, np.array(rows), np.full(len(rows), violation))


def steps(parameters: ConvergenceParameters, batches: list[Told]) -> list[End | None]:
    watched, ends = Convergence(parameters), []
    for each in batches:
        watched.tell(each)
        ends.append(watched.reached())
    return ends


def better(step: int) -> tuple[float, float, float, float]:
    return (1.0 + 0.5 * step, 10.0, 1.0, 0.5)


def test_a_search_that_gets_better_goes_on() -> None:
    assert steps(ConvergenceParameters(), [batch(better(step)) for step in range(60)]) == [None] * 60


def test_no_improvement_of_a_hundredth_in_so_many_steps_ends_it() -> None:
    rule = replace(NEVER, patience=5, min_improvement=0.01)
    # Each step is worse than the first and unlike the one before.
    worse = [batch((0.5 - 0.1 * (step % 3), 10.0, 1.0, 0.5)) for step in range(8)]
    assert steps(rule, [batch(PLAIN), *worse]) == [None] * 5 + [End.IMPROVEMENT] * 4
    # The objective of PLAIN is 0.5 - 0.3 + 0.15 - 0.025 = 0.325: a Sharpe ratio of 1.007 makes 0.3285, 1.08 % more.
    enough, little = (1.007, 10.0, 1.0, 0.5), (1.006, 10.0, 1.0, 0.5)
    for row, ends in ((enough, None), (little, End.IMPROVEMENT)):
        assert steps(rule, [batch(PLAIN), *worse[:4], batch(row)])[-1] is ends


def test_objectives_that_hardly_differ_are_a_plateau() -> None:
    rule = replace(NEVER, patience=4, plateau=0.01, min_improvement=-9.0)
    even = [batch((1.0 + 0.015 * (step % 2), 10.0, 1.0, 0.5)) for step in range(6)]
    uneven = [batch((1.0 + 0.05 * (step % 2), 10.0, 1.0, 0.5)) for step in range(6)]
    assert steps(rule, even) == [None] * 3 + [End.PLATEAU] * 3
    assert steps(rule, uneven) == [None] * 6


def test_a_front_that_stays_ends_a_search_by_trials_and_by_generations() -> None:
    rule = replace(NEVER, stable_steps=3, stable_generations=2)
    beaten = (0.5, 12.0, 0.9, 0.6)
    assert steps(rule, [batch(PLAIN), *[batch(beaten)] * 4]) == [None] * 3 + [End.STABLE_FRONT] * 2
    assert steps(rule, [batch(PLAIN, beaten), *[batch(beaten, beaten)] * 3]) == [None] * 2 + [End.STABLE_FRONT] * 2
    newcomer = (0.5, 1.0, 0.9, 0.6)
    assert steps(rule, [batch(PLAIN), batch(beaten), batch(beaten), batch(newcomer)])[-1] is None


def test_a_hypervolume_that_hardly_grows_ends_a_search_by_generations() -> None:
    rule = replace(NEVER, stable_generations=2, min_hypervolume_gain=0.01)
    hardly = [batch(PLAIN, (1.0 + 0.001 * step, 10.0, 1.0, 0.5)) for step in range(4)]
    assert steps(rule, hardly) == [None, None, End.HYPERVOLUME, End.HYPERVOLUME]
    assert steps(rule, [batch(PLAIN, better(step)) for step in range(4)]) == [None] * 4
    assert steps(rule, [batch((1.0 + 0.001 * step, 10.0, 1.0, 0.5)) for step in range(4)]) == [None] * 4


def test_each_step_tells_which_of_its_trials_nothing_told_so_far_beats() -> None:
    watched = Convergence(NEVER)
    beaten, calm, best = (0.5, 12.0, 0.9, 0.6), (0.5, 1.0, 0.9, 0.6), (2.0, 1.0, 1.0, 0.5)
    told = [
        (batch(beaten, PLAIN, violation=2.0), [1]),
        (batch(calm, violation=3.0), []),  # further from the limits than what is there
        (batch(beaten, calm), [1]),  # the first that keep all limits
        (batch(PLAIN, beaten, PLAIN), [0, 2]),  # equal ones both
        (batch(best), [0]),
        (batch(PLAIN, calm, beaten), []),
    ]
    assert [watched.tell(each).tolist() for each, _ in told] == [entered for _, entered in told]


def test_what_breaks_a_limit_ends_nothing() -> None:
    rule = ConvergenceParameters(patience=2, stable_steps=2, stable_generations=2)
    assert steps(rule, [batch(PLAIN, violation=1.0)] * 6) == [None] * 6
    watched = Convergence(rule)
    watched.tell(batch(PLAIN, violation=1.0))
    assert watched.hypervolume == 0.0
    watched.tell(batch(PLAIN))
    assert watched.hypervolume > 0.0


def test_without_rules_a_search_spends_its_budget() -> None:
    assert steps(NEVER, [batch(PLAIN)] * 40) == [None] * 40


@pytest.mark.parametrize("wrong", [{"patience": 0}, {"stable_steps": 0}, {"stable_generations": -1}, {"timeout_s": 0.0}])
def test_rules_that_cannot_be_are_refused(wrong: dict) -> None:
    with pytest.raises(BadInputError, match="above 0"):
        ConvergenceParameters(**wrong)
