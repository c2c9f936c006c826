"""The published statistics of backtesting.py for its own example, out of our measures of the same trades and equity.

Both libraries define some numbers alike; the others are transformed into each other exactly, so that a difference can only be
one of definition. Theirs: returns of UTC days without the first one (they have no day before it), 252 of them a year, annual
return and volatility compounded, ratios of those; profit factor and best trade of returns on the price, whatever the size.
"""

import dataclasses
import math
import warnings

import numpy as np
import pytest
from backtesting import Backtest, backtesting
from backtesting.test import GOOG
from backtesting.test._test import SmaCross
from played_by_hand import HandResult, trades_of

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.performance.benchmark import beta_and_correlation
from fxgpt_core.performance.measures import metrics
from fxgpt_core.performance.report import report

DAYS_A_YEAR = 252
# Published in the tests of backtesting.py 0.6.6, with finalize_trades; percent where their names say so.
PUBLISHED = {
    "return": 414.2298999999996,
    "annual_return": 21.191099249053224,
    "annual_volatility": 36.49716090702389,
    "cagr": 21.160245705962623,
    "sharpe": 0.5806232244485349,
    "sortino": 1.0853434352488662,
    "calmar": 0.44166409202994605,
    "max_drawdown": -47.98012705007589,
    "avg_drawdown": -5.925851581948801,
    "exposure": 96.74115456238361,
    "win_rate": 46.96969696969697,
    "best_trade": 53.59595229490424,
    "worst_trade": -18.39887353835481,
    "profit_factor": 2.167945974262033,
    "expectancy": 3.2748078066748834,
    "sqn": 1.0766187356697705,
    "kelly": 0.1518705127029717,
    "beta": 0.03803390709192,
    "alpha": 394.37391142027462,
    "buy_and_hold": 522.0601851851852,
}


@pytest.fixture(scope="module")
def run():
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        # Its statistics use a name that pandas renamed; and a progress bar has no place in a test.
        warnings.filterwarnings("ignore", message="DatetimeIndex.dayofweek is deprecated", category=DeprecationWarning)
        patch.setattr(backtesting, "_tqdm", lambda candles, **_: candles)
        statistics = Backtest(GOOG, SmaCross, finalize_trades=True).run()
    table, price = statistics["_trades"], {name: GOOG[name].to_numpy(float) for name in ("Open", "High", "Low", "Close")}
    candles = CandleArrays(
        GOOG.index.to_numpy().astype("datetime64[us]").astype(np.int64),
        *price.values(),
        GOOG["Volume"].to_numpy(float),
        Timeframe.D1,
    )
    entry, exit_ = table["EntryBar"].to_numpy(np.int64), table["ExitBar"].to_numpy(np.int64)
    trades = trades_of(
        table["PnL"],
        entry_index=entry,
        exit_index=exit_,
        entry_time_us=candles.open_time_us[entry],
        exit_time_us=candles.open_time_us[exit_],
        side=np.sign(table["Size"].to_numpy()).astype(np.int8),
        units=table["Size"].abs().to_numpy(np.int64),
        entry_price=table["EntryPrice"].to_numpy(float),
        exit_price=table["ExitPrice"].to_numpy(float),
    )
    return HandResult(trades, statistics["_equity_curve"]["Equity"].to_numpy(float), 10_000.0), candles


@pytest.fixture(scope="module")
def found(run):
    return report(*run)


def test_what_is_defined_alike_is_equal(found):
    assert found.metrics.total_trades == 66
    assert found.metrics.total_return_pct == pytest.approx(PUBLISHED["return"])
    assert found.metrics.max_drawdown_pct == pytest.approx(-PUBLISHED["max_drawdown"])
    assert 100.0 * found.metrics.win_rate == pytest.approx(PUBLISHED["win_rate"])
    assert 100.0 * found.exposure.exposure == pytest.approx(PUBLISHED["exposure"])
    assert found.trades.sqn == pytest.approx(PUBLISHED["sqn"])
    assert found.trades.kelly_fraction == pytest.approx(PUBLISHED["kelly"])
    depths = [fall.depth_fraction for fall in found.drawdowns.table]
    assert -100.0 * np.mean(depths) == pytest.approx(PUBLISHED["avg_drawdown"])


