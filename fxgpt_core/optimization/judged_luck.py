"""Everything that is asked of luck, together: the tests that are gates, and other histories, which are told beside them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fxgpt_core.optimization.chosen_paths import ChosenPaths, in_other_choices
from fxgpt_core.optimization.luck_of_search import LuckOfSearch, TrialsEver, luck_of_search
from fxgpt_core.optimization.other_histories import RUNS, OtherHistories, at_other_times, on_other_candles
from fxgpt_core.optimization.other_orders import OtherOrders, in_other_orders
from fxgpt_core.optimization.outcome import OptimizationOutcome
from fxgpt_core.optimization.problem import Problem
from fxgpt_core.performance.luck import LuckTest

Tell = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class JudgedLuck:
    """The tests of a search and of its choices, and what the choices made of other histories; none of these where not asked.

    `choices` are the search's, made again on other days; None where it could not be judged. `orders` is None too where nothing
    was traded.
    """

    search: LuckOfSearch
    choices: ChosenPaths | None = None
    histories: tuple[OtherHistories, ...] = ()
    orders: OtherOrders | None = None

    @property
    def tests(self) -> tuple[LuckTest, ...]:
        """The gates first, then that of other choices, one for each kind of other histories, and that of other orders."""
        choices = (self.choices.test,) if self.choices else ()
        orders = (self.orders.test,) if self.orders else ()
        return (*self.search.luck.tests, *choices, *(each.test for each in self.histories), *orders)

    def to_json(self) -> dict[str, object]:
        """Every number by name, null where not known."""
        return {
            **self.search.to_json(),
            "other_choices": self.choices.to_json() if self.choices else None,
            "other_histories": {each.name: each.to_json() for each in self.histories},
            "other_orders": self.orders.to_json() if self.orders else None,
        }


def judged_luck(
    problem: Problem,
    outcome: OptimizationOutcome,
    ever: TrialsEver,
    seed: int = 7,
    histories: int = RUNS,
    counted: Callable[[str], Tell] = lambda what: lambda done, total: None,
) -> JudgedLuck:
    """Judge a run; `histories` of each kind are played, and as many orders of the trades drawn, none for 0.

    `counted(what)` gives what is told of the progress of each. Each kind draws from a generator of its own, so that the number of
    histories moves no gate. Raises as `luck_of_search`.
    """
    rngs = [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(4)]
    search = luck_of_search(problem, outcome, ever, rngs[0], progress=counted("parameter sets played on the searched days"))
    choices = None if search.missing else in_other_choices(search.searched)
    if histories == 0:
        return JudgedLuck(search, choices)
    times = at_other_times(problem, outcome, rngs[1], histories, counted("test windows played at other times"))
    candles = on_other_candles(problem, outcome, rngs[2], histories, counted("histories of other candles played"))
    return JudgedLuck(search, choices, (times, candles), in_other_orders(outcome, rngs[3], histories))
