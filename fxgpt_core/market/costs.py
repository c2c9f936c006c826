"""What a trade costs: the spread once, at the entry, and a commission on each side."""

import math
from dataclasses import dataclass

from fxgpt_core.errors import BadInputError
from fxgpt_core.market.symbols import Symbol

MAX_COST = 0.1


@dataclass(frozen=True)
class Costs:
    """Costs as fractions of the price: `spread` in full at the entry, `commission` of the notional on each side.

    Raises `BadInputError` for a fraction that is not in [0, 0.1).
    """

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
