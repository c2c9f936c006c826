"""The evaluator against `Problem.evaluate`, which plays one set on one window from nothing; each stage by its parameters."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from search_problem import around, problem, with_components

from fxgpt_core.errors import BadInputError, ParameterError
from fxgpt_core.market.costs import Costs, FxCosts
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.optimization.evaluator import Evaluator, measured_of
from fxgpt_core.optimization.memory import Memory
from fxgpt_core.optimization.problem import Problem
from fxgpt_core.optimization.screening import day_ends
from fxgpt_core.optimization.stages import STAGES
from fxgpt_core.performance.measures import period_returns
from fxgpt_core.portfolio.capital import Capital
from fxgpt_core.portfolio.universe import Universe
from fxgpt_core.strategy.constraints import broken_constraints, repaired
from fxgpt_core.strategy.definitions import Kind, ParameterDefinition
from fxgpt_core.strategy.parameters import StrategyParameters, definition, searched_definitions
from fxgpt_core.validation.folds import Window

N = 24 * 70


@cache
def full() -> Problem:
    """All components but capital, and bands that are missing at the start and in the middle."""
    made = with_components(problem(N, edge=0.3))
    known = np.ones(N, dtype=bool)
    known[:40], known[900:930] = False, False
    return replace(made, bands=made.bands.select(known))


@cache
def in_fx() -> Problem:
    """The same by the rules of FX, in the middle a hole of a month, behind which patterns begin anew."""
    made = full()
    moved = made.candles.open_time_us + np.where(np.arange(N) >= 1000, 30 * 86_400_000_000, 0)
    candles = replace(made.candles, open_time_us=moved)
    rows = np.searchsorted(made.candles.known_at_us, made.bands.known_at_us)
    spread = np.random.default_rng(1).uniform(0.00005, 0.0002, N)
    paid = FxCosts(spread, slippage=0.2, swap_long=np.full(1, 0.00001))
    return replace(made, candles=candles, bands=replace(made.bands, known_at_us=candles.known_at_us[rows]), paid=paid)


def with_capital(made: Problem) -> Problem:
    days = np.arange(19_500, 19_900, dtype=np.int32)
    close = np.exp(np.cumsum(np.random.default_rng(2).standard_normal((len(days), 2)) * 0.005, axis=0))
    shared = Capital("EURUSD", Universe(("EURUSD", "GBPUSD"), days, close))
    return replace(made, components=replace(made.components, capital=shared))


def drawn(rng: np.random.Generator) -> StrategyParameters:
    values = StrategyParameters.default().to_json() | {each.name: another(each, rng) for each in searched_definitions()}
    return StrategyParameters.from_json(repaired(values))


def another(of: ParameterDefinition, rng: np.random.Generator):
    if of.kind is Kind.BOOL:
        return bool(rng.integers(2))
    if of.kind is Kind.CATEGORICAL:
        return of.choices[rng.integers(len(of.choices))]
    return int(rng.integers(of.low, of.high + 1)) if of.kind is Kind.INT else float(rng.uniform(of.low, of.high))


def windows_of(of: Problem) -> list[Window]:
    """Overlapping, one within another, the whole, one of two candles and, where costs are not of each candle, one of none."""
    known = of.candles.known_at_us
    rows = [(0, N), (300, 1100), (700, 1500), (400, 600), (500, 502), (N - 200, N)]
    return [Window(int(known[start]), int(known[stop - 1]) + 1) for start, stop in rows] + [Window(5, 6)] * (of.paid is None)


def draw_sets(seed: int, n: int) -> list[StrategyParameters]:
    rng = np.random.default_rng(seed)
    return [drawn(rng) for _ in range(n)]


@pytest.mark.parametrize("of", [full, in_fx])
def test_every_set_on_every_window_is_what_one_backtest_tells(of):
    made, sets = of(), draw_sets(7, 12)
    windows = windows_of(made)
    found = [[measured_of(one) for one in row] for row in Evaluator(made, threads=2).on_windows(sets, windows)]
    alone = [[made.evaluate(each, window) for window in windows] for each in sets]
    assert [[one.metrics for one in row] for row in found] == [[one.metrics for one in row] for row in alone]
    worst = [[-100.0 * min(0.0, *period_returns(one.result, one.candles)[:], 0.0) for one in row] for row in alone]
    assert [[one.worst_day_pct for one in row] for row in found] == worst
    trades = sum(one.metrics.total_trades for row in found for one in row)
    assert trades > 300
    assert max(map(max, worst)) > 0.1


def test_capital_that_is_shared_counts_too():
    made, sets = with_capital(full()), draw_sets(8, 3)
    window = windows_of(made)[1]
    found = Evaluator(made).measured(sets, window)
    assert [one.metrics for one in found] == [made.evaluate(each, window).metrics for each in sets]
    assert [one.metrics for one in found] != [full().evaluate(each, window).metrics for each in sets]


def test_neither_threads_nor_memory_change_a_number():
    made, sets = full(), draw_sets(9, 6)
    window = windows_of(made)[1]
    usual = Evaluator(made, threads=1).measured(sets, window)
    forgetful = Evaluator(made, threads=3, memory_bytes=0)
    assert forgetful.measured(sets, window) == usual
    assert forgetful.use.nbytes == forgetful.use.hits == 0


def test_what_one_backtest_refuses_is_refused_in_its_words():
    made = full()
    window = windows_of(made)[1]
    fitted = replace(made, components=replace(made.components, fitted={"sssd_diffusion_steps": 20}))
    with pytest.raises(ParameterError, match="made with"):
        Evaluator(fitted).measured([StrategyParameters.default()], window)
    short = replace(made.candles, timeframe=Timeframe.M5)
    near = replace(made, candles=short, bands=replace(made.bands, known_at_us=made.bands.known_at_us - 55 * 60_000_000))
    near = replace(near, paid=FxCosts(np.array([0.0001])), costs=Costs(0.0, 0.0))
    wide = StrategyParameters.default().replace(sssd_forecast_horizon=1, sssd_uncertainty_threshold=0.5)
    span = Window(int(near.candles.known_at_us[0]), int(near.candles.known_at_us[-1]) + 1)
    with pytest.raises(BadInputError, match="nearer than one average true range") as alone:
        near.evaluate(wide, span)
    with pytest.raises(BadInputError, match="nearer than one average true range") as found:
        Evaluator(near).measured([wide], span)
    assert str(found.value) == str(alone.value)


@cache
def used() -> Evaluator:
    """An evaluator with everything that the default set needs."""
    evaluator = Evaluator(with_capital(full()), threads=1)
    evaluator.measured([StrategyParameters.default()], windows_of(full())[1])
    return evaluator


def made_by(change: dict[str, object]) -> set[str]:
    """The stages that are made again for a set that differs from the default as told."""
    before = used().use.made
    assert set(before) == set(STAGES)
    used().measured([StrategyParameters.default().replace(**change)], windows_of(full())[1])
    return {stage for stage, count in used().use.made.items() if count > before[stage]}


def changed(name: str) -> dict[str, object]:
    """Another value of one parameter; of a switch the other one."""
    of, default = definition(name), getattr(StrategyParameters.default(), name)
    if of.kind is Kind.BOOL:
        return {name: not default}
    if of.kind is Kind.CATEGORICAL:
        return {name: next(value for value in of.choices if value != default)}
    others = [value for value in (of.low, of.high) if value != default]
    return {
        name: next(value for value in others if not broken_constraints(StrategyParameters.default().to_json() | {name: value}))
    }


@pytest.mark.parametrize("name", [each.name for each in searched_definitions()])
def test_a_parameter_makes_the_stages_that_list_it_and_no_other(name):
    assert made_by(changed(name)) == {stage for stage, names in STAGES.items() if name in names}


def test_a_memory_forgets_what_was_asked_for_the_longest_ago():
    memory, made = Memory(limit_bytes=20 * 8), []

    def output(value: int) -> np.ndarray:
        return memory.output("column", value, lambda: (made.append(value), np.full(9, float(value)))[1])

    for value in (1, 2, 1, 3, 1, 2):
        assert (output(value) == value).all()
    assert made == [1, 2, 3, 2]
    assert (memory.use.hits, memory.use.made, memory.use.nbytes) == (2, {"column": 4}, 2 * 9 * 8)


def test_a_set_that_never_wishes_to_trade_is_measured_and_did_nothing():
    small = problem(24 * 30)
    silent = replace(small, bands=around(small.bands, small.bands.median * 0.0))
    known = silent.candles.known_at_us
    window, parameters = Window(int(known[100]), int(known[400])), StrategyParameters.default()
    (found,) = Evaluator(silent, threads=1).measured([parameters], window)
    assert found.metrics == silent.evaluate(parameters, window).metrics
    assert (found.metrics.total_trades, found.worst_day_pct) == (0, 0.0)


@pytest.mark.parametrize("of", [full, in_fx])
def test_the_candles_around_a_window_are_all_that_it_needs(of):
    made, sets = of(), draw_sets(10, 6)
    far = Window(int(made.candles.known_at_us[1400]), int(made.candles.known_at_us[-1]) + 1)
    near = made.around(far)
    assert len(near.candles) < len(made.candles)
    found = Evaluator(near, threads=1).measured(sets, far)
    assert [one.metrics for one in found] == [made.evaluate(each, far).metrics for each in sets]
    screened = Evaluator(day_ends(made).around(far), threads=1).measured(sets, far)
    assert [one.metrics for one in screened] == [day_ends(made).evaluate(each, far).metrics for each in sets]
    assert sum(one.metrics.total_trades for one in (*found, *screened)) > 20
