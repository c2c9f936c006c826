"""The backtest's trades of the live decisions against the live ones, and the cause of every difference, by fixed rules.

A difference of prices is split: what the spread that was paid is wider than the backtest's is `spread`, the rest `slippage`. A
trade that live has not is `late data` where its candle or its order came too late, and `reject` where a guard or the broker said
no. `code` is another version of the code that decided. What only comes of an earlier difference, such as an entry that was not
possible while another position was open, or a size by another equity, is `follows`. `unexplained` is what no rule knows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from fxgpt_core.backtest.engine import Trades
from fxgpt_core.live import shadow
from fxgpt_core.live.adherence import Executed, OrderLife, average
from fxgpt_core.live.costed_candles import CostedCandles
from fxgpt_core.live.freshness import STALE_CANDLE
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.fills import REASON_NAMES
from fxgpt_core.registry.live_records import EXPIRED

_EXACT = 1e-12


class Cause(StrEnum):
    """Why live and backtest differ."""

    LATE_DATA = shadow.LATE_DATA
    SPREAD = "spread"
    SLIPPAGE = "slippage"
    REJECT = "reject"
    CODE = shadow.CODE
    FOLLOWS = "follows"
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True)
class LiveWish:
    """What became of one live decision with a side: its refusals by kind, the state of its signal and why, its order.

    `is_same_code`: the code that decides now is the code that decided then.
    """

    decided_at_us: int
    refusals: Mapping[str, str]
    signal_state: str | None
    signal_reason: str
    life: OrderLife | None
    is_same_code: bool = True


@dataclass(frozen=True)
class ShadowTrade:
    """One trade of the backtest; rows are those of its candles, `exit_row` None where the candles ended before the position."""

    decided_at_us: int
    side: int
    units: int
    entry_row: int
    entry_price: float
    exit_row: int | None
    exit_price: float | None
    exit_reason: str | None


@dataclass(frozen=True)
class FillDifference:
    """One field in which a live trade is not the backtest's, and why; `pips`: how much worse live is by it, None if no price."""

    decided_at_us: int
    field: str
    live: Any
    backtest: Any
    cause: Cause
    detail: str = ""
    pips: float | None = None

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self) | {"cause": str(self.cause)}


def shadow_trades(trades: Trades, market: CostedCandles) -> list[ShadowTrade]:
    """The trades of a backtest over `market`; what it closed because the candles ended is still open."""
    found = []
    for row in range(len(trades)):
        entry, left = int(trades.entry_index[row]), int(trades.exit_index[row])
        reason = REASON_NAMES[int(trades.reason[row])]
        ended = reason != "end"
        found.append(
            ShadowTrade(
                decided_at_us=_decided(market, entry),
                side=int(trades.side[row]),
                units=int(trades.units[row]),
                entry_row=entry,
                entry_price=float(trades.entry_price[row]),
                exit_row=left if ended else None,
                exit_price=float(trades.exit_price[row]) if ended else None,
                exit_reason=reason if ended else None,
            )
        )
    return found


def fill_differences(
    wishes: Sequence[LiveWish], trades: Sequence[ShadowTrade], market: CostedCandles, pip: float
) -> list[FillDifference]:
    """Every difference between the live orders of some decisions and the backtest's trades of them, by decision.

    `wishes` are all live decisions that wanted to trade, `market` the candles that were played.
    """
    live = {wish.decided_at_us: wish for wish in wishes}
    shadow = {trade.decided_at_us: trade for trade in trades}
    comparison = _Comparison(live, shadow, market, pip)
    found = []
    for decided_at_us in sorted(live.keys() | shadow.keys()):
        found += comparison.at(decided_at_us)
    return found


