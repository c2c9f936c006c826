"""A problem played by regime: each candle's own set decides, only the searched regime enters, and nothing sees the future."""

from dataclasses import fields, replace
from types import SimpleNamespace

import numpy as np
import pytest
from search_problem import problem, with_components

from fxgpt_core.backtest.conditions import Conditions
from fxgpt_core.backtest.engine import BacktestAccount, Trades
from fxgpt_core.errors import BadInputError, MissingError
from fxgpt_core.market.fills import REASON_TIME
from fxgpt_core.optimization.evaluator import Evaluator
from fxgpt_core.optimization.other_histories import at_other_times, on_other_candles
from fxgpt_core.optimization.outcome import walked_forward
from fxgpt_core.optimization.problem import Problem
from fxgpt_core.optimization.stressed import stress_play
from fxgpt_core.regimes.regime import RANGING, REGIMES, TRENDING_DOWN, TRENDING_UP, UNKNOWN, VOLATILE
from fxgpt_core.strategy.parameters import StrategyParameters
from fxgpt_core.strategy.reasons import LONG, OTHER_REGIME, REASONS, SHORT
from fxgpt_core.strategy.regime_sets import RegimeSets
from fxgpt_core.validation.folds import Window

GLOBAL_SET = StrategyParameters.default().replace(risk_max_holding_hours=12)
UP = GLOBAL_SET.replace(sssd_forecast_horizon=8, risk_max_holding_hours=14, sizing_base_risk_pct=2.0)
DOWN = GLOBAL_SET.replace(sssd_forecast_horizon=2, risk_max_holding_hours=6, filter_volume_enabled=False)
VOLATILE_SET = GLOBAL_SET.replace(sssd_quantile_confidence=0.95, risk_use_time_based_exit=False)
SETS = RegimeSets(
    GLOBAL_SET,
    {"trending_up": UP, "trending_down": DOWN, "volatile": VOLATILE_SET},
    {"ranging": "2 trades in ranging, at least 5 are needed"},
)
OF_CODE = {
    UNKNOWN: (0, GLOBAL_SET),
    TRENDING_UP: (1, UP),
    TRENDING_DOWN: (2, DOWN),
    RANGING: (0, GLOBAL_SET),
    VOLATILE: (4, VOLATILE_SET),
}
COLUMNS = ("known_at_us", "side", "stop_distance", "target_distance", "risk_fraction", "reason")


@pytest.fixture(scope="module")
def mixed() -> Problem:
    """70 days of hourly candles whose regime changes every eight of them, at random."""
    return with_components(problem(24 * 70))


def window(of: Problem, start: int, stop: int) -> Window:
    known_at = of.candles.known_at_us
    return Window(int(known_at[start]), int(known_at[stop]))


def in_regime(of: Problem, code: int) -> Problem:
    return replace(of, components=replace(of.components, regime=np.full(len(of.candles), code, np.int8)))


def assert_same_run(found, expected) -> None:
    assert np.array_equal(found.equity, expected.equity)
    for item in fields(Trades):
        assert np.array_equal(getattr(found.trades, item.name), getattr(expected.trades, item.name)), item.name


def test_each_candle_is_decided_by_the_set_of_its_regime(mixed) -> None:
    span, regime = window(mixed, 300, 1600), mixed.components.regime[300:1600]
    found = mixed.decisions(SETS, span)
    for code, (number, decides) in OF_CODE.items():
        alone, rows = mixed.decisions(decides, span), regime == code
        for name in COLUMNS:
            assert getattr(found, name)[rows].tobytes() == getattr(alone, name)[rows].tobytes(), (code, name)
        for name, values in alone.numbers.items():
            assert found.numbers[name][rows].tobytes() == values[rows].tobytes(), (code, name)
        assert set(found.numbers["parameter_set"][rows]) == {number}
        assert found.side[rows].any()
    # DOWN looks at no volume, so that it has none of its numbers; its rows say that they are not known.
    assert np.isnan(found.numbers["vwap_distance"][regime == TRENDING_DOWN]).all()


