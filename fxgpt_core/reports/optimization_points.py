"""The points and lines of the charts of an optimization."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fxgpt_core.optimization.hypervolume import hypervolumes
from fxgpt_core.optimization.space import decoded
from fxgpt_core.registry.searches import SearchRow
from fxgpt_core.reports.optimization import OptimizationReport
from fxgpt_core.strategy.definitions import ParameterValue
from fxgpt_core.strategy.parameters import searched_definitions

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

MOST_POINTS = 10_000
"""More are not drawn: fronts and chosen sets always are, of the others every k-th."""
MOST_SLICE_POINTS = 2_000
VOLUME_COUNTS = 60
GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0
SPREAD = 0.6
"""How broadly marks of one name are spread, so that they do not hide each other; by their row, and not by chance."""
MOST_SLICES = 8
MOST_IMPORTANCES = 20


@dataclass(frozen=True)
class Measure:
    """One number of an evaluation: its column's name, what it is called, and whether more of it is better."""

    column: str
    label: str
    more_is_better: bool


MEASURES = (
    Measure("sharpe", "Sharpe ratio", more_is_better=True),
    Measure("max_drawdown", "drawdown, %", more_is_better=False),
    Measure("profit_factor", "profit factor", more_is_better=True),
    Measure("cost_ratio", "costs of gross profit", more_is_better=False),
    Measure("value", "weighted objective", more_is_better=True),
)
OBJECTIVES, VALUE = MEASURES[:4], MEASURES[4]


@dataclass(frozen=True, eq=False)
class Line:
    """A line of one search through K points: `x` and `y` float64[K]."""

    search: SearchRow
    x: FloatArray
    y: FloatArray


@dataclass(frozen=True, eq=False)
class Slice:
    """One parameter of K trials: `rows` int64[K] of the evaluations, their places on the axis float64[K]; `labels` of the places
    0, 1, … around which they are spread where values are names or switches.
    """

    name: str
    rows: IntArray
    places: FloatArray
    labels: tuple[str, ...]


def column(report: OptimizationReport, measure: Measure) -> FloatArray:
    """The numbers float64[N] of a measure."""
    return report.value if measure is VALUE else report.evaluations.objectives[:, OBJECTIVES.index(measure)]


def kinds(report: OptimizationReport) -> dict[str, BoolArray]:
    """bool[N] of each kind of mark, in the order they are drawn."""
    measured, feasible, front = report.measured, report.feasible, report.front
    return {"infeasible": measured & ~feasible, "feasible": feasible & ~front, "front": front}


def chosen(report: OptimizationReport) -> BoolArray:
    """bool[N]: what a search chose."""
    return np.isin(report.evaluations.number, list(report.chosen.values()))


def drawn_rows(report: OptimizationReport, among: BoolArray | None = None, most: int = MOST_POINTS) -> IntArray:
    """The rows int64[K] that are drawn of those that were measured, or `among` them: all, or fronts, chosen and every k-th."""
    rows = np.flatnonzero(report.measured if among is None else report.measured & among)
    if len(rows) <= most:
        return rows
    always = rows[(report.front | chosen(report))[rows]]
    return np.union1d(always, rows[:: -(-len(rows) // most)])


def best_so_far(report: OptimizationReport, measure: Measure) -> Iterator[Line]:
    """Of each search the best number of its feasible evaluations so far, by trial number, from the first feasible one on."""
    numbers, values = report.evaluations.number, column(report, measure)
    best = np.maximum if measure.more_is_better else np.minimum
    for search in report.searches:
        of_it = report.of_search(search)
        rows = np.flatnonzero(report.feasible & of_it)
        if len(rows):
            reached = best.accumulate(values[rows])
            x = np.append(numbers[rows], numbers[of_it].max())
            yield Line(search, x.astype(np.float64), np.append(reached, reached[-1]))


def volumes(report: OptimizationReport) -> Iterator[Line]:
    """Of each search the hypervolume of its feasible evaluations after some counts of all its evaluations."""
    for search in report.searches:
        rows = np.flatnonzero(report.of_search(search))
        if len(rows):
            counts = np.unique(np.linspace(0, len(rows), min(VOLUME_COUNTS, len(rows)) + 1).astype(np.int64))
            usable = report.feasible[rows]
            feasible = np.concatenate([[0], np.cumsum(usable)])
            found = hypervolumes(report.evaluations.objectives[rows[usable]], feasible[counts].tolist())
            yield Line(search, counts.astype(np.float64), found)


def slices(report: OptimizationReport) -> tuple[Slice, ...]:
    """The most important parameters of the search that is looked at first, the most important first."""
    names = sliced(report)
    if report.shown is None or not names:
        return ()
    rows = drawn_rows(report, report.of_search(report.shown), MOST_SLICE_POINTS)
    sets = [decoded(genome, report.run.fitted) for genome in report.evaluations.genome[rows]]
    return tuple(_slice(name, rows, [getattr(each, name) for each in sets]) for name in names)


def sliced(report: OptimizationReport) -> list[str]:
    """The names of those parameters."""
    searched = {definition.name for definition in searched_definitions()}
    return [name for name in report.importances if name in searched][:MOST_SLICES]


def _slice(name: str, rows: IntArray, values: list[ParameterValue]) -> Slice:
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return Slice(name, rows, np.array(values, dtype=np.float64), ())
    said = [("no", "yes")[value] if isinstance(value, bool) else str(value) for value in values]
    labels = sorted(set(said))
    places = np.array([labels.index(each) for each in said], dtype=np.float64)
    return Slice(name, rows, places + SPREAD * (rows * GOLDEN % 1.0 - 0.5), tuple(labels))
