"""The table of regimes: every trade in the regime it was decided in, nothing lost, and the reasons of the fallbacks."""

import json
from dataclasses import replace

import numpy as np
import pytest
from search_problem import problem, with_components

from fxgpt_core.errors import BadInputError, MissingError
from fxgpt_core.optimization.outcome import walked_forward
from fxgpt_core.optimization.regime_table import SHOWN, regime_table
from fxgpt_core.regimes.regime import REGIMES
from fxgpt_core.strategy.parameters import StrategyParameters
from fxgpt_core.strategy.regime_sets import RegimeSets
from fxgpt_core.validation.folds import Window

GLOBAL_SET = StrategyParameters.default()
OWN = GLOBAL_SET.replace(sssd_forecast_horizon=8, sizing_base_risk_pct=2.0)
OF_THE_FIRST = RegimeSets(GLOBAL_SET, {"volatile": OWN}, dict.fromkeys(REGIMES[:3], "not better"))
OF_THE_SECOND = RegimeSets(OWN, {}, dict.fromkeys(REGIMES, "too few trades"))


@pytest.fixture(scope="module")
def mixed():
    return with_components(problem(24 * 70))


@pytest.fixture(scope="module")
def choices(mixed):
    known_at = mixed.candles.known_at_us
    return [
        (OF_THE_FIRST, Window(int(known_at[300]), int(known_at[900]))),
        (OF_THE_SECOND, Window(int(known_at[900]), int(known_at[1500]))),
    ]


@pytest.fixture(scope="module")
def table(mixed, choices):
    return {row.regime: row for row in regime_table(mixed, choices)}


def test_every_trade_is_in_one_regime_and_the_parts_add_up(mixed, choices, table):
    assert list(table) == [*REGIMES, "unknown", "all"]
    parts = [row for name, row in table.items() if name != "all"]
    for which in ("of_global", "of_sets"):
        whole = getattr(table["all"], which)
        assert sum(getattr(row, which).total_trades for row in parts) == whole.total_trades > 20
        assert sum(getattr(row, which).total_return for row in parts) == pytest.approx(whole.total_return, abs=1e-6)
        assert sum(getattr(row, which).total_costs for row in parts) == pytest.approx(whole.total_costs)
    assert sum(row.share for row in parts) == pytest.approx(1.0)
    assert table["all"].of_sets == walked_forward(mixed, choices).metrics
    assert table["all"].of_global == walked_forward(mixed, [(sets.global_set, window) for sets, window in choices]).metrics


def test_the_measures_of_a_regime_are_counted_by_hand(mixed, choices, table):
    trades = walked_forward(mixed, choices).result.trades
    regime = mixed.components.regime[300:1500]
    mine = trades.profit[regime[trades.entry_index - 1] == REGIMES.index("volatile")]
    found = table["volatile"].of_sets
    equity = 100_000.0 + np.concatenate([[0.0], np.cumsum(mine)])
    assert found.total_trades == len(mine)
    assert found.profit_factor == pytest.approx(mine[mine > 0].sum() / -mine[mine < 0].sum())
    assert found.max_drawdown == pytest.approx((np.maximum.accumulate(equity) - equity).max())
    assert table["volatile"].share == (regime == REGIMES.index("volatile")).mean()


def test_a_set_of_its_own_moves_its_regime_and_the_folds_and_reasons_are_told(table):
    assert table["volatile"].of_sets.total_return != pytest.approx(table["volatile"].of_global.total_return, rel=1e-3)
    told = {name: (row.own_folds, row.reasons) for name, row in table.items()}
    assert told["volatile"] == (1, ("too few trades",))
    assert told["ranging"] == (0, ("not better", "too few trades"))
    assert told["unknown"] == (0, ())
    assert told["all"] == (1, ())


def test_a_row_can_be_shown_and_stored(table):
    cells = table["volatile"].cells()
    assert list(cells) == ["regime", "share", "own_folds", *(f"{name}{of}" for name in SHOWN for of in ("", "_by_regime"))]
    assert cells["sharpe_ratio_by_regime"] == table["volatile"].of_sets.sharpe_ratio
    assert cells["sharpe_ratio"] == table["volatile"].of_global.sharpe_ratio
    stored = json.loads(json.dumps(table["volatile"].to_json()))
    assert stored["of_sets"]["total_trades"] == table["volatile"].of_sets.total_trades
    assert stored["reasons"] == ["too few trades"]


def test_sets_that_all_fall_back_change_nothing(mixed, choices):
    same = [(OF_THE_SECOND, window) for _, window in choices]
    assert all(row.of_sets == row.of_global for row in regime_table(mixed, same))


def test_without_regimes_or_windows_there_is_no_table(mixed, choices):
    bare = replace(mixed, components=replace(mixed.components, regime=None))
    with pytest.raises(MissingError, match="no regimes of the candles are there to tell apart"):
        regime_table(bare, choices)
    with pytest.raises(BadInputError, match="no window was given"):
        regime_table(mixed, [])