def test_what_comes_later_changes_no_decision_of_any_set(mixed) -> None:
    """The future cut off, in the middle of a regime and where one begins."""
    whole = mixed.decisions(SETS, window(mixed, 300, 1600))
    for stop in (1000, 1003, 1007):
        short = replace(
            mixed,
            candles=mixed.candles.slice(0, stop + 1),
            bands=mixed.bands.select(slice(0, stop + 1)),
            components=mixed.components.select(slice(0, stop + 1)),
        )
        cut, before = short.decisions(SETS, window(mixed, 300, stop)), whole.slice(0, stop - 300)
        for name in COLUMNS:
            assert getattr(cut, name).tobytes() == getattr(before, name).tobytes()
        assert {name: values.tobytes() for name, values in cut.numbers.items()} == {
            name: values.tobytes() for name, values in before.numbers.items()
        }


def test_a_regime_that_looks_ahead_is_noticed(mixed) -> None:
    """The planted defect of the test above: the regime of the next candle."""
    ahead = replace(mixed, components=replace(mixed.components, regime=np.roll(mixed.components.regime, -1)))
    span = window(mixed, 300, 1600)
    differs = mixed.decisions(SETS, span).numbers["parameter_set"] != ahead.decisions(SETS, span).numbers["parameter_set"]
    assert differs.sum() > 50


@pytest.mark.parametrize("code", [UNKNOWN, *range(len(REGIMES))])
def test_one_regime_throughout_is_the_backtest_of_its_set(mixed, code) -> None:
    constant, span = in_regime(mixed, code), window(mixed, 300, 1600)
    found = constant.evaluate(SETS, span)
    assert_same_run(found.result, constant.evaluate(OF_CODE[code][1], span).result)
    assert len(found.result.trades) > 5


def test_equal_sets_are_one_set(mixed) -> None:
    span, same = window(mixed, 300, 1600), RegimeSets(UP, dict.fromkeys(REGIMES, UP))
    assert_same_run(mixed.evaluate(same, span).result, mixed.evaluate(UP, span).result)


def test_a_position_is_left_by_the_rules_of_the_regime_it_was_entered_in(mixed) -> None:
    """The volatile set has no time exit, those of the others are after 6, 12 and 14 candles, whatever the regime is by then."""
    found = mixed.evaluate(SETS, window(mixed, 300, 1600))
    trades, regime = found.result.trades, mixed.components.regime[300:1600]
    entered_in = regime[trades.entry_index - 1]
    timed = trades.reason == REASON_TIME
    held = trades.exit_index - trades.entry_index
    longest = {TRENDING_UP: 14, TRENDING_DOWN: 6, RANGING: 12, UNKNOWN: 12}
    for code, candles in longest.items():
        assert set(held[timed & (entered_in == code)]) == {candles}, code
    changed = regime[trades.entry_index - 1] != regime[np.maximum(trades.exit_index - 1, 0)]
    assert (timed & changed).sum() > 10
    assert not timed[entered_in == VOLATILE].any()


def test_the_search_of_a_regime_enters_nowhere_else_and_says_why(mixed) -> None:
    span, regime = window(mixed, 300, 1600), mixed.components.regime[300:1600]
    everywhere = mixed.decisions(UP, span)
    for code, name in enumerate(REGIMES):
        found = mixed.only(name).decisions(UP, span)
        inside = regime == code
        assert np.array_equal(found.side, np.where(inside, everywhere.side, 0))
        refused = found.reason == OTHER_REGIME
        assert np.array_equal(refused, ~inside & (everywhere.side != 0))
        assert np.array_equal(found.reason[~refused], everywhere.reason[~refused])
        assert np.isnan(found.stop_distance[found.side == 0]).all()
        entered = mixed.only(name).evaluate(UP, span).result.trades.entry_index
        assert len(entered) > 3
        assert set(regime[entered - 1]) == {code}
    assert "another regime" in REASONS[OTHER_REGIME]


