"""What the forecast says of a wish: how probable its scenarios are, and the edge that a size is computed from."""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from fxgpt_core.conformal.scenarios import Scenarios, scenarios
from fxgpt_core.market.costs import Costs
from fxgpt_core.portfolio.edge import Edge
from fxgpt_core.strategy.view import MarketView
from fxgpt_core.strategy.wishes import Wishes

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Odds:
    """Of N wishes: the scenarios of the forecast, NaN where nothing is wished or no distribution is known, and the edge."""

    scenarios: Scenarios
    edge: Edge


def odds(view: MarketView, wished: Wishes, costs: Costs) -> Odds:
    """The odds of every wish, at the horizon of the decision.

    A random walk meets a level twice as often as it ends beyond it (reflection principle; Feller 1968, III.1), so target or stop
    is met with about twice the probability to end beyond one of the two, and the target first as `scenarios` has it.
    """
    with np.errstate(invalid="ignore"):
        target, stop = wished.target / view.close, wished.stop / view.close
    found = _scenarios(view, wished, costs, (target, stop))
    decided = np.minimum(2.0 * (found.target + found.stop), 1.0)
    edge = Edge(
        p_target=found.target_first * decided,
        p_stop=(1.0 - found.target_first) * decided,
        target=np.where(wished.side != 0, target, np.nan),
        stop=np.where(wished.side != 0, stop, np.nan),
        cost=np.full(len(view), costs.round_trip),
    )
    return Odds(found, edge)


def _scenarios(view: MarketView, wished: Wishes, costs: Costs, levels: tuple[FloatArray, FloatArray]) -> Scenarios:
    """Only wishes are looked at: most candles have none."""
    columns = {item.name: np.full(len(view), np.nan) for item in fields(Scenarios)}
    side, known = wished.side, view.distribution
    rows = np.flatnonzero((side != 0) & (known.row >= 0)) if known is not None else np.empty(0, np.int64)
    if known is not None and len(rows):
        bands = known.bands.select(known.row[rows])
        of_wishes = scenarios(bands, known.step, side[rows], costs.round_trip, levels[0][rows], levels[1][rows])
        for name, values in columns.items():
            values[rows] = getattr(of_wishes, name)
    return Scenarios(**columns)
