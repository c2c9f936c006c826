"""What a venue lays down for each symbol: sizes, distances, schedule, mode; and when by it the market is open."""

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from fxgpt_core.brokers.ctrader_simulator.codes import TradingMode
from fxgpt_core.market.sessions import NEW_YORK, wall_clock_us
from fxgpt_core.market.symbols import SYMBOLS, Symbol
from fxgpt_core.market.timeframes import DAY_US, HOUR_US

SECOND_US: Final = 1_000_000
DAY_SECONDS: Final = 86_400
FX_LOT: Final = 10_000_000
GOLD_LOT: Final = 10_000
_SUNDAY_OF_EPOCH: Final = 4  # 1970-01-01 was a Thursday; days from it to the Sunday before


@dataclass(frozen=True)
class SymbolTerms:
    """The terms of one symbol: volumes in hundredths of a unit, `schedule` in seconds from Sunday 00:00 in `zone`.

    `stop_points` is how near to the market a stop or target may lie, in points of 10^-digits; `holidays` are days since the epoch
    on the clock of `zone` on which nothing is traded.
    """

    symbol_id: int
    symbol: Symbol
    lot_size: int
    min_volume: int
    max_volume: int
    step_volume: int
    max_exposure: int
    schedule: tuple[tuple[int, int], ...]
    zone: str = NEW_YORK
    digits: int = 5
    stop_points: int = 0
    mode: TradingMode = TradingMode.ENABLED
    holidays: tuple[int, ...] = field(default=())

    @property
    def pip_position(self) -> int:
        """A pip is 10^-pip_position."""
        return round(-math.log10(self.symbol.pip))

    @property
    def point(self) -> float:
        """The smallest step of a price."""
        return float(10.0**-self.digits)

    def rounded(self, price: float) -> float:
        """A price as the venue tells it."""
        return round(price, self.digits)

    def has_holiday(self, time_us: int) -> bool:
        """Whether a UTC time lies on a holiday of the symbol."""
        return self._wall_us(time_us) // DAY_US in self.holidays

    def _wall_us(self, time_us: int) -> int:
        return int(wall_clock_us(np.array([time_us], dtype=np.int64), self.zone)[0])

    def is_open(self, time_us: int) -> bool:
        """Whether the symbol is traded at a UTC time."""
        wall = self._wall_us(time_us)
        if wall // DAY_US in self.holidays:
            return False
        second = (wall // SECOND_US + _SUNDAY_OF_EPOCH * DAY_SECONDS) % (7 * DAY_SECONDS)
        return any(start <= second < end for start, end in self.schedule)


def always_open() -> tuple[tuple[int, int], ...]:
    """The schedule of a venue that never closes, for rehearsals on a weekend."""
    return ((0, 7 * DAY_SECONDS),)


def fx_schedule(symbol: Symbol) -> tuple[tuple[int, int], ...]:
    """Sunday 17:00 to Friday 17:00 New York, with the symbol's daily break after 17:00."""
    close, pause = 17 * HOUR_US // SECOND_US, symbol.daily_break_minutes * 60
    if pause == 0:
        return ((close, 5 * DAY_SECONDS + close),)
    days = range(5)
    return tuple((day * DAY_SECONDS + close + pause, (day + 1) * DAY_SECONDS + close) for day in days)


def terms_of_symbol(symbol: Symbol, symbol_id: int, *, is_always_open: bool = False) -> SymbolTerms:
    """Usual retail terms: a lot of 100,000 units (100 ounces of gold), a step of 0.01 lot, at most 100 lots an order."""
    lot = GOLD_LOT if symbol.base == "XAU" else FX_LOT
    return SymbolTerms(
        symbol_id=symbol_id,
        symbol=symbol,
        lot_size=lot,
        min_volume=lot // 100,
        max_volume=lot * 100,
        step_volume=lot // 100,
        max_exposure=lot * 500,
        schedule=always_open() if is_always_open else fx_schedule(symbol),
        digits=symbol.digits,
    )


def all_terms(seed: int, *, is_always_open: bool = False) -> dict[int, SymbolTerms]:
    """Terms of every symbol of fxgpt by id; ids follow the seed, as those of every server are its own."""
    names = list(SYMBOLS)
    ids = np.random.default_rng(seed).permutation(np.arange(1, 10 * len(names)))[: len(names)]
    found = (
        terms_of_symbol(SYMBOLS[name], int(number), is_always_open=is_always_open)
        for name, number in zip(names, ids, strict=True)
    )
    return {terms.symbol_id: terms for terms in found}
