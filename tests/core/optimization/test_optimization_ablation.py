"""What a component adds, on planted ones that help, hurt, or change nothing."""

from dataclasses import replace

import numpy as np
import pytest
from search_problem import problem

from fxgpt_core.optimization.ablation import ALIKE, HELPS, HURTS, SAME, ablation, shown
from fxgpt_core.strategy.components import Components
from fxgpt_core.strategy.parameters import StrategyParameters
from fxgpt_core.validation.folds import Window

# Without drift a coin decides; sizes are alike, so that only what is refused differs.
SET = StrategyParameters.default().replace(
    sssd_uncertainty_threshold=0.5, sizing_confidence_scaling=False, sssd_forecast_horizon=4
)


@pytest.fixture(scope="module")
def small():
    return problem(24 * 150, edge=0.0, seed=8)


def window(small):
    known_at = small.candles.known_at_us
    return Window(int(known_at[0]), int(known_at[-1]) + 1)


def flagging(small, wins):
    """Anomalies at the candles whose wish ends well (or badly) four candles later: a component that knows the future."""
    side = small.decisions(SET, window(small)).side
    close = small.candles.close
    ahead = close[np.minimum(np.arange(len(close)) + 4, len(close) - 1)] - close
    return replace(small, components=Components(anomaly=np.where((side * ahead > 0.0) == wins, 1.5, 0.5)))


def verdict(found, component, how="without"):
    return next(row.verdict for row in found.rows if (row.component, row.how) == (component, how))


def test_a_component_that_refuses_what_loses_helps_and_one_that_refuses_what_wins_hurts(small):
    good, bad = (ablation(flagging(small, wins), SET, window(small), seed=7) for wins in (False, True))
    for how in ("without", "alone"):
        assert verdict(good, "anomaly", how) == HELPS
        assert verdict(bad, "anomaly", how) == HURTS
    assert good.whole.return_pct > good.forecast.return_pct > bad.whole.return_pct


def test_a_component_that_flags_by_chance_is_not_told_apart_and_one_that_never_does_changes_nothing(small):
    n, rng = len(small.candles), np.random.default_rng(3)
    chance = replace(small, components=Components(anomaly=rng.uniform(0.5, 1.2, n)))
    assert verdict(ablation(chance, SET, window(small), seed=7), "anomaly") == ALIKE
    never = replace(small, components=Components(anomaly=np.full(n, 0.5)))
    found = ablation(never, SET, window(small), seed=7)
    assert verdict(found, "anomaly") == SAME
    assert [row["adds % a year"] for row in map(shown, found.table)] == [""] * len(found.table)


def test_a_filter_is_taken_away_by_its_switch_and_not_there_when_it_is_off(small):
    counted = []
    whole = ablation(small, SET, window(small), 7, lambda done, total: counted.append((done, total)))
    assert {row.component for row in whole.rows} == {"volume"}
    assert counted == [(1, 4), (2, 4), (3, 4), (4, 4)]
    off = ablation(small, SET.replace(filter_volume_enabled=False), window(small), 7)
    assert off.rows == ()
    assert off.whole.return_pct == off.forecast.return_pct


def test_the_interval_is_of_the_daily_difference_in_percent_of_a_year(small):
    found = ablation(flagging(small, wins=False), SET, window(small), seed=7)
    gain = next(row for row in found.rows if row.how == "without").gain
    row = next(row for row in found.table if row["how"] == "without")
    assert row["gain_pct_a_year"] == pytest.approx(gain.estimate * 100 * 252)
    assert row["gain_low"] < row["gain_pct_a_year"] < row["gain_high"]
