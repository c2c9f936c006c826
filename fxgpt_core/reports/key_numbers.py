"""The measures of the run: the few that are looked at first, and all of them."""

from fxgpt_core.performance.report import Report
from fxgpt_core.reports.contents import BacktestReport
from fxgpt_core.reports.number_text import count, held, money, percent, percent_points, ratio
from fxgpt_core.reports.section import NO_TRADE, Row, Section, Table

TITLE = "Key numbers"
READING = (
    "After all costs. Ratios are annual, from returns of FX days (17:00 to 17:00 New York) at a risk-free rate of 0. "
    "A good Sharpe ratio of few trades or few days says little: look at the tests of luck."
)
HEADS = ("measure", "value")

Pairs = tuple[tuple[str, str], ...]


def key_numbers(report: BacktestReport) -> Section:
    """The measures, six of them as tiles; without a trade there is nothing to measure."""
    if len(report.result.trades) == 0:
        return Section(TITLE, READING, absent=NO_TRADE)
    found = report.measured
    tables = (
        _table("Return", returns(found)),
        _table("Risk", risks(found)),
        _table("Ratios", ratios(found)),
        _table("Trades", trades(found)),
    )
    return Section(TITLE, READING, tables, tiles=tiles(found))


def tiles(found: Report) -> Pairs:
    """What is looked at first."""
    measured = found.metrics
    return (
        ("return", percent_points(measured.total_return_pct)),
        ("Sharpe ratio", held(measured.sharpe_ratio)),
        ("deepest drawdown", percent_points(measured.max_drawdown_pct)),
        ("trades", count(measured.total_trades)),
        ("profit factor", held(measured.profit_factor)),
        ("costs of gross profit", percent(measured.cost_ratio)),
    )


def returns(found: Report) -> Pairs:
    """What was earned, and beside what."""
    measured, beside = found.metrics, found.benchmark
    return (
        ("total return", money(measured.total_return)),
        ("total return, %", percent_points(measured.total_return_pct)),
        ("growth a year", percent(found.risk.cagr)),
        ("buy and hold, without leverage", percent(beside.benchmark_return)),
        ("alpha a year", percent(beside.alpha)),
        ("beta", ratio(beside.beta)),
        ("correlation", ratio(beside.correlation)),
        ("best day", percent(found.risk.best_day)),
        ("worst day", percent(found.risk.worst_day)),
        ("FX days", count(measured.n_periods)),
    )


def risks(found: Report) -> Pairs:
    """What was risked."""
    risk, falls = found.risk, found.drawdowns
    return (
        ("deepest drawdown", percent_points(found.metrics.max_drawdown_pct)),
        ("deepest drawdown, money", money(found.metrics.max_drawdown)),
        ("longest drawdown, days", ratio(falls.longest_days)),
        ("time under water", percent(falls.time_under_water)),
        ("ulcer index", percent(falls.ulcer_index)),
        ("volatility a year", percent(risk.annual_volatility)),
        ("value at risk of a day, 95 %", percent(risk.var_95)),
        ("value at risk of a day, 99 %", percent(risk.var_99)),
        ("expected shortfall, 95 %", percent(risk.cvar_95)),
        ("expected shortfall, 99 %", percent(risk.cvar_99)),
    )


def ratios(found: Report) -> Pairs:
    """What was earned for what was risked."""
    measured, risk = found.metrics, found.risk
    return (
        ("Sharpe ratio", held(measured.sharpe_ratio)),
        ("Sortino ratio", held(measured.sortino_ratio)),
        ("Calmar ratio", held(measured.calmar_ratio)),
        ("information ratio", held(found.benchmark.information_ratio)),
        ("recovery factor", held(found.drawdowns.recovery_factor)),
        ("skewness of days", ratio(risk.skewness)),
        ("kurtosis of days (normal: 3)", ratio(risk.kurtosis)),
        ("system quality number", held(found.trades.sqn)),
        ("Kelly fraction", held(found.trades.kelly_fraction)),
        ("turnover a year", ratio(found.exposure.turnover)),
    )


def trades(found: Report) -> Pairs:
    """What single trades were like."""
    measured, closed = found.metrics, found.trades
    return (
        ("trades", count(measured.total_trades)),
        ("won", f"{count(measured.winning_trades)} ({percent(measured.win_rate)})"),
        ("profit factor", held(measured.profit_factor)),
        ("payoff ratio", held(closed.payoff_ratio)),
        ("average trade", money(measured.expectancy)),
        ("average win, average loss", f"{money(measured.avg_win)}, {money(measured.avg_loss)}"),
        ("best trade, worst trade", f"{money(closed.best_trade)}, {money(closed.worst_trade)}"),
        ("longest streaks, won and lost", f"{count(closed.longest_win_streak)}, {count(closed.longest_loss_streak)}"),
        ("hours held, mean and longest", f"{ratio(measured.avg_holding_time_hrs)}, {ratio(closed.max_holding_time_hrs)}"),
        ("time in the market", percent(found.exposure.exposure)),
    )


def _table(title: str, pairs: Pairs) -> Table:
    return Table(HEADS, tuple(Row(pair) for pair in pairs), words=HEADS[:1], title=title)
