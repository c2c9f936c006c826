"""What orders cost, how they are treated, and where the rules may be better than those of backtesting.py."""

import math
from dataclasses import dataclass

from fxgpt_core.errors import BadInputError
from fxgpt_core.market.costs import Costs, FxCosts

FREE = Costs(0.0, 0.0)


@dataclass(frozen=True)
class FillRules:
    """Where the rules may be better than those of backtesting.py 0.6.6; each is off by default.

    `limit_or_better`: an entry at a limit pays the limit or less (a sale: gets the limit or more), spread included, and waits
    until the price with the spread reaches it; a stop or stop-limit order filled by a gap pays no better than the open.
    `market_first`: orders at the market, which fill at the open, go before stops, targets and limits touched later in the candle.
    `entry_candle_stop`: the stop loss of a limit or stop entry counts in the candle of its entry whenever that touches it.
    `margin_at_fill`: size and margin of an order are judged with open trades marked at its own fill, not at the close of the
    candle it fills in.
    `finish_at_close`: what is open at the end, or when the equity is gone, is closed at the last close, all of it, and orders
    decided there never fill.
    `cancel_all`: an exclusive order cancels every entry that waits, and passes none over.
    """

    limit_or_better: bool = False
    market_first: bool = False
    entry_candle_stop: bool = False
    margin_at_fill: bool = False
    finish_at_close: bool = False
    cancel_all: bool = False


PARITY = FillRules()
"""The rules of backtesting.py 0.6.6, to the last bit."""

REALISTIC = FillRules(True, True, True, True, True, True)
"""Every better rule."""


@dataclass(frozen=True, eq=False)
class OrderTerms:
    """What orders cost and how they are treated.

    `costs`: as fractions, played by `rules`; or `FxCosts`, played by the rules of a two-sided quote and an account that pays swap
    and is stopped out, to which neither `rules` nor `fixed_fee` nor `trade_on_close` can be added. `fixed_fee` in quote currency,
    paid with each fill. `hedging`: trades of both sides may be open at a time; otherwise an order first closes those of the other
    side, oldest first. `exclusive`: an order first cancels what waits and closes what is open. `trade_on_close`: orders at the
    market fill at the close at which they are decided, not at the next open. `finalize`: what is open at the end is closed.
    """

    costs: Costs | FxCosts = FREE
    fixed_fee: float = 0.0
    hedging: bool = False
    exclusive: bool = False
    trade_on_close: bool = False
    finalize: bool = True
    rules: FillRules = PARITY

    def __post_init__(self) -> None:
        if not (math.isfinite(self.fixed_fee) and self.fixed_fee >= 0.0):
            raise BadInputError(f"the fixed fee is {self.fixed_fee}; it is money in quote currency, 0 or more, for each fill")
        if isinstance(self.costs, FxCosts) and (self.fixed_fee or self.trade_on_close or self.rules != PARITY):
            raise BadInputError(
                f"with FxCosts there are fixed_fee {self.fixed_fee}, trade_on_close {self.trade_on_close} and {self.rules}; "
                "these are of flat costs only: leave them out, or give Costs"
            )
