"""The sections that show the search itself: what was searched, history, front, hypervolume, importances, slices."""

from collections.abc import Iterator
from datetime import UTC

import numpy as np

from fxgpt_core.registry.searches import SearchRow
from fxgpt_core.reports import optimization_points as points
from fxgpt_core.reports.number_text import UNKNOWN, count, held, percent, percent_points, ratio, short
from fxgpt_core.reports.optimization import OptimizationReport
from fxgpt_core.reports.section import Chart, Choice, Row, Section, Table

SEARCH_HEADS = ("search", "train window", "engine", "planned", "done", "feasible", "hypervolume", "chosen trial", "ended")
TRIAL_HEADS = ("trial", "Sharpe ratio", "drawdown", "profit factor", "costs", "weighted", "front")
SHOWN_TRIALS = 10
POINT = "Point at a mark for its trial"
HIDE = f"{POINT}; click a name above the chart to hide its marks."
MARKS = "A diamond is on the front of its search, a dot keeps every limit, a cross breaks one; the star is what the search chose."
NONE_YET = "There is no evaluation that traded enough to be measured."
ENDS = {
    "budget": "its budget was spent",
    "improvement": "no improvement in a long time",
    "plateau": "the best stayed alike",
    "stable_front": "the front stayed the same",
    "hypervolume": "the hypervolume no longer grew",
    "exhausted": "nothing new was left to try",
    "timeout": "its time was up",
    "stopped": "stopped by a person",
}


def heading(report: OptimizationReport) -> Section:
    """The facts of the run."""
    rows = tuple(Row(fact) for fact in _facts(report))
    about = (
        "What was searched, how, and what came of it. Numbers of trials are in sample: the best of many looks good by chance. "
        "Only the part that is called out of sample tells what to expect. Times are UTC."
    )
    return Section(title_of(report), about, (Table(("fact", "value"), rows, words=("fact", "value")),), tiles=_tiles(report))


def title_of(report: OptimizationReport) -> str:
    """The title of the whole report."""
    return f"Optimization of {report.run.symbol} {report.run.timeframe}, run {report.run.run_id}"


def searched(report: OptimizationReport) -> Section:
    """What was searched, and why each search ended."""
    rows = tuple(_search(report, search) for search in report.searches)
    return Section(
        "Searches",
        "Each search has a train window and a population of its own: none has seen what came after its window. Feasible are "
        "evaluations that keep every limit. Hypervolume is the share of the box of possible objectives that was reached; it "
        "compares searches of one window, not windows.",
        (Table(SEARCH_HEADS, rows, words=("search", "train window", "engine", "ended")),) if rows else (),
        absent="" if rows else "No search has begun.",
    )


def history(report: OptimizationReport) -> Section:
    """Every trial, and the best so far."""
    return Section(
        "History",
        "Every trial by its number; the line is the best feasible one so far, of each search by itself. "
        f"{MARKS}{_left_out(report)}",
        chart=Chart.HISTORY if _drawable(report) else None,
        absent="" if _drawable(report) else NONE_YET,
        hint=HIDE,
        choices=(_measure("up", points.VALUE, "history"),) if _drawable(report) else (),
    )


def pareto(report: OptimizationReport) -> Section:
    """The front over any two of the objectives."""
    return Section(
        "Pareto front",
        "What cannot be had together. A set is on the front if no other of its search is better in one of the four objectives "
        f"and worse in none; over two of them, a front of four looks like a cloud. {MARKS}",
        chart=Chart.PARETO if _drawable(report) else None,
        absent="" if _drawable(report) else NONE_YET,
        hint=HIDE,
        choices=_axes(report) if _drawable(report) else (),
    )


def best_trials(report: OptimizationReport) -> Section:
    """The best trials of the search that is looked at first."""
    search = report.shown
    if search is None:
        return Section("Best trials", "", absent=NONE_YET)
    rows = np.flatnonzero(report.feasible & report.of_search(search))
    best = rows[np.argsort(-report.value[rows], kind="stable")][:SHOWN_TRIALS]
    return Section(
        "Best trials",
        f"In sample, of one search ({report.name(search)}): the {SHOWN_TRIALS} with the highest weighted objective of those that "
        "keep every limit. The weights only sort them; chosen is the knee of the front.",
        (Table(TRIAL_HEADS, tuple(_trial(report, int(row)) for row in best), words=("front",)),) if len(best) else (),
        absent="" if len(best) else f"No evaluation of this search ({report.name(search)}) keeps every limit.",
    )


def hypervolume(report: OptimizationReport) -> Section:
    """How the reached share of the box grew."""
    return Section(
        "Hypervolume",
        "The share of the box of possible objectives that feasible evaluations have reached, by how many were made. A line that "
        "still rises at its end asks for more evaluations.",
        chart=Chart.HYPERVOLUME if _drawable(report) else None,
        absent="" if _drawable(report) else NONE_YET,
    )


