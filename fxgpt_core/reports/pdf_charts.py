"""The charts of the PDF, drawn by matplotlib from the same lines as those of the page."""

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.ticker import StrMethodFormatter

from fxgpt_core.reports import curves
from fxgpt_core.reports.contents import BacktestReport
from fxgpt_core.reports.marks import marks
from fxgpt_core.reports.palette import BLUE, GREY, GRID, INK, PALE, VERMILION
from fxgpt_core.reports.pdf_pages import Pages
from fxgpt_core.reports.run_sections import cost_steps
from fxgpt_core.reports.section import Chart

HEIGHTS = {
    Chart.EQUITY: 297.0,
    Chart.PRICE: 266.0,
    Chart.COSTS: 156.0,
    Chart.HISTORY: 186.0,
    Chart.PARETO: 312.0,
    Chart.HYPERVOLUME: 156.0,
    Chart.IMPORTANCE: 226.0,
    Chart.SLICES: 262.0,
}
"""What each chart takes of a page, in points, with what is written around it."""

SHAPES = {"triangle": "^", "inverted_triangle": "v", "circle": "o", "x": "x"}


def draw(chart: Chart, pages: Pages, report: BacktestReport) -> None:
    """Put a chart on the pages."""
    drawers = {Chart.EQUITY: _equity, Chart.PRICE: _price, Chart.COSTS: _costs}
    drawers[chart](report, pages)


def _equity(report: BacktestReport, pages: Pages) -> None:
    above, below = _over_time(pages.plot(150.0)), _over_time(pages.plot(75.0))
    for curve, colour, name in ((curves.buy_and_hold(report), GREY, "buy and hold"), (curves.equity(report), BLUE, "account")):
        above.plot(_time(curve.time_us), curve.value, color=colour, linewidth=0.8, label=name)
    above.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    fall = curves.drawdown(report)
    below.fill_between(_time(fall.time_us), fall.value, color=VERMILION, alpha=0.25, linewidth=0.0)
    below.plot(_time(fall.time_us), fall.value, color=VERMILION, linewidth=0.8, label="drawdown, %")
    for axes in (above, below):
        legend(axes)


def _price(report: BacktestReport, pages: Pages) -> None:
    axes, trades = _over_time(pages.plot(230.0)), report.result.trades
    ranges, closes = curves.price_ranges(report.candles), curves.closes(report.candles)
    axes.vlines(_time(ranges.time_us), ranges.low, ranges.high, color=PALE, linewidth=0.4)
    axes.plot(_time(closes.time_us), closes.value, color=GREY, linewidth=0.4)
    for mark in marks(trades):
        times, prices = (trades.entry_time_us, trades.entry_price) if mark.at_entry else (trades.exit_time_us, trades.exit_price)
        axes.plot(
            _time(times[mark.rows]),
            prices[mark.rows],
            SHAPES[mark.shape],
            color=mark.colour,
            markersize=2.5,
            markeredgewidth=0.6 if mark.shape == "x" else 0.0,
            label=mark.label,
        )
    if len(trades):
        legend(axes)


def _costs(report: BacktestReport, pages: Pages) -> None:
    names, amounts = zip(*cost_steps(report), strict=True)
    axes = plain(pages.plot(120.0))
    axes.barh(names[::-1], amounts[::-1], color=[BLUE if amount >= 0.0 else VERMILION for amount in amounts[::-1]])
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def _over_time(axes: Axes) -> Axes:
    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.margins(x=0.0)
    return plain(axes)


def plain(axes: Axes) -> Axes:
    """The same axes in the looks that all charts share."""
    axes.tick_params(labelsize=6.5, color=GREY, labelcolor=INK)
    axes.xaxis.get_offset_text().set_fontsize(6.5)
    axes.grid(color=GRID, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    return axes


def legend(axes: Axes) -> None:
    """The legend above the plot."""
    axes.legend(fontsize=6.5, frameon=False, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=5, borderaxespad=0.0)


def _time(time_us: npt.NDArray[np.int64]) -> npt.NDArray[np.datetime64]:
    return time_us.astype("datetime64[us]")
