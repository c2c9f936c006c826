"""The measures of a run equal those of a plain walk through it, and a planted defect breaks the equality."""

import dataclasses
import math
import statistics
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from played_by_hand import seeded_run

from fxgpt_core.market.timeframes import DAY_US
from fxgpt_core.performance import cost_parts, daily, exposure, risk
from fxgpt_core.performance.report import report

TRUE_IN_POSITION = exposure.candles_in_position
NEW_YORK = ZoneInfo("America/New_York")


@pytest.fixture
def run():
    return seeded_run(8, n=1500, n_trades=150)


def fx_date(time_us):
    return (datetime.fromtimestamp(time_us / 1e6, UTC).astimezone(NEW_YORK) + timedelta(hours=7)).date()


def walked(result, candles):
    """Some measures by plain loops, without numpy's sums and without a line of the library."""
    closing = {}
    for time_us, value in zip(candles.open_time_us.tolist(), result.equity.tolist(), strict=True):
        closing[fx_date(time_us)] = value
    values = [result.cash, *closing.values()]
    returns = [after / before - 1.0 for before, after in pairwise(values)]
    span = [min(closing) + timedelta(days=i) for i in range((max(closing) - min(closing)).days + 1)]
    years = sum(day.weekday() < 5 for day in span) * 7 / 5 / 365.25
    trades = result.trades
    held, traded, costs = set(), 0.0, 0.0
    for i in range(len(trades.profit)):
        held |= set(range(trades.entry_index[i], trades.exit_index[i] + 1))
        traded += trades.units[i] * (trades.entry_price[i] + trades.exit_price[i])
        costs += sum(getattr(trades, name)[i] for name in ("commission", "spread_cost", "slippage", "impact", "swap"))
    n = len(candles)
    mean_equity = (result.cash + sum(result.equity.tolist())) / (n + 1)
    return {
        "cagr": (values[-1] / values[0]) ** (1.0 / years) - 1.0,
        "annual_volatility": statistics.stdev(returns) * math.sqrt(len(returns) / years),
        "exposure": len(held) / n,
        "turnover": traded / mean_equity / years,
        "costs": costs,
    }


def measured(result, candles):
    found = report(result, candles)
    return {
        "cagr": found.risk.cagr,
        "annual_volatility": found.risk.annual_volatility,
        "exposure": found.exposure.exposure,
        "turnover": found.exposure.turnover,
        "costs": found.metrics.total_costs,
    }


def days_of_a_stock_exchange(patch, candles):
    patch.setattr(daily, "WEEKDAYS_A_YEAR", 252.0)


def deviation_of_a_population(patch, candles):
    patch.setattr(risk, "deviation", lambda values: float(np.std(values)))


def last_candle_of_a_trade_left_out(patch, candles):
    def without_the_last(trades, n_candles):
        return TRUE_IN_POSITION(dataclasses.replace(trades, exit_index=trades.exit_index - 1), n_candles)

    patch.setattr(exposure, "candles_in_position", without_the_last)


def entries_without_exits(patch, candles):
    patch.setattr(exposure, "_traded", lambda trades, rate: float(np.sum(trades.units * trades.entry_price)))


def swap_forgotten(patch, candles):
    patch.setattr(cost_parts, "CHARGED_BY_SOME", ("slippage", "impact"))


def days_that_end_at_midnight_utc(patch, candles):
    patch.setitem(vars(candles), "fx_day", (candles.open_time_us // DAY_US).astype(np.int32))


def test_the_measures_equal_those_of_a_plain_walk(run):
    assert measured(*run) == pytest.approx(walked(*run))


@pytest.mark.parametrize(
    ("defect", "broken"),
    [
        (days_of_a_stock_exchange, {"cagr", "annual_volatility", "turnover"}),
        (deviation_of_a_population, {"annual_volatility"}),
        (last_candle_of_a_trade_left_out, {"exposure"}),
        (entries_without_exits, {"turnover"}),
        (swap_forgotten, {"costs"}),
        (days_that_end_at_midnight_utc, {"cagr", "annual_volatility", "turnover"}),
    ],
)
def test_a_planted_defect_breaks_the_measures_it_belongs_to(run, monkeypatch, defect, broken):
    expected = walked(*run)
    defect(monkeypatch, run[1])
    found = measured(*run)
    assert {name for name in found if found[name] != pytest.approx(expected[name])} == broken
