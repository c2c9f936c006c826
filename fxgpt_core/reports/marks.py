"""The marks of trades on the price: where each was entered, by side, and left, by profit."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fxgpt_core.backtest.engine import Trades
from fxgpt_core.reports.palette import BLUE, GREEN, ORANGE, VERMILION


@dataclass(frozen=True, eq=False)
class Mark:
    """One kind of mark: `rows` int64 of the trades that have it, at their entries or at their exits."""

    label: str
    shape: str
    colour: str
    at_entry: bool
    rows: npt.NDArray[np.int64]


def marks(trades: Trades) -> tuple[Mark, ...]:
    """The four kinds; each of T trades has a mark of an entry and one of an exit. A trade without profit counts as lost."""
    won = trades.profit > 0.0
    return (
        Mark("long entry", "triangle", BLUE, at_entry=True, rows=np.flatnonzero(trades.side > 0)),
        Mark("short entry", "inverted_triangle", ORANGE, at_entry=True, rows=np.flatnonzero(trades.side < 0)),
        Mark("exit with a profit", "circle", GREEN, at_entry=False, rows=np.flatnonzero(won)),
        Mark("exit with a loss", "x", VERMILION, at_entry=False, rows=np.flatnonzero(~won)),
    )
