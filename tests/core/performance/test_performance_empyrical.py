"""Measures of daily returns against empyrical-reloaded, given the same returns and the measured days a year."""

import math

import empyrical
import numpy as np
import pandas as pd
import pytest
from empyrical.stats import drawdown_series
from played_by_hand import result_of, weekdays

from fxgpt_core.performance.benchmark import beside_benchmark
from fxgpt_core.performance.drawdowns import drawdowns
from fxgpt_core.performance.measures import metrics, period_returns, periods_a_year
from fxgpt_core.performance.monthly import monthly_returns, yearly_returns
from fxgpt_core.performance.risk import conditional_value_at_risk, risk

N_DAYS = 700


@pytest.fixture(scope="module", params=range(4))
def run(request):
    rng = np.random.default_rng(request.param)
    returns = 0.01 * rng.standard_t(4, N_DAYS) + rng.normal(0.0, 0.0005)
    candles = weekdays(N_DAYS, "2017-11-13", 1.1 * np.exp(np.cumsum(rng.normal(0.0, 0.005, N_DAYS))))
    result = result_of([1.0], 100.0 * np.cumprod(1.0 + returns))
    theirs = 0.3 * returns + rng.normal(0.0, 0.01, N_DAYS)
    return result, candles, theirs


def test_returns_are_those_the_equity_was_made_of(run):
    result, candles, _ = run
    assert empyrical.simple_returns(np.append(100.0, result.equity)) == pytest.approx(period_returns(result, candles))


def test_growth_volatility_and_tails_agree(run):
    result, candles, _ = run
    returns, a_year, found = period_returns(result, candles), periods_a_year(candles), risk(result, candles)
    assert found.cagr == pytest.approx(empyrical.cagr(returns, annualization=a_year))
    assert found.annual_volatility == pytest.approx(empyrical.annual_volatility(returns, annualization=a_year))
    assert found.var_95 == pytest.approx(-empyrical.value_at_risk(returns, 0.05))
    assert found.var_99 == pytest.approx(-empyrical.value_at_risk(returns, 0.01))
    # Of 700 days, 35 and 7 whole days are the tail: there both definitions are the mean of the worst so many.
    assert found.cvar_95 == pytest.approx(-empyrical.conditional_value_at_risk(returns, 0.05))
    assert found.cvar_99 == pytest.approx(-empyrical.conditional_value_at_risk(returns, 0.01))


@pytest.mark.parametrize("n", [19, 33, 101, 250])
def test_where_the_tail_is_no_whole_number_of_days_the_difference_is_the_part_of_one_day(run, n):
    returns = period_returns(run[0], run[1])[:n]
    share = 0.05 * n
    whole = math.floor(share)
    # empyrical means the floor((n - 1) * 0.05) + 1 worst days; ours the 0.05 n worst, the last of them in part.
    n_theirs = math.floor((n - 1) * 0.05) + 1
    worst = np.sort(returns)
    summed = n_theirs * empyrical.conditional_value_at_risk(returns, 0.05) - worst[whole:n_theirs].sum()
    assert conditional_value_at_risk(returns, 0.95) == pytest.approx(-(summed + (share - whole) * worst[whole]) / share)


@pytest.mark.parametrize("risk_free_rate", [0.0, 0.03])
def test_ratios_agree(run, risk_free_rate):
    result, candles, _ = run
    returns, a_year = period_returns(result, candles), periods_a_year(candles)
    found, daily_rate = metrics(result, candles, risk_free_rate=risk_free_rate), risk_free_rate / a_year
    assert found.sharpe_ratio == pytest.approx(empyrical.sharpe_ratio(returns, daily_rate, annualization=a_year))
    assert found.sortino_ratio == pytest.approx(empyrical.sortino_ratio(returns, daily_rate, annualization=a_year))


def test_drawdown_and_calmar_agree(run):
    result, candles, _ = run
    returns, a_year, found = period_returns(result, candles), periods_a_year(candles), metrics(result, candles)
    # One candle a day: our closes are their days.
    assert found.max_drawdown_pct == pytest.approx(-100.0 * empyrical.max_drawdown(returns))
    # Their Calmar ratio takes the compound growth, ours the mean return of a year.
    arithmetic = returns.mean() * a_year / empyrical.cagr(returns, annualization=a_year)
    assert found.calmar_ratio == pytest.approx(empyrical.calmar_ratio(returns, annualization=a_year) * arithmetic)


def test_the_ulcer_index_is_the_root_mean_square_of_their_drawdowns(run):
    result, candles, _ = run
    theirs = drawdown_series(pd.Series(period_returns(result, candles)))
    found = drawdowns(result, candles)
    assert found.ulcer_index == pytest.approx(math.sqrt((theirs**2).mean()))
    assert found.time_under_water == pytest.approx((theirs < -1e-12).mean())


@pytest.mark.parametrize("risk_free_rate", [0.0, 0.03])
def test_beside_a_benchmark_they_agree(run, risk_free_rate):
    result, candles, theirs = run
    returns, a_year = period_returns(result, candles), periods_a_year(candles)
    found = beside_benchmark(result, candles, theirs, risk_free_rate=risk_free_rate)
    alpha, beta = empyrical.alpha_beta_aligned(returns, theirs, risk_free_rate / a_year, annualization=a_year)
    assert found.beta == pytest.approx(beta)
    # Theirs compounds the alpha of a day over the year, ours multiplies, as the other annual numbers do.
    assert (1.0 + found.alpha / a_year) ** a_year - 1.0 == pytest.approx(alpha)
    assert found.correlation == pytest.approx(np.corrcoef(returns, theirs)[0, 1])
    # Theirs is of one day.
    assert found.information_ratio == pytest.approx(empyrical.excess_sharpe(returns, theirs) * math.sqrt(a_year))
    assert found.benchmark_return == pytest.approx(empyrical.cum_returns_final(theirs))


def test_months_and_years_agree(run):
    result, candles, _ = run
    returns = pd.Series(period_returns(result, candles), index=candles.fx_day.astype("datetime64[D]").astype("datetime64[s]"))
    months, years = (empyrical.aggregate_returns(returns, unit) for unit in ("monthly", "yearly"))
    expected = {f"{year}-{month:02}": value for (year, month), value in months.items()}
    assert monthly_returns(result, candles) == pytest.approx(expected)
    assert yearly_returns(result, candles) == pytest.approx({str(year): value for year, value in years.items()})
