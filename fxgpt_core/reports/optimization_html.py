"""The charts of an optimization as figures of Bokeh; all marks are rows of one source, so that a choice moves them together."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

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

from fxgpt_core.reports import optimization_points as points
from fxgpt_core.reports.html_charts import LEFT, legend_above, plain
from fxgpt_core.reports.optimization import FINAL, OptimizationReport
from fxgpt_core.reports.palette import BLUE, GREY, INK, ORANGE, VERMILION
from fxgpt_core.reports.section import Chart

if TYPE_CHECKING:
    from bokeh.models.glyphs import Scatter
    from bokeh.models.renderers import GlyphRenderer

TOOLS = "pan,box_zoom,wheel_zoom,reset,save"
MARKS = {
    "infeasible": ("x", GREY, 5, "breaks one"),
    "feasible": ("circle", BLUE, 5, "keeps every limit"),
    "front": ("diamond", VERMILION, 9, "on the front"),
}
"""Shape, colour, size and label of each kind, in the order they are drawn."""
MANY_MARKS = 2_000
TIPS = [
    ("trial", "@number{0,0}"),
    ("Sharpe ratio", "@sharpe{0.00}"),
    ("drawdown", "@max_drawdown{0.00} %"),
    ("profit factor", "@profit_factor{0.00}"),
    ("costs of gross profit", "@cost_ratio{0.0 %}"),
    ("weighted", "@value{0.00}"),
]
SLICE_LAYOUT = (
    ":host { display: grid !important; grid-template-columns: repeat(auto-fit, minmax(min(100%, 280px), 1fr)); gap: 12px; }"
)


def figures(report: OptimizationReport, wanted: Sequence[Chart]) -> dict[Chart, LayoutDOM]:
    """The wanted charts of the search, each to be put in a place of its own."""
    source = _trials(report)
    drawers = {
        Chart.HISTORY: lambda: _history(report, source),
        Chart.PARETO: lambda: _pareto(report, source),
        Chart.HYPERVOLUME: lambda: _hypervolume(report),
        Chart.IMPORTANCE: lambda: _importance(report),
        Chart.SLICES: lambda: _slices(report),
    }
    return {chart: drawers[chart]() for chart in wanted if chart in drawers}


def _trials(report: OptimizationReport) -> ColumnDataSource:
    columns = _columns(report, points.drawn_rows(report))
    columns |= {"x": columns["max_drawdown"], "y": columns["sharpe"], "history": columns["value"]}
    return ColumnDataSource(columns, name="trials")


def _columns(report: OptimizationReport, rows: points.IntArray) -> dict[str, Any]:
    """Single precision is more than a screen has dots, in half of the file."""
    kinds = points.kinds(report)
    whole = {"number": report.evaluations.number, "search": report.evaluations.search, "chosen": points.chosen(report)}
    columns: dict[str, Any] = {name: values[rows].astype(np.int32) for name, values in whole.items()}
    columns["kind"] = np.argmax([kinds[kind][rows] for kind in MARKS], axis=0).astype(np.int32)
    return columns | {each.column: points.column(report, each)[rows].astype(np.float32) for each in points.MEASURES}


def _history(report: OptimizationReport, source: ColumnDataSource) -> LayoutDOM:
    drawn = _over(340, "trial", points.VALUE.label, "history")
    marked = _marks(drawn, source, "number", "history")
    # One line of all searches, lifted between them: a line for each would be dozens of names.
    lines = {each.column: list(points.best_so_far(report, each)) for each in points.MEASURES}
    columns = {name: _lifted([line.y for line in found]) for name, found in lines.items()}
    at = _lifted([line.x for line in lines["value"]])
    best = ColumnDataSource({"number": at, **columns, "history": columns["value"]}, name="best")
    drawn.step(x="number", y="history", mode="after", color=INK, line_width=1.5, legend_label="best so far", source=best)
    return _told(drawn, marked)


def _pareto(report: OptimizationReport, source: ColumnDataSource) -> LayoutDOM:
    across, up = points.OBJECTIVES[1], points.OBJECTIVES[0]
    drawn = _over(460, across.label, up.label, "y")
    drawn.xaxis.name = "x-axis"
    of_it = None if report.shown is None else np.asarray(source.data["search"]) == report.shown.search
    return _told(drawn, _marks(drawn, source, "x", "y", of_it, "pareto"))


def _hypervolume(report: OptimizationReport) -> LayoutDOM:
    drawn = _over(280, "evaluations of the search", "share of the box", "volume")
    drawn.yaxis.formatter = NumeralTickFormatter(format="0.00[0]")
    for line in points.volumes(report):
        final = line.search.phase == FINAL
        name = [report.name(line.search)] * len(line.x)
        source = ColumnDataSource({"count": line.x, "volume": line.y, "name": name})
        label = "last search" if final else "search of a fold"
        colour, wide = (BLUE, 2.0) if final else (GREY, 1.0)
        shown = drawn.line(x="count", y="volume", color=colour, line_width=wide, legend_label=label, source=source)
        tips = [("search", "@name"), ("after", "@count{0,0}"), ("share", "@volume{0.0000}")]
        drawn.add_tools(HoverTool(renderers=[shown], tooltips=tips, visible=False))
    legend_above(drawn)
    return drawn


def _importance(report: OptimizationReport) -> LayoutDOM:
    found = list(report.importances.items())[: points.MOST_IMPORTANCES][::-1]
    names, shares = [name for name, _ in found], [share for _, share in found]
    drawn = figure(
        height=60 + 20 * len(names),
        sizing_mode="stretch_width",
        y_range=FactorRange(factors=names),
        toolbar_location=None,
        min_border_left=LEFT,
    )
    drawn.hbar(y="name", right="share", height=0.7, color=BLUE, source=ColumnDataSource({"name": names, "share": shares}))
    drawn.xaxis.formatter = NumeralTickFormatter(format="0[.]0 %")
    drawn.ygrid.visible = False
    return plain(drawn)


def _slices(report: OptimizationReport) -> LayoutDOM:
    found = points.slices(report)
    columns = _columns(report, found[0].rows)
    columns |= {f"parameter{place}": each.places.astype(np.float32) for place, each in enumerate(found)}
    source = ColumnDataSource(columns | {"slice": columns["value"]}, name="slices")
    children = [_slice(each, source, f"parameter{place}") for place, each in enumerate(found)]
    return Column(children=children, sizing_mode="stretch_width", stylesheets=[SLICE_LAYOUT])  # type: ignore[arg-type]


def _slice(each: points.Slice, source: ColumnDataSource, column: str) -> figure:
    drawn = _over(230, each.name, "", "")
    drawn.toolbar_location = None
    drawn.axis.axis_label_text_font_size = "11px"
    if each.labels:
        drawn.x_range = Range1d(start=-0.5, end=len(each.labels) - 0.5)
        drawn.xaxis.ticker = list(range(len(each.labels)))
        drawn.xaxis.major_label_overrides = dict(enumerate(each.labels))
    marked = _marks(drawn, source, column, "slice")
    drawn.legend.visible = False
    tips = [*TIPS, (each.name, f"@{column}")]
    drawn.add_tools(HoverTool(renderers=marked, tooltips=tips, visible=False))  # type: ignore[arg-type]
    return drawn


def _marks(
    drawn: figure, source: ColumnDataSource, x: str, y: str, of_it: "npt.NDArray[np.bool_] | None" = None, named: str = ""
) -> "list[GlyphRenderer[Scatter]]":
    """The marks of each kind, and of what was chosen, of all rows or of those `of_it`; filters are called by `named`."""
    seen = np.ones(source.length, dtype=bool) if of_it is None else of_it
    found = []
    for place, (kind, (shape, colour, size, label)) in enumerate(MARKS.items()):
        mark = drawn.scatter(
            x=x,
            y=y,
            marker=shape,
            size=size if kind == "front" or source.length <= MANY_MARKS else size - 2,
            fill_color=colour,
            fill_alpha=0.5 if kind == "feasible" else 0.9,
            line_alpha=0.6,
            line_color=colour if shape == "x" else None,
            legend_label=label,
            source=source,
            view=_view(seen & (source.data["kind"] == place), named, kind),
        )
        found.append(mark)
    star = drawn.scatter(
        x=x,
        y=y,
        marker="star",
        size=17,
        fill_color=ORANGE,
        line_color=INK,
        legend_label="chosen",
        source=source,
        view=_view(seen & (source.data["chosen"] == 1), named, "chosen"),
    )
    return [*found, star]


def _view(seen: "npt.NDArray[np.bool_]", named: str, kind: str) -> CDSView:
    return CDSView(filter=IndexFilter(indices=np.flatnonzero(seen).tolist(), name=f"{named}-{kind}" if named else None))


def _told(drawn: figure, marked: "list[GlyphRenderer[Scatter]]") -> LayoutDOM:
    drawn.add_tools(HoverTool(renderers=marked, tooltips=TIPS, visible=False))  # type: ignore[arg-type]
    legend_above(drawn)
    drawn.legend.click_policy = "hide"
    return drawn


def _over(height: int, across: str, up: str, target: str) -> figure:
    """A figure whose upright axis can be called by what is drawn along it."""
    drawn = figure(
        height=height,
        sizing_mode="stretch_width",
        tools=TOOLS,
        toolbar_location="above",
        active_drag=None,  # on a phone a finger that meets a chart goes on scrolling the page
        x_axis_label=across,
        y_axis_label=up,
        min_border_left=LEFT,
    )
    drawn.yaxis.name = f"{target}-axis" if target else None
    drawn.axis.axis_label_text_font_style = "normal"
    drawn.axis.formatter = NumeralTickFormatter(format="0,0[.]00")
    return plain(drawn)


def _lifted(parts: "list[npt.NDArray[np.float64]]") -> "npt.NDArray[np.float32]":
    """Parts one after another, with a number that is none between them."""
    return np.concatenate([np.append(part, np.nan) for part in parts] or [np.empty(0)]).astype(np.float32)
