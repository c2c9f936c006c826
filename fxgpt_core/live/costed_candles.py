"""The recorded candles of a deployment's series with what the backtest charges in each of them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.live.candle_feed import ReceivedCandles, received
from fxgpt_core.market.charges import Charges, charged
from fxgpt_core.market.conversion import Closes, joining_symbol
from fxgpt_core.market.costs import Costs, FxCosts
from fxgpt_core.market.fills import Terms, bought_above, impact_of, slippage_of
from fxgpt_core.market.symbols import symbol as known_symbol
from fxgpt_core.market.timeframes import timeframe as timeframe_of
from fxgpt_core.registry.ledger import Ledger

EVER = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class CostedCandles:
    """N candles with their costs: a number for all, or `FxCosts` with one for each."""

    candles: CandleArrays
    costs: Costs | FxCosts

    def at(self, time_us: int) -> int:
        """The row of the candle in which a moment lies: the first that closes after it, or the last there is."""
        row = int(np.searchsorted(self.candles.known_at_us, time_us, side="right"))
        return min(row, len(self.candles) - 1)

    def closed_at(self, known_at_us: int) -> int | None:
        """The row of the candle that closed at a moment; None when there is none."""
        row = int(np.searchsorted(self.candles.known_at_us, known_at_us))
        return row if row < len(self.candles) and int(self.candles.known_at_us[row]) == known_at_us else None

    def spread(self, row: int) -> float:
        """What the ask is above the bid in a candle, in price units."""
        if isinstance(self.costs, Costs):
            return self.costs.spread * float(self.candles.close[row])
        return _one(self.costs.spread, row)

    def open_spread(self, row: int) -> float:
        """What the ask is above the bid at a candle's open, in price units."""
        if isinstance(self.costs, Costs):
            return self.costs.spread * float(self.candles.open[row])
        return _one(self.costs.open_spread, row) if len(self.costs.open_spread) else self.spread(row)

    def conversion(self, row: int) -> float:
        """What a unit of the quote currency is worth in account currency in a candle."""
        return 1.0 if isinstance(self.costs, Costs) else _one(self.costs.conversion, row)

    def worse(self, units: float, row: int) -> tuple[float, float]:
        """By how much slippage and impact make a market or stop order fill worse, in price units."""
        if isinstance(self.costs, Costs):
            return 0.0, 0.0
        terms = Terms(0.0, 1.0, False, slippage=self.costs.slippage, impact=self.costs.impact, depth=self.costs.depth)
        return slippage_of(self.spread(row), terms), impact_of(units, self.spread(row), terms)

    def commission(self, units: float, price: float, row: int) -> float:
        """The commission of one side, in account currency."""
        of_a_unit = 0.0 if isinstance(self.costs, Costs) else self.costs.unit_commission
        return self.costs.commission * price * units * self.conversion(row) + of_a_unit * units

    def swap(self, side: int, units: float, first: int, last: int) -> float:
        """What is paid for the nights before the candles (first, last], in account currency; negative: earned."""
        if isinstance(self.costs, Costs):
            return 0.0
        rates = self.costs.swap_long if side > 0 else self.costs.swap_short
        return sum(_one(rates, row) * units * self.conversion(row) for row in range(first + 1, last + 1))

    def touched(self, side: int, level: float, row: int) -> bool:
        """Whether a candle reached the stop of a position on a side; who leaves a short position buys at the ask."""
        if side > 0:
            return float(self.candles.low[row]) <= level
        return float(self.candles.high[row]) + bought_above(1, 0.0 if self._flat else self.spread(row)) >= level

    @property
    def _flat(self) -> bool:
        return isinstance(self.costs, Costs)


def costed(ledger: Ledger, symbol: str, candles: CandleArrays, paid: Costs | Charges) -> CostedCandles:
    """Candles with what `paid` makes of each; the closes that convert its money are those of the feed.

    Raises `BadInputError` where the feed cannot convert the money of some candle.
    """
    if isinstance(paid, Costs):
        return CostedCandles(candles, paid)
    closes = Closes(known_symbol(symbol), candles.known_at_us, candles.close)
    joining = joining_symbol(known_symbol(symbol), paid.account_currency)
    cross = None
    if joining is not None:
        other = arrays_of(received(ledger, joining.name, str(candles.timeframe), EVER), str(candles.timeframe))
        cross = Closes(joining, other.known_at_us, other.close)
    return CostedCandles(candles, charged(closes, candles.open_time_us, paid, spread=candles.spread, cross=cross))


def arrays_of(feed: ReceivedCandles, timeframe: str) -> CandleArrays:
    """The candles of a feed as arrays; a spread that was not told is NaN."""
    columns = {name: _column(feed, name) for name in ("open", "high", "low", "close", "volume")}
    times = np.array([candle.open_time_us for candle in feed.candles], dtype=np.int64)
    spread = _column(feed, "spread")
    told = None if np.isnan(spread).all() else spread
    return CandleArrays(times, **columns, timeframe=timeframe_of(timeframe), spread=told)


def _column(feed: ReceivedCandles, name: str) -> npt.NDArray[np.float64]:
    values = [getattr(candle, name) for candle in feed.candles]
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _one(values: npt.NDArray[np.float64], row: int) -> float:
    return float(values[row] if len(values) > 1 else values[0])