def test_durations_are_equal_once_rounded_up_to_whole_days(found):
    assert found.drawdowns.longest_days == 584.0
    assert math.ceil(found.drawdowns.mean_days) == 41
    assert found.trades.max_holding_time_hrs == 183 * 24
    assert math.ceil(found.metrics.avg_holding_time_hrs / 24) == 46


def test_growth_differs_by_the_length_of_the_span(run, found):
    _, candles = run
    # Ours: the weekdays from the first to the last; theirs: the days between their opens.
    first, last = candles.fx_day[[0, -1]].astype("datetime64[D]")
    ours = np.busday_count(first, last + 1) * 7 / 5 / 365.25
    theirs = 3116 / 365.25
    assert 100.0 * ((1.0 + found.risk.cagr) ** (ours / theirs) - 1.0) == pytest.approx(PUBLISHED["cagr"])


def root_of_a_year(found):
    """The square root of our days a year."""
    return found.metrics.sharpe_ratio / found.metrics.sharpe_per_period


def annual(found):
    """Their annual return and volatility, from our total return, Sharpe ratio of a day and annual volatility."""
    n = found.metrics.n_periods - 1
    growth = (1.0 + found.metrics.total_return_pct / 100.0) ** (1.0 / n)
    deviation = found.risk.annual_volatility / root_of_a_year(found)
    mean = found.metrics.sharpe_per_period * deviation
    # Our first day, from the cash to its close, returned 0: without it the sums are the same over one day less.
    squares = deviation**2 * n + (n + 1) * mean**2
    variance = (squares - (mean * (n + 1)) ** 2 / n) / (n - 1)
    volatility = math.sqrt((variance + growth**2) ** DAYS_A_YEAR - growth ** (2 * DAYS_A_YEAR))
    return growth**DAYS_A_YEAR - 1.0, volatility


def test_their_annual_numbers_and_ratios_come_out_of_ours(found):
    returned, volatility = annual(found)
    assert 100.0 * returned == pytest.approx(PUBLISHED["annual_return"])
    assert 100.0 * volatility == pytest.approx(PUBLISHED["annual_volatility"])
    assert returned / volatility == pytest.approx(PUBLISHED["sharpe"])
    assert 100.0 * returned / found.metrics.max_drawdown_pct == pytest.approx(PUBLISHED["calmar"])


def test_their_sortino_ratio_has_our_downside_below_the_line(found):
    measured, n = found.metrics, found.metrics.n_periods
    annual_mean = measured.sharpe_ratio * found.risk.annual_volatility
    downside = annual_mean / measured.sortino_ratio / root_of_a_year(found)
    theirs = downside * math.sqrt(n / (n - 1)) * math.sqrt(DAYS_A_YEAR)
    assert annual(found)[0] / theirs == pytest.approx(PUBLISHED["sortino"])


def test_their_profit_factor_and_extremes_are_ours_of_returns_on_the_price(run):
    result, candles = run
    trades = result.trades
    on_price = trades.profit / (trades.units * trades.entry_price)
    found = report(dataclasses.replace(result, trades=dataclasses.replace(trades, profit=on_price)), candles)
    assert found.metrics.profit_factor == pytest.approx(PUBLISHED["profit_factor"])
    assert 100.0 * found.metrics.expectancy == pytest.approx(PUBLISHED["expectancy"])
    assert 100.0 * found.trades.best_trade == pytest.approx(PUBLISHED["best_trade"])
    assert 100.0 * found.trades.worst_trade == pytest.approx(PUBLISHED["worst_trade"])


def test_their_beta_is_ours_of_logarithms_and_their_alpha_is_of_the_whole_span(run, found):
    result, candles = run
    beta, _ = beta_and_correlation(np.diff(np.log(result.equity)), np.diff(np.log(candles.close)))
    assert beta == pytest.approx(PUBLISHED["beta"])
    # They hold from the close at which the slower average begins, we from the first open.
    held = (1.0 + found.benchmark.benchmark_return) * candles.open[0] / candles.close[29] - 1.0
    assert 100.0 * held == pytest.approx(PUBLISHED["buy_and_hold"])
    assert found.metrics.total_return_pct - beta * 100.0 * held == pytest.approx(PUBLISHED["alpha"])


def test_where_no_cost_is_charged_none_is_found(run):
    assert metrics(*run).total_costs == metrics(*run).cost_ratio == 0.0
