"""What a person sees of an allocation on the page of the asset: weights over time, the latest, why, and the frontier."""

from typing import TYPE_CHECKING, Any

import dagster as dg

from fxgpt_pipelines.pictures import picture, thinned
from fxgpt_pipelines.recording import table

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes

NO_FRONTIER = "no frontier: it needs four symbols with a window of days each, so that weights of at most 0.3 can be mixed"


def metadata(frame: "pl.DataFrame") -> dict[str, Any]:
    """Of the frame that the asset stores: pictures of weights and frontier, tables of the latest weights and of the reasons."""
    reasons = frame["reason"].value_counts(sort=True).rename({"count": "days"})
    return {
        "weights": picture("share of the capital", lambda axes: _draw_weights(axes, frame)),
        "latest": table(_latest(frame)),
        "reasons": table(reasons.to_dicts()),
        "frontier": _frontier(frame),
    }


def _draw_weights(axes: "Axes", frame: "pl.DataFrame") -> None:
    shown = frame[thinned(len(frame))]
    for name in _names(frame):
        axes.plot(shown["day"].to_list(), shown[f"weight_{name}"].to_list(), linewidth=1.0, label=name)
    axes.set_ylim(bottom=0.0)


def _latest(frame: "pl.DataFrame") -> list[dict[str, Any]]:
    last = frame.row(-1, named=True)
    weights = {name: last[f"weight_{name}"] for name in _names(frame)}
    count = sum(weight is not None for weight in weights.values())
    return [
        {
            "symbol": name,
            "weight": weight,
            "multiplier of size": None if weight is None else weight * count,
            "day": str(last["day"]),
        }
        for name, weight in weights.items()
    ]


def _frontier(frame: "pl.DataFrame") -> dg.MarkdownMetadataValue:
    from fxgpt_core.portfolio.allocation import latest_window
    from fxgpt_core.portfolio.optimal_weights import AllocationParameters
    from fxgpt_core.portfolio.riskfolio_reference import frontier
    from fxgpt_core.portfolio.universe import Universe
    from fxgpt_core.reports.frontier_picture import draw_frontier, mixes_of

    parameters = AllocationParameters()
    names, returns = latest_window(Universe.from_frame(frame), parameters)
    if len(names) * parameters.max_weight <= 1.0:
        return dg.MetadataValue.md(NO_FRONTIER)
    found, mixes = frontier(returns, names, parameters), mixes_of(returns, parameters)
    return picture(f"the last {len(returns)} days", lambda axes: draw_frontier(axes, found, returns, mixes))


def _names(frame: "pl.DataFrame") -> list[str]:
    return [name.removeprefix("weight_") for name in frame.columns if name.startswith("weight_")]
