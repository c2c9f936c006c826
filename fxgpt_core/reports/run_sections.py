"""The sections that show the run itself: equity, trades on the price, months, costs, where the profit came from, drawdowns."""

from collections.abc import Mapping

from fxgpt_core.performance.breakdown import Group
from fxgpt_core.performance.drawdowns import Drawdown
from fxgpt_core.reports import curves
from fxgpt_core.reports.contents import BacktestReport
from fxgpt_core.reports.number_text import UNKNOWN, count, held, moment, money, percent, ratio
from fxgpt_core.reports.section import NO_TRADE, Chart, Row, Section, Table, Tone

SHOWN_DRAWDOWNS = 10
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
GROUP_HEADS = ("trades", "won", "profit", "costs", "average", "profit factor")
FALL_HEADS = ("began", "lowest", "recovered", "depth", "depth, money", "days", "candles below the peak")


def equity(report: BacktestReport) -> Section:
    """Equity beside the symbol, and the drawdown below it."""
    return Section(
        "Equity and drawdown",
        "Above, the account at each close (blue) beside the symbol bought with the cash at the first open, without leverage and "
        f"costs (grey). Below, how far the account was under its highest close so far.{_thinned(len(report.candles))}",
        chart=Chart.EQUITY,
        hint="Charts over time move together: choose the magnifier above one and drag; the round arrow goes back.",
    )


def price(report: BacktestReport) -> Section:
    """Trades on the price."""
    together = curves.price_ranges(report.candles).candles
    bars = "each candle" if together == 1 else f"up to {together} candles"
    return Section(
        "Trades on the price",
        f"Grey bars reach from the lowest to the highest price of {bars}, the line joins closes. A triangle is an entry, upwards "
        "long and downwards short; a dot is an exit with a profit, a cross one with a loss.",
        chart=Chart.PRICE,
        absent="" if len(report.result.trades) else NO_TRADE,
        hint="Point at a mark for its trade; click a name above the chart to hide its marks.",
    )


def months(report: BacktestReport) -> Section:
    """The heat map of months."""
    measured = report.measured
    deepest = max(map(abs, measured.months.values())) or 1.0
    rows = tuple(_year(year, measured.months, total, deepest) for year, total in measured.years.items())
    return Section(
        "Months",
        "Return of each month in percent, blue where earned, orange-red where lost; the year compounds its months. The first and "
        "the last month are what the candles have of them; no number: no candle.",
        (Table(("year", *MONTHS, "whole year"), rows, words=("year",)),),
    )


def costs(report: BacktestReport) -> Section:
    """What trading cost, by part, between the profit before and after."""
    shares = report.measured.costs.shares
    rows = tuple(Row((name, money(step), percent(shares[name]) if name in shares else "")) for name, step in cost_steps(report))
    traded = len(report.result.trades) > 0
    return Section(
        "Costs",
        "From what the trades made before costs to what they left after them, in money; a cost above 0 was earned, as swap can "
        "be. Shares are of the sum of what trades made before costs, over those that made something.",
        (Table(("part", "money", "share of gross profit"), rows, words=("part",)),) if traded else (),
        chart=Chart.COSTS if traded else None,
        absent="" if traded else NO_TRADE,
    )


def cost_steps(report: BacktestReport) -> tuple[tuple[str, float], ...]:
    """Profit before costs, each part (negative where paid) and profit after them, in money."""
    parts, net = report.measured.costs, float(report.result.trades.profit.sum())
    return ("before costs", net + parts.total), *((name, 0.0 - paid) for name, paid in parts.parts.items()), ("after costs", net)


def breakdown(report: BacktestReport) -> Section:
    """Where the profit came from."""
    found = report.measured
    tables = (
        _groups("By side", "side", found.sides),
        _groups("By reason of the exit", "reason", found.reasons),
        _groups("By session of the entry", "session", found.sessions),
        _groups("By hour of the entry, UTC", "hour", found.hours),
    )
    return Section(
        "Where the profit came from",
        "Sums of trades in money, after costs. Sessions overlap, so that theirs add up to more than the whole. A few trades in a "
        "row say nothing.",
        tables if len(report.result.trades) else (),
        absent="" if len(report.result.trades) else NO_TRADE,
    )


def drawdowns(report: BacktestReport) -> Section:
    """The deepest falls."""
    shown = report.measured.drawdowns.deepest(SHOWN_DRAWDOWNS)
    return Section(
        "Drawdowns",
        f"The deepest falls of the account below its highest close so far, {SHOWN_DRAWDOWNS} at most, and how long each took, in "
        "calendar days, until the old peak was reached again.",
        (Table(FALL_HEADS, tuple(_fall(fall) for fall in shown), words=FALL_HEADS[:3]),) if shown else (),
        absent="" if shown else "There is none: the account never closed below its peak.",
    )


def _thinned(n: int) -> str:
    if n <= curves.SPANS:
        return ""
    return f" Drawn are the highest and the lowest of each {-(-n // curves.SPANS)} closes, so that no peak and no trough is lost."


def _year(year: str, returns: Mapping[str, float], total: float, deepest: float) -> Row:
    found = [returns.get(f"{year}-{month:02}") for month in range(1, 13)]
    cells = (year, *("" if value is None else ratio(100.0 * value) for value in found), ratio(100.0 * total))
    return Row(cells, shades=(0.0, *(0.0 if value is None else value / deepest for value in found), 0.0))


def _groups(title: str, name: str, groups: Mapping[str, Group]) -> Table:
    return Table((name, *GROUP_HEADS), tuple(_group(key, group) for key, group in groups.items()), words=(name,), title=title)


def _group(name: str, group: Group) -> Row:
    if group.trades == 0:
        return Row((name, "0", *[UNKNOWN] * (len(GROUP_HEADS) - 1)))
    numbers = (money(group.profit), money(group.costs), money(group.average_trade), held(group.profit_factor))
    return Row((name, count(group.trades), percent(group.win_rate), *numbers))


def _fall(fall: Drawdown) -> Row:
    recovered = "not yet" if fall.recovered_us is None else moment(fall.recovered_us)
    numbers = (percent(fall.depth_fraction), money(fall.depth), ratio(fall.days), count(fall.candles))
    tone = Tone.BAD if fall.recovered_us is None else Tone.PLAIN
    return Row((moment(fall.started_us), moment(fall.bottom_us), recovered, *numbers), tone)
