"""The accounts that a policy's weights are played on: one a symbol, of equal capital, each by the kernel of the backtest.

Rows are the days of the universe. Weights chosen at the end of day r rule the decisions from then to the end of day r + 1; what
they earn is the change of equity over day r + 1.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fxgpt_core import content_hash
from fxgpt_core.backtest.checks import check_resolution, check_same_times
from fxgpt_core.backtest.engine import (
    BacktestAccount,
    Execution,
    check_executions,
    rules_rows,
    tape_of,
    terms_of,
    wishes_of,
)
from fxgpt_core.backtest.kernel import play
from fxgpt_core.backtest.tape import RISK_FRACTION, TRADE, Log, Sums, Tape, Wishes
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.costs import Costs, FxCosts
from fxgpt_core.market.fills import Terms
from fxgpt_core.portfolio.universe import Universe
from fxgpt_core.strategy.decision import Decisions

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

RUIN = 1e-3
"""A total equity below this share of the capital ends an episode, and is never read as less: a logarithm needs some of it."""
_NO_BOOK, _NO_DAYS = np.empty(0, TRADE), np.empty(0)


@dataclass(frozen=True, eq=False)
class Traded:
    """A symbol's candles [N], the decisions at each of them, with the risk a weight of 1/K leaves as it is, and their costs."""

    candles: CandleArrays
    decisions: Decisions
    costs: Costs | FxCosts
    execution: Execution


class _Played(NamedTuple):
    """What the kernel needs of a symbol.

    `ruled_by` int64[N]: the row whose weights rule each candle's decision; `stop` int64[D]: the candle behind each day's last.
    """

    tape: Tape
    wishes: Wishes
    rules: FloatArray
    terms: Terms
    ruled_by: IntArray
    stop: IntArray


@dataclass(frozen=True, eq=False)
class Accounts:
    """One account for each symbol of a universe, in its order. Raises `BadInputError` for other symbols, decisions or costs."""

    universe: Universe
    traded: tuple[Traded, ...]
    account: BacktestAccount = field(default_factory=BacktestAccount)

    def __post_init__(self) -> None:
        if len(self.traded) != len(self.universe.names):
            raise BadInputError(
                f"{len(self.traded)} series found for the symbols {', '.join(self.universe.names)}; give one of each, in order"
            )
        for each in self.traded:
            check_same_times(each.candles, each.decisions)
            check_resolution(each.candles, each.decisions, each.costs, None)
            check_executions(each.decisions, each.execution)

    def day_equity(self, weights: FloatArray, first: int, *, closed: bool = True) -> FloatArray:
        """float64[L]: the mean of the symbols' equities over their capital, at the end of the L days behind row `first`.

        `weights` float64[L,K] or [L,K+1]: those of the rows first, first + 1, …; a weight times K is the factor of the risk.
        All accounts are flat when the first weights are chosen. `closed`: positions are closed at the end of the last day; else
        they stay open there, which needs one candle more. Raises `BadInputError` for rows that the universe or the candles
        lack.
        """
        days, last = len(weights), first + len(weights)
        n_symbols = len(self.traded)
        if days < 1 or first < 0 or last >= len(self.universe) or any(each.stop[first] < 2 for each in self._played):
            raise BadInputError(
                f"weights of {days} days from row {first} found; the universe has {len(self.universe)} days, and each symbol "
                "needs two candles up to the first; choose rows within"
            )
        total = np.zeros(days)
        for column, each in enumerate(self._played):
            total += self._equity(each, weights[:, column] * n_symbols, first, closed)
        return total / n_symbols

    def entries(self, first: int, stop: int) -> int:
        """How many decisions of all symbols, ruled by the weights of the rows [first, stop), wish to enter."""
        return sum(
            int(((each.ruled_by[each.wishes.at] >= first) & (each.ruled_by[each.wishes.at] < stop)).sum())
            for each in self._played
        )

    def scaled(self, weights: FloatArray, first: int) -> tuple[Decisions, ...]:
        """The decisions of each symbol with their risk times weight × K, as `day_equity` plays them; 0 where none rule."""
        found = []
        for column, (each, traded) in enumerate(zip(self._played, self.traded, strict=True)):
            place = each.ruled_by - first
            ruled = (place >= 0) & (place < len(weights))
            factor = np.where(ruled, weights[np.clip(place, 0, len(weights) - 1), column] * len(self.traded), 0.0)
            found.append(replace(traded.decisions, risk_fraction=traded.decisions.risk_fraction * factor))
        return tuple(found)

    def windows(self, first: int, days: int) -> IntArray:
        """int64[K,2]: the candles of each symbol, first and last + 1, over which `day_equity` plays so many days."""
        return np.array([(each.stop[first] - 2, each.stop[first + days]) for each in self._played])

    @property
    def sha256(self) -> str:
        """Content hash of what is played: days, candles, decisions, costs, execution and account."""
        parts = [self.universe.day.tobytes(), self.universe.close.tobytes(), repr(self.account).encode()]
        for each in self._played:
            quotes = (each.tape.spread, each.tape.open_spread, each.tape.swap_long, each.tape.swap_short, each.tape.conversion)
            arrays = (each.tape.time_us, each.tape.rows, *quotes, each.wishes.side, each.wishes.rows, each.rules)
            parts += [array.tobytes() for array in arrays] + [repr(each.terms).encode()]
        return content_hash.of_json([content_hash.of_bytes(part) for part in parts])

    @cached_property
    def _played(self) -> tuple[_Played, ...]:
        return tuple(map(self._of, self.traded))

    def _of(self, traded: Traded) -> _Played:
        candles = traded.candles
        return _Played(
            tape=tape_of(candles, traded.costs),
            wishes=wishes_of(traded.decisions),
            rules=rules_rows(traded.execution),
            terms=terms_of(traded.costs, self.account),
            ruled_by=self.universe.complete_days(candles.known_at_us) - 1,
            stop=np.searchsorted(candles.fx_day, self.universe.day, side="right").astype(np.int64),
        )

    def _equity(self, each: _Played, factors: FloatArray, first: int, closed: bool) -> FloatArray:
        """float64[L]: a symbol's equity over its capital at the end of each day."""
        ends = each.stop[first + 1 : first + len(factors) + 1]
        # A kernel does nothing in a window's first candle and closes all in its last: one candle more on either side.
        start = int(each.stop[first]) - 2
        stop = int(ends[-1]) if closed else min(int(ends[-1]) + 1, len(each.ruled_by))
        curve = np.empty(stop - start)
        log = Log(np.empty(len(Sums._fields)), _NO_BOOK, curve, _NO_DAYS)
        play(each.tape, _weighed(each, factors, first, (start, stop)), each.rules, each.terms, (start, stop), log)
        return curve[ends - 1 - start] / self.account.cash


def _weighed(each: _Played, factors: FloatArray, first: int, window: tuple[int, int]) -> Wishes:
    """The wishes within a window, their risk times the factor of the row that rules them; the last holds on."""
    begin, end = np.searchsorted(each.wishes.at, window)
    at, rows = each.wishes.at[begin:end], each.wishes.rows[begin:end].copy()
    place = each.ruled_by[at] - first
    rows[:, RISK_FRACTION] *= np.where(place >= 0, factors[np.clip(place, 0, len(factors) - 1)], 0.0)
    return Wishes(each.wishes.side, at, rows)
