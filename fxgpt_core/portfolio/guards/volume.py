"""Guards on the size of one order: the broker's grid, and the margin it binds. Sizes are rounded down, never up."""

from fxgpt_core.portfolio.guards.denial import Denial
from fxgpt_core.portfolio.guards.settings import GuardSettings
from fxgpt_core.portfolio.guards.situation import Situation, Terms


def units_on_grid(units: int, terms: Terms | None) -> int:
    """The largest size on the symbol's grid that is not above `units`; 0 below the smallest. Without terms the size itself."""
    if terms is None:
        return units
    if units < terms.min_units:
        return 0
    allowed = min(units, terms.max_units)
    return terms.min_units + (allowed - terms.min_units) // terms.step_units * terms.step_units


def volume(situation: Situation, _: GuardSettings) -> Denial | None:
    """The size must be one that can be ordered."""
    units, terms = situation.wish.units, situation.terms
    smallest = 1 if terms is None else terms.min_units
    allowed = f"at least {smallest}"
    if terms is not None:
        allowed = f"{terms.min_units} to {terms.max_units} in steps of {terms.step_units}"
    if units >= smallest and units == units_on_grid(units, terms):
        return None
    remedy = "the risk or the margin is too small for the symbol: a larger account or risk, or leave it"
    return Denial("volume", f"the size is {units} units", allowed, remedy)


def margin(situation: Situation, settings: GuardSettings) -> Denial | None:
    """The order may bind a share of the free margin, of which orders on their way have taken theirs already."""
    coming = sum(abs(order.value) for order in situation.holdings.on_their_way) / situation.account.leverage
    free, expected = situation.account.free_margin - coming, _expected_margin(situation)
    allowed = f"at most {settings.max_margin_use:.0%} of the free margin, {max(settings.max_margin_use * free, 0.0):.2f}"
    if expected is None:
        remedy = "wait for a price of the symbol in the account's money"
        return Denial("margin", "the margin of the order is not known", allowed, remedy)
    if 0.0 <= expected <= settings.max_margin_use * free:
        return None
    return Denial("margin", f"the order would bind {expected:.2f}", allowed, "close a position first, or risk less")


def _expected_margin(situation: Situation) -> float | None:
    if situation.wish.margin is not None:
        return situation.wish.margin
    holding = situation.wish.holding
    return None if holding is None else abs(holding.value) / situation.account.leverage
