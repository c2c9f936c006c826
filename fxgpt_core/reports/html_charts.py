"""The charts of the HTML page as figures of Bokeh; the time axes move together."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from bokeh.models import (
    CDSView,
    Column,
    ColumnDataSource,
    FactorRange,
    HoverTool,
    IndexFilter,
    LayoutDOM,
    NumeralTickFormatter,
    Range1d,
)
from bokeh.plotting import figure

from fxgpt_core.backtest.ledger import trade_frame
from fxgpt_core.performance.cost_parts import costs_paid
from fxgpt_core.reports import curves
from fxgpt_core.reports.contents import BacktestReport
from fxgpt_core.reports.curves import Curve
from fxgpt_core.reports.marks import Mark, marks
from fxgpt_core.reports.palette import BLUE, GREEN, GREY, GRID, INK, PALE, VERMILION
from fxgpt_core.reports.run_sections import cost_steps
from fxgpt_core.reports.section import Chart

if TYPE_CHECKING:
    from bokeh.models.glyphs import Scatter
    from bokeh.models.renderers import GlyphRenderer

MS_US = 1_000
LEFT = 66
MANY_TRADES = 500
TIME_TOOLS = "xpan,xbox_zoom,xwheel_zoom,reset,save"
TRADE_TIPS = [
    ("side", "@side, @units{0,0} units"),
    ("entered", "@entered{%F %H:%M} at @entry_price{0.00[0000]}"),
    ("left", "@left{%F %H:%M} at @exit_price{0.00[0000]}"),
    ("reason", "@reason"),
    ("costs", "@costs{0,0.00}"),
    ("profit", "@profit{0,0.00}"),
]


def figures(report: BacktestReport, wanted: Sequence[Chart]) -> dict[Chart, LayoutDOM]:
    """The wanted charts, each to be put in a place of its own."""
    first, last = report.candles.open_time_us[0], report.candles.known_at_us[-1]
    span = Range1d(start=float(first) / MS_US, end=float(last) / MS_US, bounds="auto")
    drawers = {Chart.EQUITY: _equity, Chart.PRICE: _price, Chart.COSTS: _costs}
    return {chart: drawers[chart](report, span) for chart in wanted if chart in drawers}


def _equity(report: BacktestReport, span: Range1d) -> LayoutDOM:
    above = _over_time(320, span, "0,0")
    _line(above, curves.buy_and_hold(report), GREY, "buy and hold")
    _line(above, curves.equity(report), BLUE, "account")
    below, fall = _over_time(190, span, "0.0"), curves.drawdown(report)
    below.toolbar_location = None  # the one above moves both
    below.varea(x=_ms(fall.time_us), y1=np.zeros(len(fall.value)), y2=fall.value, color=VERMILION, alpha=0.25)
    _line(below, fall, VERMILION, "drawdown, %")
    for drawn in (above, below):
        legend_above(drawn)
    return Column(children=[above, below], sizing_mode="stretch_width")


def _price(report: BacktestReport, span: Range1d) -> LayoutDOM:
    drawn = _over_time(420, span, "0.00[000]")
    ranges, closes = curves.price_ranges(report.candles), curves.closes(report.candles)
    time = _ms(ranges.time_us)
    drawn.segment(x0=time, y0=ranges.low, x1=time, y1=ranges.high, color=PALE, line_width=2)
    drawn.line(x=_ms(closes.time_us), y=closes.value, color=GREY)
    if len(report.result.trades):
        source = _trade_source(report)
        drawn.segment(x0="entered", y0="entry_price", x1="left", y1="exit_price", color="colour", line_width=1.5, source=source)
        points = [_mark(drawn, source, mark) for mark in marks(report.result.trades)]
        times = {"@entered": "datetime", "@left": "datetime"}
        drawn.add_tools(HoverTool(renderers=points, tooltips=TRADE_TIPS, formatters=times, visible=False))  # type: ignore[arg-type]
        legend_above(drawn)
        drawn.legend.click_policy = "hide"
    return drawn


def _mark(drawn: figure, source: ColumnDataSource, mark: Mark) -> "GlyphRenderer[Scatter]":
    crossed = mark.shape == "x"
    return drawn.scatter(
        x="entered" if mark.at_entry else "left",
        y="entry_price" if mark.at_entry else "exit_price",
        marker=mark.shape,
        size=8 if source.length <= MANY_TRADES else 5,
        fill_color=mark.colour,
        line_color=mark.colour if crossed else "white",
        line_width=2.0 if crossed else 0.5,
        legend_label=mark.label,
        source=source,
        view=CDSView(filter=IndexFilter(indices=mark.rows.tolist())),
    )


def _trade_source(report: BacktestReport) -> ColumnDataSource:
    trades = report.result.trades
    told = trade_frame(trades)
    return ColumnDataSource(
        {
            "entered": _ms(trades.entry_time_us),
            "left": _ms(trades.exit_time_us),
            "entry_price": trades.entry_price,
            "exit_price": trades.exit_price,
            "units": trades.units,
            "side": told["side"].to_list(),
            "reason": told["reason"].to_list(),
            "costs": costs_paid(trades),
            "profit": trades.profit,
            "colour": np.where(trades.profit > 0.0, GREEN, VERMILION).tolist(),
        }
    )


def _costs(report: BacktestReport, _: Range1d) -> LayoutDOM:
    names, amounts = zip(*cost_steps(report), strict=True)
    drawn = figure(
        height=260,
        sizing_mode="stretch_width",
        y_range=FactorRange(factors=list(names[::-1])),
        toolbar_location=None,
        min_border_left=LEFT,
    )
    colours = [BLUE if amount >= 0.0 else VERMILION for amount in amounts]
    # A source of our own: Bokeh would name its columns in an order that changes from process to process.
    source = ColumnDataSource({"name": list(names), "amount": list(amounts), "colour": colours})
    drawn.hbar(y="name", right="amount", height=0.7, color="colour", source=source)
    drawn.xaxis.formatter = NumeralTickFormatter(format="0,0")
    drawn.ygrid.visible = False
    return plain(drawn)


def _over_time(height: int, span: Range1d, numbers: str) -> figure:
    drawn = figure(
        height=height,
        sizing_mode="stretch_width",
        x_axis_type="datetime",
        x_range=span,
        window_axis="x",  # zoomed in, the values seen fill the height
        tools=TIME_TOOLS,
        toolbar_location="above",
        active_drag=None,  # on a phone a finger that meets a chart goes on scrolling the page
        min_border_left=LEFT,
    )
    drawn.yaxis.formatter = NumeralTickFormatter(format=numbers)
    return plain(drawn)


def plain(drawn: figure) -> figure:
    """The same figure in the looks that all charts share."""
    drawn.toolbar.logo = None
    drawn.outline_line_color = None
    drawn.grid.grid_line_color = GRID
    drawn.axis.axis_line_color = GREY
    drawn.axis.minor_tick_line_color = None
    drawn.axis.major_label_text_color = INK
    return drawn


def legend_above(drawn: figure) -> None:
    """The legend outside of the plot, where it hides nothing, and no wider than a phone."""
    drawn.add_layout(drawn.legend[0], "above")
    drawn.legend.ncols = 2
    drawn.legend.location = "left"
    drawn.legend.border_line_color = None


def _line(drawn: figure, curve: Curve, colour: str, name: str) -> None:
    line = drawn.line(x=_ms(curve.time_us), y=curve.value, color=colour, line_width=1.5, legend_label=name)
    tips = [("at", "@x{%F %H:%M}"), (name, "@y{0,0.00}")]
    drawn.add_tools(HoverTool(renderers=[line], tooltips=tips, formatters={"@x": "datetime"}, mode="vline", visible=False))


def _ms(time_us: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Bokeh counts time in milliseconds."""
    return time_us / MS_US
