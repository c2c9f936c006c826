"""What the forecast says of a wish: how probable its scenarios are, and the edge that a size is computed from."""

from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from fxgpt_core.compiled import compiled
from fxgpt_core.conformal.scenarios import Scenarios, Wished, scenarios_of
from fxgpt_core.market.costs import Costs
from fxgpt_core.portfolio.edge import Edge
from fxgpt_core.strategy.view import MarketView
from fxgpt_core.strategy.wishes import Codes, Wishes

FloatArray = npt.NDArray[np.float64]
Numbers = TypeVar("Numbers", float, npt.NDArray[np.float64])


@dataclass(frozen=True, eq=False)
class Odds:
    """Of N wishes: the scenarios of the forecast, NaN where nothing is wished or no distribution is known, and the edge."""

    scenarios: Scenarios
    edge: Edge


def odds(view: MarketView, wished: Wishes, costs: Costs) -> Odds:
    """The odds of every wish.

    They are how often target or stop is met within the horizon, and the target first at any time.

    What meets neither counts as nothing in an edge, though it ends on the side of the farther level on average. So the share of
    the targets is that of `target_first`, by which a walk without drift has no edge at any distances; that of what is met within
    the horizon favours the nearer level, and would bet most of an account on a near target with a far stop.
    """
    side = wished.side
    with np.errstate(invalid="ignore"):
        target, stop = (np.where(side != 0, distance / view.close, np.nan) for distance in (wished.target, wished.stop))
    found = _scenarios(view, side, costs, (target, stop))
    shares = shares_of(found.target_met, found.stop_met, found.target_first)
    edge = Edge(*shares, target, stop, np.full(len(view), costs.round_trip))
    return Odds(found, edge)


@compiled
def shares_of(target_met: Numbers, stop_met: Numbers, target_first: Numbers) -> tuple[Numbers, Numbers]:
    """How often target and stop are reached, each first: see `odds`."""
    met = target_met + stop_met
    return target_first * met, (1.0 - target_first) * met


def _scenarios(view: MarketView, side: Codes, costs: Costs, levels: tuple[FloatArray, FloatArray]) -> Scenarios:
    """Only wishes are looked at: most candles have none."""
    columns = {item.name: np.full(len(view), np.nan) for item in fields(Scenarios)}
    known = view.distribution
    rows = np.flatnonzero((side != 0) & (known.row >= 0)) if known is not None else np.empty(0, np.int64)
    if known is not None and len(rows):
        wished = Wished(side[rows], costs.round_trip, levels[0][rows], levels[1][rows])
        of_wishes = scenarios_of(known.at, known.row[rows], wished)
        for name, values in columns.items():
            values[rows] = getattr(of_wishes, name)
    return Scenarios(**columns)
