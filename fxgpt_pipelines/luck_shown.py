"""What a person sees of the tests of luck on the page of an asset: a table, how the choices of halves of the days rank, and what
other histories would have made of the folds' choices.
"""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from fxgpt_pipelines.pictures import BLUE, GREY, ORANGE, picture
from fxgpt_pipelines.recording import table, two_columns

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fxgpt_core.optimization.judged_luck import JudgedLuck
    from fxgpt_core.optimization.luck_of_search import LuckOfSearch

BARS = 40


def metadata(found: "JudgedLuck") -> dict[str, Any]:
    """The tests with number, limit and question, what they rest on, and the pictures of what could be judged."""
    search = found.search
    shown: dict[str, Any] = {"luck": table(_rows(found)), "luck_rests_on": two_columns(_numbers(search))}
    if not search.missing:
        shown["overfitting"] = picture(_title(search), lambda axes: _draw_choices(axes, search))
    if found.histories:
        shown["other_histories"] = picture("what other histories would have made of the choices", lambda axes: _draw(axes, found))
    return shown


def _rows(found: "JudgedLuck") -> list[dict[str, Any]]:
    return [
        {
            "test": test.name,
            "passed": "yes" if test.passed else "NO",
            "value": "not judged" if math.isnan(test.value) else f"{test.value:.4g}",
            "must be": f"{test.comparison} {test.limit:.4g}",
            "asks": test.asks,
        }
        for test in found.tests
    ]


def _numbers(found: "LuckOfSearch") -> dict[str, Any]:
    days, sets = found.searched.returns.shape
    told = {
        "trials ever made": found.ever.n,
        "parameter sets of this search": sets,
        "days it saw": days,
        "days judged": len(found.returns),
        "Sharpe ratio a day": found.sharpe_per_period,
        "dispersion of all trials' Sharpe ratios": found.dispersion,
    }
    if found.missing:
        return told | {"not judged": found.missing}
    more = {
        "luck alone would show, a day": found.luck.lucky_sharpe,
        "independent sets they are worth, by mean correlation": found.luck.effective_trials,
        "clusters of sets that earn alike": found.luck.clustered_trials,
        "choices that lose where unseen": found.luck.loss_probability,
        "days its Sharpe ratio needs": found.luck.minimum_track_record,
    }
    return told | more


def _title(found: "LuckOfSearch") -> str:
    return f"{found.luck.pbo:.0%} of the choices made on half of the days are no better than most on the other half"


def _draw_choices(axes: "Axes", found: "LuckOfSearch") -> None:
    """Bars of the logits: what lies left of the grey line is overfitted."""
    low, high = min(float(found.logits.min()), 0.0), max(float(found.logits.max()), 0.0)
    width = (high - low) / BARS or 1.0
    edges = width * np.arange(math.floor(low / width), math.ceil(high / width) + 1)  # 0 is an edge
    for color, label, part in (
        (ORANGE, "worse than most", found.logits[found.logits <= 0.0]),
        (BLUE, "better", found.logits[found.logits > 0.0]),
    ):
        axes.hist(part, edges.tolist(), color=color, label=label)
    axes.axvline(0.0, color=GREY, linewidth=1.0)
    axes.set_xlabel("rank of the choice where it was unseen, as ln(rank / (sets + 1 - rank))")
    axes.set_ylabel("choices")


def _draw(axes: "Axes", found: "JudgedLuck") -> None:
    """Bars of the annual Sharpe ratios of other histories, and a line where the observed one is."""
    for color, each in zip((BLUE, ORANGE), found.histories, strict=True):
        axes.hist(each.sharpe.tolist(), BARS, color=color, alpha=0.5, label=each.name.replace("_", " "))
    axes.axvline(found.histories[0].observed_sharpe, color=GREY, linewidth=1.5, label="as it was")
    axes.set_xlabel("annual Sharpe ratio")
    axes.set_ylabel("histories")
