"""The efficient frontier as a picture: the mixes of most return for their risk, each symbol alone, and the mixes in question."""

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from fxgpt_core.portfolio.optimal_weights import DAYS_A_YEAR, AllocationParameters, optimal_weights
from fxgpt_core.portfolio.risk_measures import risk_of
from fxgpt_core.reports.palette import BLUE, GREY, ORANGE, VERMILION

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fxgpt_core.portfolio.riskfolio_reference import Frontier

FloatArray = npt.NDArray[np.float64]

SIZE_INCHES = (7.0, 4.0)
MARKS = (("o", VERMILION), ("s", ORANGE), ("^", BLUE), ("D", GREY))


def draw_frontier(axes: "Axes", frontier: "Frontier", returns: FloatArray, mixes: Mapping[str, FloatArray]) -> None:
    """The frontier over daily returns float64[T,K], and up to four mixes float64[K] by name: % of the capital, return a year."""
    axes.plot(100.0 * frontier.risk, 100.0 * DAYS_A_YEAR * frontier.mean, color=BLUE, linewidth=1.5, label="frontier")
    alone = np.eye(len(frontier.names))
    for name, weights in zip(frontier.names, alone, strict=True):
        x, y = _place(frontier.measure, returns, weights)
        axes.plot(x, y, "x", color=GREY, markersize=5)
        axes.annotate(name, (x, y), fontsize=7, xytext=(4, 2), textcoords="offset points")
    for (name, weights), (mark, colour) in zip(mixes.items(), MARKS, strict=False):
        axes.plot(*_place(frontier.measure, returns, weights), mark, color=colour, markersize=6, label=name)
    span = f"{len(returns)} days" if frontier.measure == "CDaR" else "a day"
    axes.set_xlabel(f"risk: {frontier.measure} of {span}, %")
    axes.set_ylabel("mean return, % a year")


def frontier_png(frontier: "Frontier", returns: FloatArray, mixes: Mapping[str, FloatArray]) -> bytes:
    """The picture of `draw_frontier` as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE_INCHES, dpi=110, layout="constrained")
    axes = figure.subplots()
    draw_frontier(axes, frontier, returns, mixes)
    axes.set_title(f"efficient frontier over {len(returns)} days", fontsize=10, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def mixes_of(returns: FloatArray, parameters: AllocationParameters) -> dict[str, FloatArray]:
    """What is marked beside a frontier: the optimal mix float64[K] of these days, and equal weights with the same sum."""
    optimal = optimal_weights(returns, parameters)
    return {"optimal": optimal, "equal": np.full(len(optimal), min(1.0, len(optimal) * parameters.max_weight) / len(optimal))}


def _place(measure: str, returns: FloatArray, weights: FloatArray) -> tuple[float, float]:
    held = returns @ weights
    return 100.0 * risk_of(measure, held), 100.0 * DAYS_A_YEAR * float(held.mean())
