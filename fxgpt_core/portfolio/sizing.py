"""How many units a decision is worth: the risk it may take, capped by the margin it may bind."""

import math

from fxgpt_core.compiled import compiled


@compiled
def position_units(
    equity: float, close: float, stop_distance: float, risk_fraction: float, max_margin_fraction: float, leverage: float
) -> int:
    """Whole units so that a stop at `stop_distance` loses `risk_fraction` of the equity, within the margin cap; 0 for none.

    `equity`, `close` and `stop_distance` are in quote currency, as is the account; `max_margin_fraction` is the largest
    part of the equity that may be bound as margin, so the notional stays within equity × max_margin_fraction × leverage.
    """
    if not (equity > 0.0 and stop_distance > 0.0 and close > 0.0):
        return 0
    by_risk = equity * risk_fraction / stop_distance
    by_margin = equity * max_margin_fraction * leverage / close
    units = min(by_risk, by_margin)
    if not (units >= 1.0 and math.isfinite(units)):
        return 0
    return math.floor(units)


@compiled
def daily_loss_reached(equity: float, day_start_equity: float, limit: float) -> bool:
    """Whether the equity has fallen by the fraction `limit` since the FX day began: then nothing new is entered that day."""
    return equity <= day_start_equity * (1.0 - limit)
