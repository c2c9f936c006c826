"""The whole report: finite whatever happened, unmoved by the unit of money, and whole in its record."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from played_by_hand import daily, hourly, result_of, seeded_run

from fxgpt_core.errors import BadInputError
from fxgpt_core.performance.report import ReportParameters, report

MONEY = ("profit", "commission", "spread_cost", "slippage", "impact", "swap")
OF_MONEY = {
    "metrics": ("total_return", "max_drawdown", "avg_win", "avg_loss", "expectancy", "total_costs"),
    "trades": ("best_trade", "worst_trade"),
    "costs": ("commission", "spread", "slippage", "impact", "swap", "gross_profit"),
}


def numbers(record):
    """Every number of a nested record."""
    if isinstance(record, dict):
        return [number for value in record.values() for number in numbers(value)]
    if isinstance(record, list):
        return [number for value in record for number in numbers(value)]
    return [record] if isinstance(record, int | float) else []


@settings(deadline=None)
@given(
    st.lists(st.one_of(st.just(0.0), st.floats(-1e6, 1e6)), max_size=6),
    # Down to what rounding leaves of a lost account.
    st.lists(st.one_of(st.just(0.0), st.floats(-100.0, -1e-12), st.floats(1e-12, 1e9)), max_size=8),
    st.sampled_from([0.0, 1e-12, 5.0]),
    st.sampled_from([0.0, 0.05]),
)
def test_every_number_of_the_report_is_finite(profits, equity, cost, risk_free_rate):
    index = np.zeros(len(profits) if equity else 0, dtype=np.int64)
    run = result_of(profits if equity else [], equity, commission=cost, swap=-cost, entry_index=index, exit_index=index)
    found = report(run, daily(len(equity)), ReportParameters(risk_free_rate)).to_json()
    assert np.isfinite(numbers(found)).all()
    assert json.loads(json.dumps(found, allow_nan=False)) == found


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("scale", [2.0**-7, 2.0**20])
def test_money_in_another_unit_leaves_everything_but_money_as_it_is(seed, scale):
    run, candles = seeded_run(seed)
    trades = dataclasses.replace(run.trades, **{name: scale * getattr(run.trades, name) for name in MONEY})
    scaled = dataclasses.replace(run, trades=trades, equity=scale * run.equity, cash=scale * run.cash)
    once = report(run, candles)
    again = report(scaled, candles, ReportParameters(conversion=np.full(len(candles), scale)))
    # By powers of two nothing is rounded: equal to the last bit.
    for part in ("risk", "exposure", "benchmark", "months", "years"):
        assert getattr(again, part) == getattr(once, part)
    for part, of_money in OF_MONEY.items():
        before, after = (dataclasses.asdict(getattr(found, part)) for found in (once, again))
        assert after == {name: value * (scale if name in of_money else 1.0) for name, value in before.items()}
    for before, after in zip(once.drawdowns.table, again.drawdowns.table, strict=True):
        assert after == dataclasses.replace(before, depth=scale * before.depth)
    assert again.costs.shares == once.costs.shares


@pytest.mark.parametrize("seed", range(3))
def test_the_parts_tell_the_same_story(seed):
    run, candles = seeded_run(seed)
    found = report(run, candles)
    assert np.prod([1.0 + value for value in found.months.values()]) == pytest.approx(
        1.0 + found.metrics.total_return_pct / 100.0
    )
    assert found.costs.total == pytest.approx(found.metrics.total_costs)
    assert found.costs.total / found.costs.gross_profit == pytest.approx(found.metrics.cost_ratio)
    assert found.drawdowns.deepest(1)[0].depth_fraction == pytest.approx(found.metrics.max_drawdown_pct / 100.0)
    assert found.trades.payoff_ratio == pytest.approx(found.metrics.avg_win / found.metrics.avg_loss)
    assert sum(group.profit for group in found.sides.values()) == pytest.approx(found.metrics.total_return)
    assert set(found.to_json()) == {field.name for field in dataclasses.fields(found)}


def test_the_parameters_reach_their_measures():
    run, candles = result_of([1.0], [101.0, 100.0, 102.0], units=10), daily(3, [1.0, 1.1, 1.2])
    theirs = np.array([0.01, -0.02, 0.03])
    plain = report(run, candles)
    chosen = report(run, candles, ReportParameters(0.05, theirs, np.full(3, 3.0)))
    assert chosen.metrics.sharpe_ratio < plain.metrics.sharpe_ratio
    assert chosen.benchmark.benchmark_return == pytest.approx(1.01 * 0.98 * 1.03 - 1.0)
    assert plain.benchmark.benchmark_return == pytest.approx(0.2)
    assert chosen.exposure.turnover == pytest.approx(3.0 * plain.exposure.turnover)


def test_an_equity_of_other_candles_is_refused():
    with pytest.raises(BadInputError, match="4 points for 3 candles"):
        report(result_of([], [100.0] * 4), hourly(3))
