"""What a person sees on the page of an asset of how much a search's find hangs on its exact numbers."""

from typing import TYPE_CHECKING, Any

from fxgpt_pipelines.pictures import BLUE, ORANGE, picture
from fxgpt_pipelines.recording import table, two_columns

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fxgpt_core.optimization.importance import Importance
    from fxgpt_core.optimization.robustness import Robustness
    from fxgpt_core.registry.gate_evidence import Evidence

SHOWN = 15


def metadata(found: "Robustness", evidence: "Evidence") -> dict[str, Any]:
    """The measures with what they say, what dearer costs leave, what was moved from the defaults, and which parameters decide."""
    rows = [{"measure": each.measure, "value": each.value, "says": each.says} for each in found.told]
    moves = [{**vars(move), "default": str(move.default), "value": str(move.value)} for move in found.distance.moves[:SHOWN]]
    shown: dict[str, Any] = {
        "robustness": table(rows),
        "profit_at_dearer_costs": two_columns(
            {
                "costs x 1.5": evidence.net_profit_cost_x1_5,
                "costs x 2": evidence.net_profit_cost_x2,
                "costs x 3": evidence.net_profit_cost_x3,
            }
        ),
        "moved_from_the_defaults": table(moves),
    }
    known = found.importance
    if known is not None:
        shown["importance"] = picture("share of the variance that a parameter explains alone", lambda axes: _draw(axes, known))
    return shown


def _draw(axes: "Axes", found: "Importance") -> None:
    """Bars of the most important parameters, those that lose no more than chance in another colour."""
    most = found.order[:SHOWN][::-1]
    inert = set(found.inert)
    colors = [ORANGE if found.names[i] in inert else BLUE for i in most]
    axes.barh([found.names[i] for i in most], [float(found.shares[i]) for i in most], color=colors)
    axes.tick_params(axis="y", labelsize=6)
    axes.set_xlabel("share; orange: no more than chance when it is shuffled")
