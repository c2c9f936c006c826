"""What an account holds of each currency, and how much of it moves with a further entry: each limit denies with its number.

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


@dataclass(frozen=True)
class ExposureLimits:
    """Both as multiples of the equity: of one foreign currency, and of all that moves with one entry. Raises `BadInputError`."""

    max_currency: float
    max_correlated: float

    def __post_init__(self) -> None:
        if not (self.max_currency > 0.0 and self.max_correlated > 0.0):
            raise BadInputError(f"{self} would deny every entry; multiples of the equity above 0 are needed")


def exposure(holdings: Sequence[Holding]) -> dict[str, float]:
    """The net amount of each currency in account money, by its name in alphabetical order; below 0 where it is owed."""
    net: dict[str, float] = {}
    for holding in holdings:
        net[holding.symbol.base] = net.get(holding.symbol.base, 0.0) + holding.value
        net[holding.symbol.quote] = net.get(holding.symbol.quote, 0.0) - holding.value
    return dict(sorted(net.items()))


def currency_denials(
    wish: Holding, held: Sequence[Holding], equity: float, account_currency: str, limits: ExposureLimits
) -> tuple[str, ...]:
    """Why an entry may not be added for the currencies it would hold; empty when it may.

    The account's own currency is no risk to it, and an entry that makes an exposure smaller is never denied.
    """
    if not equity > 0.0:
        return (f"the equity is {equity}; exposure is limited to a multiple of it, and there is none",)
    before, after = exposure(held), exposure([*held, wish])
    limit = limits.max_currency * equity
    return tuple(
        f"{currency} would be {after[currency] / equity:+.2f} times the equity, "
        f"{limits.max_currency:.2f} times is allowed either way: close a position in {currency} first, or enter less"
        for currency in (wish.symbol.base, wish.symbol.quote)
        if currency != account_currency and abs(after[currency]) > limit and abs(after[currency]) > abs(before.get(currency, 0.0))
    )


def correlation_denial(
    wish: Holding, held: Sequence[Holding], correlation: FloatArray, equity: float, limits: ExposureLimits
) -> tuple[str, ...]:
    """Why an entry may not be added for what moves with it; empty when it may. `correlation` is as in `correlated`."""
    moving = correlated(wish, held, correlation) + abs(wish.value)
    if moving <= limits.max_correlated * equity:
        return ()
    return (
        f"what moves with {wish.symbol.name} would be {moving / equity:.2f} times the equity, {limits.max_correlated:.2f} times "
        f"is allowed: at most {allowed_share(wish, held, correlation, equity, limits):.0%} of this entry fits",
    )


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


def allowed_share(
    wish: Holding, held: Sequence[Holding], correlation: FloatArray, equity: float, limits: ExposureLimits
) -> float:
    """The largest share of a wish, in [0, 1], that keeps what moves with it within the limit."""
    room = limits.max_correlated * equity - correlated(wish, held, correlation)
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
