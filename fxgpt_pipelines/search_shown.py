"""What a person sees of a search on the page of an asset: its history, its front, its growth, what mattered, and the champion."""

from typing import TYPE_CHECKING, Any

import numpy as np

from fxgpt_pipelines.pictures import BLUE, GREY, ORANGE, bars, picture, thinned
from fxgpt_pipelines.recording import table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fxgpt_core.reports.optimization import OptimizationReport
    from fxgpt_core.reports.section import Table

POINTS = 1_000
"""Marks of a picture, about: it is stored in every event row."""
MARKS = {
    "infeasible": ("x", GREY, 2.0, None),
    "feasible": (".", BLUE, 3.0, "keeps every limit"),
    "front": ("D", ORANGE, 3.0, "on the front"),
}


def metadata(report: "OptimizationReport") -> dict[str, Any]:
    """The searches as a table, pictures of what was measured, and what there is of importances, regimes and champion."""
    from fxgpt_core.reports import choice_sections, optimization_sections

    shown: dict[str, Any] = {"searches": _tables(optimization_sections.searched(report).tables)}
    if report.measured.any():
        shown["history"] = picture("every trial, and the best so far of each search", lambda axes: _history(axes, report))
        shown["pareto"] = picture(_front_title(report), lambda axes: _pareto(axes, report))
        shown["hypervolume"] = picture("share of the box of objectives that was reached", lambda axes: _volumes(axes, report))
    if report.importances:
        found = list(report.importances.items())[:8]
        names, shares = zip(*found, strict=True)
        shown["importance"] = bars("what moved the objective", names, [100.0 * share for share in shares], "share, %")
    for name, section in (("regimes", choice_sections.regimes(report)), ("champion", choice_sections.champion(report))):
        if section.tables:
            shown[name] = _tables(section.tables[:1])
    return shown


def _history(axes: "Axes", report: "OptimizationReport") -> None:
    from fxgpt_core.reports import optimization_points as points

    rows = points.drawn_rows(report)
    rows = np.union1d(rows[thinned(len(rows), POINTS)], np.flatnonzero(points.chosen(report)))
    _marks(axes, report, rows, report.evaluations.number[rows], report.value[rows])
    for line in points.best_so_far(report, points.VALUE):
        axes.step(line.x, line.y, where="post", color="black", linewidth=0.8)
    axes.set_xlabel("trial")
    axes.set_ylabel(points.VALUE.label)


def _pareto(axes: "Axes", report: "OptimizationReport") -> None:
    from fxgpt_core.reports import optimization_points as points

    up, across = points.OBJECTIVES[:2]
    rows = points.drawn_rows(report, None if report.shown is None else report.of_search(report.shown), POINTS)
    _marks(axes, report, rows, points.column(report, across)[rows], points.column(report, up)[rows])
    axes.set_xlabel(across.label)
    axes.set_ylabel(up.label)


def _volumes(axes: "Axes", report: "OptimizationReport") -> None:
    from fxgpt_core.reports import optimization_points as points
    from fxgpt_core.reports.optimization import FINAL

    for line in points.volumes(report):
        color, wide, label = (BLUE, 1.2, "last search") if line.search.phase == FINAL else (GREY, 0.7, None)
        axes.plot(line.x, line.y, color=color, linewidth=wide, label=label)
    axes.set_xlabel("evaluations of the search")


def _marks(axes: "Axes", report: "OptimizationReport", rows: Any, x: Any, y: Any) -> None:
    from fxgpt_core.reports import optimization_points as points

    kinds, chosen = points.kinds(report), points.chosen(report)[rows]
    for kind, (mark, color, size, label) in MARKS.items():
        of_it = kinds[kind][rows]
        axes.plot(x[of_it], y[of_it], mark, color=color, markersize=size, label=label)
    axes.scatter(x[chosen], y[chosen], marker="*", color="black", s=60, zorder=3, label="chosen")


def _front_title(report: "OptimizationReport") -> str:
    name = "" if report.shown is None else report.name(report.shown)
    return f"Pareto front over two of four objectives ({name})"


def _tables(tables: "tuple[Table, ...]") -> Any:
    rows = [dict(zip(each.heads, row.cells, strict=True)) for each in tables for row in each.rows]
    return table(rows)