def test_all_regimes_together_wish_what_the_whole_does_but_for_the_unknown(mixed) -> None:
    span, regime = window(mixed, 300, 1600), mixed.components.regime[300:1600]
    together = sum(mixed.only(name).decisions(UP, span).side for name in REGIMES)
    assert np.array_equal(together, np.where(regime == UNKNOWN, 0, mixed.decisions(UP, span).side))
    assert np.array_equal(mixed.only("global").decisions(UP, span).side, mixed.decisions(UP, span).side)


def test_each_search_has_a_hash_of_its_own(mixed) -> None:
    assert mixed.only("global").sha256 == mixed.sha256
    assert len({mixed.sha256, *(mixed.only(name).sha256 for name in REGIMES)}) == 5


def test_a_walk_forward_of_sets_is_one_account_and_may_change_its_sets(mixed) -> None:
    first, second = window(mixed, 300, 900), window(mixed, 900, 1500)
    walked = walked_forward(mixed, [(SETS, first), (UP, second)])
    before = mixed.evaluate(SETS, first)
    after = mixed.evaluate(UP, second, account=BacktestAccount(cash=before.result.final_equity))
    assert np.array_equal(walked.result.equity, np.concatenate([before.result.equity, after.result.equity]))


def test_stress_plays_the_sets_of_the_regimes(mixed) -> None:
    span = window(mixed, 300, 900)
    candles, result = stress_play(mixed, [(SETS, span)])(Conditions(mixed.candles, mixed.costs))
    assert_same_run(result, walked_forward(mixed, [(SETS, span)]).result)
    assert len(candles) == 600


def test_an_unknown_regime_and_regimes_that_are_not_there_are_refused() -> None:
    bare = problem(200)
    span = window(bare, 50, 150)
    with pytest.raises(BadInputError, match="no regime 'sideways'; choose one of global, trending_up"):
        bare.only("sideways")
    with pytest.raises(MissingError, match="entries in ranging only are asked for, but no regimes"):
        bare.only("ranging")
    with pytest.raises(MissingError, match="sets of trending_up, trending_down, volatile are to decide, but no regimes"):
        bare.decisions(SETS, span)
    fallen_back = RegimeSets(UP, {}, dict.fromkeys(REGIMES, "no regimes are known"))
    found, alone = bare.decisions(fallen_back, span), bare.decisions(UP, span)
    assert found.side.tobytes() == alone.side.tobytes()
    assert {LONG, SHORT} & set(alone.reason)
    assert not found.numbers["parameter_set"].any()


@pytest.mark.parametrize("played", [at_other_times, on_other_candles])
def test_other_histories_are_of_the_sets_of_the_regimes(mixed, played) -> None:
    """What is observed is what the sets did; of the global set alone it is another account."""
    span = window(mixed, 300, 1500)

    def observed(strategy: object) -> float:
        fold = SimpleNamespace(parameters=strategy, fold=SimpleNamespace(test=span))
        return played(mixed, SimpleNamespace(folds=(fold,)), np.random.default_rng(1), 2).observed_equity

    found = observed(SETS)
    assert found == pytest.approx(mixed.evaluate(SETS, span).result.final_equity, rel=1e-12)
    assert found != pytest.approx(observed(GLOBAL_SET), rel=1e-4)


@pytest.mark.parametrize("name", ["global", *REGIMES])
def test_a_search_measures_what_the_problem_of_its_regime_plays(mixed, name) -> None:
    """The evaluator of a search, by which way it is fast, may not forget the regime."""
    span, only = window(mixed, 300, 1600), mixed.only(name)
    for found, parameters in zip(Evaluator(only).measured([UP, DOWN], span), (UP, DOWN), strict=True):
        assert found.metrics == only.evaluate(parameters, span).metrics