def importance(report: OptimizationReport) -> Section:
    """What moved the objective."""
    found = bool(report.importances)
    return Section(
        "Importance of parameters",
        f"Which parameters moved the objective of the last search, as shares of them all; the first {points.MOST_IMPORTANCES}. "
        "A parameter without importance may be left at its default.",
        chart=Chart.IMPORTANCE if found else None,
        absent="" if found else "No importance was computed for this run.",
    )


def slices(report: OptimizationReport) -> Section:
    """The objective against single parameters."""
    found = bool(points.sliced(report)) and _drawable(report)
    name = report.name(report.shown) if report.shown else "none"
    return Section(
        "Slices",
        f"The trials of one search ({name}) against its most important parameters. A set is only good where its neighbours are: "
        "look for a cloud that is high and broad, not for a single high point.",
        chart=Chart.SLICES if found else None,
        absent="" if found else "Without importances there is no choice of parameters to show.",
        hint=f"{POINT}.",
        choices=(_measure("up", points.VALUE, "slice"),) if found else (),
    )


def _axes(report: OptimizationReport) -> tuple[Choice, ...]:
    shown = "" if report.shown is None else str(report.shown.search)
    drawable = set(np.unique(report.evaluations.search[report.measured]).tolist())
    searches = tuple((str(each.search), report.name(each)) for each in report.searches if each.search in drawable)
    return (
        _measure("up", points.OBJECTIVES[0], "y", points.OBJECTIVES),
        _measure("across", points.OBJECTIVES[1], "x", points.OBJECTIVES),
        Choice("search", searches, shown, "pareto", kind="search"),
    )


def _measure(label: str, chosen: points.Measure, target: str, among: tuple[points.Measure, ...] = points.MEASURES) -> Choice:
    return Choice(label, tuple((measure.column, measure.label) for measure in among), chosen.column, target)


def _facts(report: OptimizationReport) -> Iterator[tuple[str, str]]:
    run, n = report.run, len(report.evaluations)
    yield "run", f"{run.run_id}, {run.status}"
    yield "symbol and timeframe", f"{run.symbol} {run.timeframe}"
    yield "method", f"{run.method}, {run.regime_mode}"
    yield "searches", count(len(report.searches))
    yield "evaluations", f"{count(n)} of {count(sum(search.n_planned for search in report.searches))} planned"
    yield "feasible", _share(int(report.feasible.sum()), n)
    yield "not measured", f"{_share(int((~report.measured).sum()), n)}: they traded too little, or were only screened"
    yield from run.configuration.items()
    yield "made at", run.made_at.astimezone(UTC).isoformat(timespec="seconds")


def _tiles(report: OptimizationReport) -> tuple[tuple[str, str], ...]:
    found = (("evaluations", count(len(report.evaluations))), ("searches", count(len(report.searches))))
    if report.played is None:
        return found
    measured = report.played.measured.metrics
    return (
        *found,
        ("Sharpe out of sample", held(measured.sharpe_ratio)),
        ("return out of sample", percent_points(measured.total_return_pct)),
        ("deepest drawdown", percent_points(measured.max_drawdown_pct)),
        ("trades", count(measured.total_trades)),
    )


def _search(report: OptimizationReport, search: SearchRow) -> Row:
    of_it = report.of_search(search)
    volume = UNKNOWN if search.hypervolume is None else short(search.hypervolume)
    chosen = count(report.chosen[search.search]) if search.search in report.chosen else UNKNOWN
    numbers = (count(search.n_planned), count(int(of_it.sum())), count(int((report.feasible & of_it).sum())), volume, chosen)
    window = f"{search.window_start:%Y-%m-%d} .. {search.window_end:%Y-%m-%d}"
    ended = ENDS.get(search.reason, search.reason) if search.reason else "has not ended"
    return Row((report.name(search), window, search.engine, *numbers, ended))


def _trial(report: OptimizationReport, row: int) -> Row:
    sharpe, drawdown, factor, costs = report.evaluations.objectives[row].tolist()
    number = int(report.evaluations.number[row])
    place = "chosen" if number in report.chosen.values() else "on the front" if report.front[row] else ""
    cells = (count(number), held(sharpe), percent_points(drawdown), held(factor), percent(costs))
    return Row((*cells, ratio(float(report.value[row])), place))


def _drawable(report: OptimizationReport) -> bool:
    return bool(report.measured.any())


def _left_out(report: OptimizationReport) -> str:
    left, measured, drawn = int((~report.measured).sum()), int(report.measured.sum()), len(points.drawn_rows(report))
    said = f" {count(left)} that were not measured are not drawn." if left else ""
    return said if drawn == measured else f"{said} Of {count(measured)} measured {count(drawn)} are drawn, all fronts among them."


def _share(part: int, whole: int) -> str:
    return count(part) + (f" ({percent(part / whole)})" if whole else "")
