"""What an account holds of each currency, and how much of it moves with a further entry. The limits are `guards.holdings`.

A pair is two positions: EURUSD long is euros held and dollars owed. So EURUSD and GBPUSD, both long, owe dollars twice, and
positions of different names can be one bet.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fxgpt_core.errors import BadInputError
from fxgpt_core.market.symbols import Symbol

FloatArray = npt.NDArray[np.float64]

_FEWEST_DAYS = 20


@dataclass(frozen=True)
class Holding:
    """`units` of a symbol's base currency, below 0 for a short, at a `price` in its quote currency.

    `quote_value` is what one unit of the quote currency is worth in account money. Raises `BadInputError` for what has no value.
    """

    symbol: Symbol
    units: float
    price: float
    quote_value: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.units) and 0.0 < self.price < math.inf and 0.0 < self.quote_value < math.inf):
            raise BadInputError(
                f"{self.units} units of {self.symbol.name} at {self.price}, the quote currency worth {self.quote_value}, have no "
                "value; give finite units, and prices above 0"
            )

    @property
    def value(self) -> float:
        """In account money, below 0 for a short."""
        return self.units * self.price * self.quote_value


def exposure(holdings: Sequence[Holding]) -> dict[str, float]:
    """The net amount of each currency in account money, by its name in alphabetical order; below 0 where it is owed."""
    net: dict[str, float] = {}
    for holding in holdings:
        net[holding.symbol.base] = net.get(holding.symbol.base, 0.0) + holding.value
        net[holding.symbol.quote] = net.get(holding.symbol.quote, 0.0) - holding.value
    return dict(sorted(net.items()))


def correlated(wish: Holding, held: Sequence[Holding], correlation: FloatArray) -> float:
    """How much of what is held, in account money, moves with a wish: Σ correlation × value in the wish's direction.

    `correlation` float64[H] is that of each held symbol's returns with those of the wish; an unknown one (NaN) counts as full,
    in the worse direction. Below 0, what is held offsets the wish. Raises `BadInputError` for another number of correlations.
    """
    if len(correlation) != len(held) or (np.abs(correlation) > 1.0 + 1e-9).any():
        raise BadInputError(f"{len(correlation)} correlations for {len(held)} positions found; one in [-1, 1] for each is needed")
    direction = math.copysign(1.0, wish.units)
    return sum(
        abs(position.value) if math.isnan(rho) else direction * rho * position.value
        for position, rho in zip(held, correlation.tolist(), strict=True)
    )


def allowed_share(wish: Holding, held: Sequence[Holding], correlation: FloatArray, limit: float) -> float:
    """The largest share of a wish, in [0, 1], that keeps what moves with it within a limit in account money."""
    room = limit - correlated(wish, held, correlation)
    return 1.0 if abs(wish.value) <= room else max(room, 0.0) / abs(wish.value)


def correlations(returns: FloatArray) -> FloatArray:
    """float64[K,K]: Pearson's correlation of returns float64[T,K] over the days that both symbols know; NaN where there is none.

    At least 20 common days and some movement are needed for a number.
    """
    k = returns.shape[1]
    found = np.full((k, k), np.nan)
    for i in range(k):
        for j in range(i, k):
            pair = returns[:, [i, j]]
            pair = pair[np.isfinite(pair).all(axis=1)]
            if len(pair) >= _FEWEST_DAYS and (np.ptp(pair, axis=0) > 0.0).all():
                found[i, j] = found[j, i] = float(np.clip(np.asarray(np.corrcoef(pair, rowvar=False))[0, 1], -1.0, 1.0))
    return found
