"""Guards on what is held together: positions counted, and their value by symbol, by currency, in all, and by what moves together.

Orders on their way count as filled, those of unknown outcome too, but never to offset an entry: they may not be filled after all.
Limits are multiples of the equity.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from fxgpt_core.portfolio.exposure import Holding, allowed_share, correlated, exposure
from fxgpt_core.portfolio.guards.denial import Denial
from fxgpt_core.portfolio.guards.settings import GuardSettings
from fxgpt_core.portfolio.guards.situation import Holdings, Situation

FloatArray = npt.NDArray[np.float64]

_ROUNDING = 1e-9


def positions(situation: Situation, settings: GuardSettings) -> Denial | None:
    """How many positions there may be, on the symbol and in all."""
    held = situation.holdings
    if held.on_symbol >= settings.max_positions_per_symbol:
        found, allowed = f"{held.on_symbol} positions are open or ordered on the symbol", settings.max_positions_per_symbol
    elif held.count >= settings.max_positions:
        found, allowed = f"{held.count} positions are open or ordered", settings.max_positions
    else:
        return None
    return Denial("positions", found, f"at most {allowed} with this one", "wait for an exit")


def symbol_exposure(situation: Situation, settings: GuardSettings) -> Denial | None:
    """The value of one symbol, long or short."""

    def after(wish: Holding) -> float:
        held = [each.value for each in situation.holdings.open if each.symbol == wish.symbol]
        coming = [each.value for each in situation.holdings.on_their_way if each.symbol == wish.symbol]
        return abs(sum(held) + wish.value + sum(value for value in coming if value * wish.value > 0.0))

    name, limit = situation.wish.symbol.name, settings.max_symbol_exposure
    return _beyond("symbol_exposure", situation, limit, after, f"{name} would be", "enter less, or close some of it first")


def currency_exposure(situation: Situation, settings: GuardSettings) -> Denial | None:
    """What is held or owed of each currency but the account's own; an entry that makes an amount smaller is never denied."""
    wish, equity = _valued("currency_exposure", situation), situation.account.equity
    if isinstance(wish, Denial):
        return wish
    limit = settings.max_currency_exposure * equity * (1.0 + _ROUNDING)
    for currency, wished in exposure([wish]).items():
        coming = [exposure([order]).get(currency, 0.0) for order in situation.holdings.on_their_way]
        had = exposure(situation.holdings.open).get(currency, 0.0) + sum(each for each in coming if each * wished > 0.0)
        amount = had + wished
        if currency != situation.account.currency and abs(amount) > limit and abs(amount) > abs(had):
            found = f"{currency} would be {amount / equity:+.2f} times the equity"
            allowed = f"at most {settings.max_currency_exposure:g} times either way"
            return Denial("currency_exposure", found, allowed, f"close a position in {currency} first, or enter less")
    return None


def leverage(situation: Situation, settings: GuardSettings) -> Denial | None:
    """The value of everything, long and short added up."""

    def after(wish: Holding) -> float:
        every = (*situation.holdings.open, *situation.holdings.on_their_way)
        return sum(abs(held.value) for held in every) + abs(wish.value)

    return _beyond(
        "leverage", situation, settings.max_leverage, after, "all positions would be", "enter less, or close some first"
    )


def correlation(situation: Situation, settings: GuardSettings) -> Denial | None:
    """What moves with the wish; an unknown correlation counts in full."""
    wish = _valued("correlation", situation)
    if isinstance(wish, Denial):
        return wish
    held, known = _moving_with(wish, situation.holdings)
    equity, limit = situation.account.equity, settings.max_correlated_exposure
    moving = correlated(wish, held, known) + abs(wish.value)
    if moving <= limit * equity * (1.0 + _ROUNDING):
        return None
    fits = allowed_share(wish, held, known, limit * equity)
    found = f"what moves with {wish.symbol.name} would be {moving / equity:.2f} times the equity"
    remedy = f"at most {fits:.0%} of this entry fits; close what moves with it first"
    return Denial("correlation", found, f"at most {limit:g} times", remedy)


def _moving_with(wish: Holding, holdings: Holdings) -> tuple[list[Holding], FloatArray]:
    """What is open, and the orders on their way that do not offset the wish, each with its correlation."""
    n = len(holdings.open)
    known = np.array(holdings.correlation, dtype=np.float64)
    coming = [i for i, order in enumerate(holdings.on_their_way, start=n) if correlated(wish, [order], known[i : i + 1]) > 0.0]
    return [*holdings.open, *(holdings.on_their_way[i - n] for i in coming)], known[[*range(n), *coming]]


def _beyond(
    guard: str, situation: Situation, limit: float, after: Callable[[Holding], float], what: str, remedy: str
) -> Denial | None:
    """Denied when what `after` tells of an entry is beyond a multiple of the equity."""
    wish, equity = _valued(guard, situation), situation.account.equity
    if isinstance(wish, Denial):
        return wish
    amount = after(wish)
    if amount <= limit * equity * (1.0 + _ROUNDING):
        return None
    return Denial(guard, f"{what} {amount / equity:.2f} times the equity", f"at most {limit:g} times", remedy)


def _valued(guard: str, situation: Situation) -> Holding | Denial:
    """The wish as a position; denied while its value, that of something held, or the equity is not known."""
    equity, wish = situation.account.equity, situation.wish.holding
    if not 0.0 < equity < float("inf"):
        found = f"the equity is {equity:g}"
        return Denial(guard, found, "limits are multiples of an equity above 0", "look at the account at the broker")
    unpriced = sorted({*situation.holdings.unpriced, *([situation.wish.symbol.name] if wish is None else [])})
    if wish is None or unpriced:
        found = f"the value of {', '.join(unpriced)} is not known"
        return Denial(guard, found, "a price of everything that is held", "wait for prices in the account's money")
    return wish