@dataclass(frozen=True)
class _Comparison:
    live: Mapping[int, LiveWish]
    shadow: Mapping[int, ShadowTrade]
    market: CostedCandles
    pip: float

    def at(self, decided_at_us: int) -> list[FillDifference]:
        wish, trade = self.live.get(decided_at_us), self.shadow.get(decided_at_us)
        life = None if wish is None or wish.life is None or not wish.life.entries else wish.life
        if trade is None:
            return [] if life is None else [self._only_live(wish, life)]
        if life is None:
            return [self._only_shadow(decided_at_us, wish, trade)]
        return [*self._size(life, trade), *self._entry(life, trade), *self._exit(life, trade)]

    def _only_live(self, wish: LiveWish | None, life: OrderLife) -> FillDifference:
        row = self.market.at(life.entries[0].time_us)
        place = (life.decided_at_us, "trade", f"{life.side:+d} × {life.filled_units}", None)
        if any(trade.entry_row < row <= _last(trade.exit_row) for trade in self.shadow.values()):
            return FillDifference(*place, Cause.FOLLOWS, "the backtest still holds an earlier position")
        if wish is not None and not wish.is_same_code:
            return FillDifference(*place, Cause.CODE, "the decision was made by other code")
        return FillDifference(*place, Cause.UNEXPLAINED, "the backtest makes no trade of this decision")

    def _only_shadow(self, decided_at_us: int, wish: LiveWish | None, trade: ShadowTrade) -> FillDifference:
        place = (decided_at_us, "trade", None, f"{trade.side:+d} × {trade.units}")
        if wish is None:
            return FillDifference(*place, Cause.UNEXPLAINED, "no live decision wanted to trade here")
        if STALE_CANDLE in wish.refusals:
            return FillDifference(*place, Cause.LATE_DATA, wish.refusals[STALE_CANDLE])
        if wish.refusals:
            return FillDifference(*place, Cause.REJECT, "; ".join(wish.refusals.values()))
        if self._was_holding(trade):
            return FillDifference(*place, Cause.FOLLOWS, f"an earlier position was still open: {wish.signal_reason}")
        if wish.life is not None:
            return FillDifference(*place, Cause.REJECT, f"order {wish.life.state}: {wish.life.reason or 'no reason told'}")
        if wish.signal_state == EXPIRED:
            return FillDifference(*place, Cause.LATE_DATA, wish.signal_reason)
        if wish.signal_state is not None:
            return FillDifference(*place, Cause.REJECT, f"signal {wish.signal_state}: {wish.signal_reason}")
        if not wish.is_same_code:
            return FillDifference(*place, Cause.CODE, "the decision was made by other code")
        return FillDifference(*place, Cause.UNEXPLAINED, "the decision has no signal")

    def _was_holding(self, trade: ShadowTrade) -> bool:
        """Whether live held an earlier position when the backtest entered."""
        for wish in self.live.values():
            life = wish.life
            if life is None or not life.entries or life.decided_at_us >= trade.decided_at_us:
                continue
            left = self.market.at(life.exits[-1].time_us) if life.is_closed else _last(None)
            if left >= trade.entry_row:
                return True
        return False

    def _size(self, life: OrderLife, trade: ShadowTrade) -> list[FillDifference]:
        found = []
        if life.filled_units != life.intended_units:
            text = f"{life.filled_units} of {life.intended_units} ordered units were filled"
            found.append(FillDifference(life.decided_at_us, "filled_units", life.filled_units, trade.units, Cause.REJECT, text))
        if life.intended_units != trade.units:
            cause, text = Cause.FOLLOWS, "the size is made of the equity, which is not the backtest's"
            if life.retry:
                cause, text = Cause.REJECT, "given again at half its size after a rejection for want of money"
            found.append(FillDifference(life.decided_at_us, "units", life.intended_units, trade.units, cause, text))
        return found

    def _entry(self, life: OrderLife, trade: ShadowTrade) -> list[FillDifference]:
        row, price = self.market.at(life.entries[0].time_us), average(life.entries)
        found = []
        if row != trade.entry_row:
            text = f"entered {row - trade.entry_row} candles later"
            found.append(FillDifference(life.decided_at_us, "entry_candle", row, trade.entry_row, Cause.LATE_DATA, text))
        theirs = self.market.open_spread(trade.entry_row)
        pays = life.side > 0 or isinstance(self.market.costs, Costs)
        worse = life.side * (price - trade.entry_price)
        place = (life.decided_at_us, "entry_price", price, trade.entry_price)
        return found + self._split(place, worse, self._wider(life.entries[0], row, theirs) if pays else 0.0)

    def _exit(self, life: OrderLife, trade: ShadowTrade) -> list[FillDifference]:
        if trade.exit_row is None or trade.exit_price is None or not life.is_closed:
            return self._half_open(life, trade)
        last, price = life.exits[-1], average(life.exits)
        row = self.market.at(last.time_us)
        pays = life.side < 0 and not isinstance(self.market.costs, Costs)
        wider = self._wider(last, row, self.market.spread(trade.exit_row)) if pays else 0.0
        if (row, last.reason) != (trade.exit_row, trade.exit_reason):
            cause, text = self._of_other_exit(life, trade, row, wider)
            ours, theirs = (f"{last.reason} in candle {row}", f"{trade.exit_reason} in candle {trade.exit_row}")
            return [FillDifference(life.decided_at_us, "exit", ours, theirs, cause, text)]
        worse = life.side * (trade.exit_price - price)
        return self._split((life.decided_at_us, "exit_price", price, trade.exit_price), worse, wider)

    def _half_open(self, life: OrderLife, trade: ShadowTrade) -> list[FillDifference]:
        if life.is_closed == (trade.exit_row is not None):
            return []
        row = self.market.at(life.exits[-1].time_us) if life.is_closed else len(self.market.candles)
        cause, text = self._of_other_exit(life, trade, row, 0.0)
        ours = life.exits[-1].reason if life.is_closed else "open"
        return [FillDifference(life.decided_at_us, "exit", ours, trade.exit_reason or "open", cause, text)]

    def _of_other_exit(self, life: OrderLife, trade: ShadowTrade, row: int, wider: float) -> tuple[Cause, str]:
        """Why a position ended in another candle, or for another reason."""
        if average(life.entries) != trade.entry_price:
            return Cause.FOLLOWS, "it was entered at another price, which moves the levels it is tightened at"
        reason = life.exits[-1].reason if life.exits else None
        if reason == trade.exit_reason and row > _last(trade.exit_row):
            return Cause.LATE_DATA, f"left {row - _last(trade.exit_row)} candles later"
        if abs(wider) > _EXACT:
            return Cause.SPREAD, f"the spread was {wider / self.pip:+.2f} pips wider than the backtest's"
        return Cause.SLIPPAGE, "the broker's prices reached another level than the recorded candles"

    def _wider(self, fill: Executed, row: int, theirs: float) -> float:
        """By how much the spread of a fill was wider than another: as it was paid, else as it was quoted when it was booked."""
        if fill.costs.spread > 0.0 or fill.spread is None:
            return fill.costs.spread / (fill.units * self.market.conversion(row)) - theirs
        return fill.spread - theirs

    def _split(self, place: tuple[int, str, float, float], worse: float, wider: float) -> list[FillDifference]:
        """A price that is `worse` than the backtest's: what of it is a wider spread, and what is not."""
        if worse == 0.0:
            return []
        parts = ((Cause.SPREAD, wider), (Cause.SLIPPAGE, worse - wider))
        exact = _EXACT * max(1.0, abs(place[3]))
        told = [FillDifference(*place, cause, pips=part / self.pip) for cause, part in parts if abs(part) > exact]
        return told or [FillDifference(*place, Cause.SLIPPAGE, "rounding of the price", pips=worse / self.pip)]


def _decided(market: CostedCandles, entry: int) -> int:
    """An order is made of the decision at the close before the candle it fills in, at whose open it is sent."""
    return int(market.candles.known_at_us[entry - 1])


def _last(row: int | None) -> int:
    return 1 << 62 if row is None else row
