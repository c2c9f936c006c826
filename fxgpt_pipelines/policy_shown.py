"""What a person sees of a policy: how it learned, what weights it chose on unseen days, and what they earned."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from fxgpt_pipelines.pictures import line, picture
from fxgpt_pipelines.recording import table, two_columns

NUMBERS = (
    "symbols",
    "days_lived",
    "days_trained_on",
    "days_tested",
    "days_in_vault",
    "entries_trained_on",
    "entries_tested",
    "seconds",
)


def metadata(place: str, summary: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata of a policy's materialization."""
    days = [point[0] for point in summary["curve"]]
    return {
        "learning": line(f"{place}: mean reward of a day while learning", days, [point[1] for point in summary["curve"]], "%"),
        "weights": _weights(summary),
        "unseen_days": table(summary["judged"]),
        "numbers": two_columns({name: summary[name] for name in NUMBERS}),
        "best_static_weights": table([dict(zip([*summary["symbols"], "cash"], summary["best_static"], strict=True))]),
    }


def _weights(summary: Mapping[str, Any]) -> Any:
    names, weights = [*summary["symbols"], "cash"], np.array(summary["test_weights"])
    days = np.array(summary["test_days"]).astype("datetime64[D]")

    def draw(axes: Any) -> None:
        axes.stackplot(days, weights.T, labels=names, linewidth=0.0)
        axes.set_ylim(0.0, 1.0)
        axes.set_ylabel("weight")

    return picture("weights on the unseen days", draw)
