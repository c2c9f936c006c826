"""A wish at a candle's close becomes an order for the next one; compiled, numbers in and numbers out."""

from typing import NamedTuple

from fxgpt_core.compiled import compiled
from fxgpt_core.market.fills import REASON_STOP, Terms, bought_above, bracket, bracket_holds
from fxgpt_core.market.positions import LIMIT_ENTRY, MARKET, NOTHING, STOP_ENTRY, Candle, Held
from fxgpt_core.portfolio.sizing import position_units


class Wish(NamedTuple):
    """What is decided at a candle's close: distances in price units, risk as a fraction of equity, offset as in `tape.Wishes`.

    `trailing_gap` is what a trailing stop keeps away beyond the plan, in price units; `pattern_led`: a chart pattern made it.
    """

    side: int
    stop_distance: float
    target_distance: float
    risk_fraction: float
    entry_offset: float
    trailing_gap: float
    pattern_led: bool


@compiled
def placed(candle: Candle, wish: Wish, terms: Terms, equity: float, max_margin_fraction: float) -> Held:
    """The order that a wish at a candle's close makes for the next one; no units if its bracket or size is impossible."""
    side, spread = wish.side, candle.spread
    level = candle.close + side * wish.entry_offset
    stop, target = bracket(side, level, wish.stop_distance, wish.target_distance)
    entry = level if wish.entry_offset != 0.0 else level + bought_above(side, spread)
    if not bracket_holds(side, entry, terms.entry_spread, stop, target):
        return NOTHING
    if not terms.parity and side * (entry - side * spread - stop) <= 0.0:  # a stop within the spread
        return NOTHING
    units = position_units(
        equity / candle.conversion, level, wish.stop_distance, wish.risk_fraction, max_margin_fraction, terms.leverage
    )
    kind = MARKET if wish.entry_offset == 0.0 else (STOP_ENTRY if wish.entry_offset > 0.0 else LIMIT_ENTRY)
    return Held(
        side, units, kind, candle.number, level, stop, target, REASON_STOP, wish.trailing_gap, 0.0, 0.0, 0.0, 0.0,
        wish.pattern_led,
    )  # fmt: skip
