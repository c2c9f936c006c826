"""A situation in which every guard lets an order pass, to be changed in one place at a time."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from fxgpt_core.brokers.broker import TradingTerms
from fxgpt_core.market.symbols import symbol
from fxgpt_core.portfolio.exposure import Holding
from fxgpt_core.portfolio.guards.situation import AccountSituation, Holdings, Prices, Record, Situation, Wish
from fxgpt_core.portfolio.trading_state import TradingState

SECOND_US, HOUR_US = 1_000_000, 3_600_000_000
NOW_US = int(datetime(2024, 3, 5, 14, 0, 10, tzinfo=UTC).timestamp()) * SECOND_US
"""A Tuesday, ten seconds after the close of an hourly candle."""

ACCOUNT = AccountSituation(
    now_us=NOW_US,
    state=TradingState.ACTIVE,
    is_ready=True,
    skew_us=0,
    currency="USD",
    equity=100_000.0,
    leverage=30.0,
    free_margin=90_000.0,
    day_start_equity=100_000.0,
    high_water=100_000.0,
    orders_last_minute=0,
    orders_today=0,
    rejections=0,
)
WISH = Wish(
    symbol=symbol("EURUSD"),
    side=1,
    units=100_000,
    price=1.1,
    quote_value=1.0,
    known_at_us=NOW_US - 10 * SECOND_US,
    candle_us=HOUR_US,
    daily_loss_limit=0.05,
)
TERMS = TradingTerms(digits=5, pip=0.0001, min_units=1000, max_units=5_000_000, step_units=1000)
QUIET = Situation(
    account=ACCOUNT,
    wish=WISH,
    prices=Prices(bid=1.09995, ask=1.10005, time_us=NOW_US - SECOND_US, usual_spread=0.0001),
    holdings=Holdings((), (), (), 0, 0, 0),
    record=Record(0, 0, None),
    terms=TERMS,
)


def changed(part: str, **changes: Any) -> Situation:
    """The quiet situation with one of its parts changed; part `terms`, too."""
    return replace(QUIET, **{part: replace(getattr(QUIET, part), **changes)})


def holding(name: str, units: float, price: float, quote_value: float = 1.0) -> Holding:
    return Holding(symbol(name), units, price, quote_value)


def held(*open_now: Holding, coming: tuple[Holding, ...] = (), correlation: tuple[float, ...] | None = None) -> Situation:
    """The quiet situation with positions open and orders on their way; uncorrelated unless told."""
    n = len(open_now) + len(coming)
    return changed("holdings", open=open_now, on_their_way=coming, correlation=correlation or (0.0,) * n, count=n)
