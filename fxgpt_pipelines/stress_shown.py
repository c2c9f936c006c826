"""What a person sees of the stress of a search on the page of an asset: tables, and the equity under it."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from fxgpt_pipelines.pictures import BLUE, GREY, ORANGE, picture, thinned
from fxgpt_pipelines.recording import table, unbroken

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fxgpt_core.backtest.stress import StressResult
    from fxgpt_core.market.timeframes import Timeframe
    from fxgpt_core.optimization.survival import Survival

NAMED = 3
POINTS = 120  # of a line: eight of them fit into a small picture
COLORS = (ORANGE, BLUE, "#0f766e")


def metadata(lasted: "Survival", timeframe: "Timeframe") -> dict[str, Any]:
    """The stresses of the proposed set with pictures of its equity, and those of the folds' choices; no picture of nothing."""
    from fxgpt_core.backtest.stress import StressKind
    from fxgpt_core.reports.stress_rows import stress_verdict

    played = [result for result in lasted.proposed if len(result.course)]
    pictures = {
        "equity_under_shocks": [result for result in played if result.kind is StressKind.SHOCK and "worst" in result.place],
        "equity_in_crises": [result for result in played if result.kind is StressKind.CRISIS],
        "equity_at_dearer_costs": [result for result in played if result.kind is StressKind.COST],
    }
    return {
        "stress": table(_shown(lasted.proposed)),
        "stress_verdict": f"the proposed set: {stress_verdict(lasted.proposed)}",
        **{name: _picture(name.replace("_", " "), results, timeframe) for name, results in pictures.items() if results},
        "stress_of_the_folds_choices": table(_shown(lasted.folds)),
    }


def _shown(results: "Sequence[StressResult]") -> list[dict[str, Any]]:
    from fxgpt_core.reports.stress_rows import stress_rows

    return [row | {"window": unbroken(str(row["window"]))} for row in stress_rows(results)]


def _picture(title: str, results: "Sequence[StressResult]", timeframe: "Timeframe") -> dg.MarkdownMetadataValue:
    """The equity in each window, the three that kept least by name; below the dashed line it is not survived."""
    from fxgpt_core.market.timeframes import DAY_US
    from fxgpt_core.registry.gates import MINIMUM_KEPT_PCT

    def draw(axes: "Axes") -> None:
        for rank, result in enumerate(_by_what_was_kept(results)):
            every = thinned(len(result.course), POINTS)
            days = [(row + 1) * timeframe.us / DAY_US for row in range(len(result.course))]
            named = {"label": result.name, "color": COLORS[rank], "zorder": 3} if rank < NAMED else {"color": GREY}
            axes.plot([0.0, *days[every]], [100.0, *result.course[every].tolist()], linewidth=1.0, **named)
        axes.axhline(MINIMUM_KEPT_PCT, color=GREY, linewidth=0.8, linestyle="dashed")
        axes.set_xlabel("days of open market")
        axes.set_ylabel("% of the equity before")

    return picture(title, draw)


def _by_what_was_kept(results: "Iterable[StressResult]") -> "list[StressResult]":
    return sorted(results, key=lambda result: float(result.course.min()))
