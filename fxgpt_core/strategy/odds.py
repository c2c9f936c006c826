"""What the forecast says of a wish: how probable its scenarios are, and the edge that a size is computed from."""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from fxgpt_core.conformal.scenarios import Scenarios, scenarios
from fxgpt_core.market.costs import Costs
from fxgpt_core.portfolio.edge import Edge
from fxgpt_core.strategy.view import MarketView
from fxgpt_core.strategy.wishes import Codes, Wishes

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Odds:
    """Of N wishes: the scenarios of the forecast, NaN where nothing is wished or no distribution is known, and the edge."""

    scenarios: Scenarios
    edge: Edge


def odds(view: MarketView, wished: Wishes, costs: Costs) -> Odds:
    """The odds of every wish, within the horizon of the decision."""
    side = wished.side
    with np.errstate(invalid="ignore"):
        target, stop = (np.where(side != 0, distance / view.close, np.nan) for distance in (wished.target, wished.stop))
    found = _scenarios(view, side, costs, (target, stop))
    edge = Edge(found.target_met, found.stop_met, target, stop, np.full(len(view), costs.round_trip))
    return Odds(found, edge)


def _scenarios(view: MarketView, side: Codes, costs: Costs, levels: tuple[FloatArray, FloatArray]) -> Scenarios:
    """Only wishes are looked at: most candles have none."""
    columns = {item.name: np.full(len(view), np.nan) for item in fields(Scenarios)}
    known = view.distribution
    rows = np.flatnonzero((side != 0) & (known.row >= 0)) if known is not None else np.empty(0, np.int64)
    if known is not None and len(rows):
        bands = known.bands.select(known.row[rows])
        of_wishes = scenarios(bands, known.step, side[rows], costs.round_trip, levels[0][rows], levels[1][rows])
        for name, values in columns.items():
            values[rows] = getattr(of_wishes, name)
    return Scenarios(**columns)
