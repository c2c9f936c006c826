"""The charts of an optimization in the PDF, drawn by matplotlib from the same points as those of the page."""

from collections.abc import Callable
from itertools import combinations

from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter, StrMethodFormatter

from fxgpt_core.reports import optimization_points as points
from fxgpt_core.reports.optimization import FINAL, OptimizationReport
from fxgpt_core.reports.palette import BLUE, GREY, INK, ORANGE, VERMILION
from fxgpt_core.reports.pdf_charts import legend, plain
from fxgpt_core.reports.pdf_pages import Pages
from fxgpt_core.reports.section import Chart

MARKS = {
    "infeasible": ("x", GREY, 1.6, "breaks one"),
    "feasible": ("o", BLUE, 1.6, "keeps every limit"),
    "front": ("D", VERMILION, 2.6, "on the front"),
}
LABEL_SIZE, NAME_SIZE = 6.5, 5.5
IN_A_ROW, SLICES_IN_A_ROW = 3, 4


def draw(chart: Chart, pages: Pages, report: OptimizationReport) -> None:
    """Put a chart on the pages."""
    DRAWERS[chart](report, pages)


def _history(report: OptimizationReport, pages: Pages) -> None:
    axes, rows = plain(pages.plot(150.0)), points.drawn_rows(report)
    _marks(axes, report, rows, report.evaluations.number[rows], report.value[rows])
    for at, line in enumerate(points.best_so_far(report, points.VALUE)):
        axes.step(line.x, line.y, where="post", color=INK, linewidth=0.8, label=None if at else "best so far")
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    legend(axes)


def _pareto(report: OptimizationReport, pages: Pages) -> None:
    """Every pair of objectives: a page of paper cannot be asked for another."""
    rows = points.drawn_rows(report, None if report.shown is None else report.of_search(report.shown))
    pairs = list(combinations(points.OBJECTIVES, 2))
    for row in (pairs[:IN_A_ROW], pairs[IN_A_ROW:]):
        for axes, (across, up) in zip(pages.plots(120.0, IN_A_ROW, IN_A_ROW), row, strict=True):
            _marks(plain(axes), report, rows, points.column(report, across)[rows], points.column(report, up)[rows])
            axes.set_title(f"{up.label} over {across.label}", fontsize=LABEL_SIZE, loc="left", color=INK)


def _hypervolume(report: OptimizationReport, pages: Pages) -> None:
    axes, seen = plain(pages.plot(120.0)), set()
    for line in points.volumes(report):
        final = line.search.phase == FINAL
        label = "last search" if final else "search of a fold"
        axes.plot(line.x, line.y, color=BLUE if final else GREY, linewidth=0.9, label=None if label in seen else label)
        seen.add(label)
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    legend(axes)


def _importance(report: OptimizationReport, pages: Pages) -> None:
    found = list(report.importances.items())[: points.MOST_IMPORTANCES][::-1]
    axes = plain(pages.plot(190.0, beside=130.0))
    axes.barh([name for name, _ in found], [share for _, share in found], color=BLUE)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))


def _slices(report: OptimizationReport, pages: Pages) -> None:
    found = points.slices(report)
    for first in range(0, len(found), SLICES_IN_A_ROW):
        row = found[first : first + SLICES_IN_A_ROW]
        for axes, each in zip(pages.plots(95.0, SLICES_IN_A_ROW, len(row), beside=26.0), row, strict=True):
            _marks(plain(axes), report, each.rows, each.places, report.value[each.rows])
            if each.labels:
                axes.set_xticks(range(len(each.labels)), each.labels)
            axes.set_title(each.name, fontsize=NAME_SIZE, loc="left", color=INK)


DRAWERS: dict[Chart, Callable[[OptimizationReport, Pages], None]] = {
    Chart.HISTORY: _history,
    Chart.PARETO: _pareto,
    Chart.HYPERVOLUME: _hypervolume,
    Chart.IMPORTANCE: _importance,
    Chart.SLICES: _slices,
}


def _marks(
    axes: Axes, report: OptimizationReport, rows: points.IntArray, x: points.FloatArray | points.IntArray, y: points.FloatArray
) -> None:
    """The marks of rows [K] of the evaluations at x and y [K]."""
    kinds, chosen = points.kinds(report), points.chosen(report)[rows]
    for kind, (mark, colour, size, label) in MARKS.items():
        of_it = kinds[kind][rows]
        # As a picture: ten thousand marks would be ten thousand drawings in the file.
        axes.plot(
            x[of_it], y[of_it], mark, color=colour, markersize=size, markeredgewidth=0.4, label=label, rasterized=len(rows) > 500
        )  # fmt: skip
    star = {"color": ORANGE, "markeredgecolor": INK, "markersize": 8, "markeredgewidth": 0.5, "zorder": 4.0}
    axes.plot(x[chosen], y[chosen], "*", label="chosen", **star)  # type: ignore[arg-type]
