"""What a trade costs: by flat fractions of the price, or by quotes of two sides, slippage, impact and swap."""

import math
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from fxgpt_core.errors import BadInputError
from fxgpt_core.market.modes import Mode
from fxgpt_core.market.rows import Rows
from fxgpt_core.market.symbols import Symbol

FloatArray = npt.NDArray[np.float64]

MAX_COST = 0.1


@dataclass(frozen=True)
class Costs:
    """Costs as fractions of the price: `spread` in full at the entry, `commission` of the notional on each side.

    Raises `BadInputError` for a fraction that is not in [0, 0.1).
    """

    mode: ClassVar[Mode] = Mode.PARITY

    spread: float
    commission: float

    def __post_init__(self) -> None:
        for name, value in (("spread", self.spread), ("commission", self.commission)):
            if not (math.isfinite(value) and 0.0 <= value < MAX_COST):
                raise BadInputError(
                    f"the {name} is {value}; it is a fraction of the price in [0, {MAX_COST}). "
                    "Divide percent by 100, and pips by the price."
                )

    @property
    def round_trip(self) -> float:
        """Cost of one entry and one exit, as a fraction of the price: spread + 2 × commission."""
        return self.spread + 2.0 * self.commission

    def times(self, multiplier: float) -> "Costs":
        """The same costs, `multiplier` times as dear; the cost-stress gate doubles them. Raises `BadInputError`."""
        return Costs(self.spread * multiplier, self.commission * multiplier)

    def select(self, rows: Rows) -> "Costs":
        """The costs in some of the candles: these ones, since they are the same in all."""
        return self


def _nothing() -> FloatArray:
    return np.zeros(1)


@dataclass(frozen=True, eq=False)
class FxCosts:
    """Quotes of two sides and what else trading costs; arrays have a number for each of N candles, or one for all.

    `spread`: ask less bid, in price units; `open_spread`: the same at each candle's open, as `spread` if it is empty.
    `swap_long`, `swap_short`: what a unit pays in quote currency at the open of a candle for the nights before it (negative:
    earns). `conversion`: a unit of quote currency in account currency. `commission`: a fraction of the notional, each side;
    `unit_commission`: money in account currency for a unit, each side. Market and stop orders fill worse by `slippage` ×
    spread, and by `impact` × spread × √(units / `depth`). Where equity over margin falls to `stop_out` the broker closes the
    position; 0: never. Raises `BadInputError` for numbers that are not finite, or negative where they cannot be.
    """

    mode: ClassVar[Mode] = Mode.FX

    spread: FloatArray
    swap_long: FloatArray = field(default_factory=_nothing)
    swap_short: FloatArray = field(default_factory=_nothing)
    conversion: FloatArray = field(default_factory=lambda: np.ones(1))
    open_spread: FloatArray = field(default_factory=lambda: np.empty(0))
    commission: float = 0.0
    unit_commission: float = 0.0
    slippage: float = 0.0
    impact: float = 0.0
    depth: float = 1_000_000.0
    stop_out: float = 0.5

    def __post_init__(self) -> None:
        for name in QUOTED:
            values = getattr(self, name)
            low = -math.inf if name.startswith("swap") else 0.0
            bad = int((~np.isfinite(values) | (values < low)).sum()) + (name == "conversion" and int((values == 0.0).sum()))
            if bad or values.ndim != 1 or (len(values) == 0 and name != "open_spread"):
                raise BadInputError(
                    f"{bad} of the {values.size} numbers of {name} are not finite, or too low; needed is one number, or one for "
                    "each candle, finite, not negative unless it is a swap: fill the gaps before"
                )
        plain = ("commission", "unit_commission", "slippage", "impact", "stop_out")
        negative = [name for name in plain if not (math.isfinite(getattr(self, name)) and getattr(self, name) >= 0.0)]
        if negative or not self.depth > 0.0:
            raise BadInputError(
                f"{', '.join(negative) or 'depth'} of {self} cannot be; costs are finite and at least 0, depth is above"
            )

    def times(self, multiplier: float) -> "FxCosts":
        """The same costs, `multiplier` times as dear; what is earned by swap stays as it is. Raises `BadInputError`."""
        dearer = {name: getattr(self, name) * multiplier for name in ("spread", "open_spread", "commission", "unit_commission")}
        for name in ("swap_long", "swap_short"):
            rate = getattr(self, name)
            dearer[name] = np.where(rate > 0.0, rate * multiplier, rate)
        return replace(self, **dearer)

    def select(self, rows: Rows) -> "FxCosts":
        """The costs in some of the candles; what is one number for all stays so."""
        columns = {name: getattr(self, name) for name in QUOTED}
        return replace(self, **{name: values[rows] if len(values) > 1 else values for name, values in columns.items()})


QUOTED = ("spread", "open_spread", "swap_long", "swap_short", "conversion")
"""What `FxCosts` knows for each candle."""

DEFAULT_COMMISSION = 0.00002


def costs_for(symbol: Symbol, reference_price: float, multiplier: float = 1.0) -> Costs:
    """The typical costs of a symbol: its typical spread in pips over `reference_price`, and 0.002 % commission a side.

    The commission is the usual one of a raw-spread account (2 units of money for 100,000 of notional, each side).
    Raises `BadInputError` for a price that is not positive and finite.
    """
    if not (math.isfinite(reference_price) and reference_price > 0.0):
        raise BadInputError(
            f"the reference price of {symbol.name} is {reference_price}; give a positive price, such as the median close."
        )
    return Costs(symbol.typical_spread_pips * symbol.pip / reference_price, DEFAULT_COMMISSION).times(multiplier)
