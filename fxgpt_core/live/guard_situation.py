"""The situation of an account as the guards look at it, gathered from the ledger and the broker's books."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from sqlalchemy import Connection, select

from fxgpt_core.brokers.broker import Broker, Quote
from fxgpt_core.live import account_history, equity_marks, state_of_trading
from fxgpt_core.live.intents import OPEN_STATES, IntentState
from fxgpt_core.live.symbol_correlation import correlations_with
from fxgpt_core.market.sessions import fx_clock_us
from fxgpt_core.market.symbols import symbol as symbol_of
from fxgpt_core.market.timeframes import DAY_US, MINUTE_US
from fxgpt_core.portfolio.exposure import Holding
from fxgpt_core.portfolio.guards.settings import GuardSettings
from fxgpt_core.portfolio.guards.situation import AccountSituation, Holdings
from fxgpt_core.registry.live_tables import decisions, order_intents, positions, signals

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Look:
    """One look at an account: through which connection, at which broker, when (µs; market time in a replay)."""

    connection: Connection
    broker: Broker
    account: str
    now_us: int
    in_replay: bool


@dataclass(frozen=True)
class SentOrders:
    """Symbols of the orders sent in this FX day, with when (µs), decided in market time where candles are replayed."""

    rows: tuple[tuple[str, int], ...]

    def within(self, since_us: int, name: str | None = None) -> int:
        """How many after a moment, of one symbol or of all."""
        return sum(sent_us > since_us and name in (None, symbol) for symbol, sent_us in self.rows)


def account_situation(
    look: Look, settings: GuardSettings, sent: SentOrders, skew_us: int | None, currency: str
) -> AccountSituation:
    """The account's part: state, money and counts."""
    account, connection = look.broker.account(), look.connection
    rejected_since = moment(look.now_us) - timedelta(minutes=settings.rejection_minutes)
    return AccountSituation(
        now_us=look.now_us,
        state=state_of_trading.state(connection, look.account),
        is_ready=look.broker.is_ready,
        skew_us=skew_us,
        currency=currency,
        equity=account.equity,
        leverage=account.leverage,
        free_margin=account.equity - account.margin,
        day_start_equity=_day_start(look, account.equity),
        high_water=account_history.high_water(connection, look.account),
        orders_last_minute=sent.within(look.now_us - MINUTE_US),
        orders_today=sent.within(fx_day_start_us(look.now_us) - 1),
        rejections=account_history.rejections(connection, look.account, rejected_since),
    )


def sent_orders(look: Look) -> SentOrders:
    """Orders sent since 17:00 New York, and within the last minute; a replay of a day in a minute is no burst.

    In a replay another symbol's market may be ahead; its orders are not of this minute.
    """
    since_us = min(fx_day_start_us(look.now_us) - 1, look.now_us - MINUTE_US)
    mine = (order_intents.c.account == look.account, order_intents.c.sent_at.is_not(None))
    if not look.in_replay:
        asked = select(order_intents.c.symbol, order_intents.c.sent_at)
        rows = look.connection.execute(asked.where(*mine, order_intents.c.sent_at > moment(since_us))).all()
        return SentOrders(tuple((str(row.symbol), micros(row.sent_at)) for row in rows))
    decided = (
        select(order_intents.c.symbol, decisions.c.known_at_us)
        .join(signals, signals.c.signal_key == order_intents.c.signal_key)
        .join(decisions, decisions.c.id == signals.c.decision_id)
        .where(*mine, decisions.c.known_at_us > since_us, decisions.c.known_at_us <= look.now_us)
    )
    return SentOrders(tuple((str(name), int(known_at_us)) for name, known_at_us in look.connection.execute(decided)))


def holdings(look: Look, name: str, timeframe: str) -> Holdings:
    """Everything open or on its way; correlations with a symbol are of the closes of the feed, in candles of a timeframe."""
    open_units = _open_units(look)
    mine = (order_intents.c.account == look.account, order_intents.c.state.in_(OPEN_STATES))
    orders = look.connection.execute(select(order_intents).where(*mine)).all()
    coming = [(str(row.symbol), int(row.side) * (int(row.units) - int(row.filled_units)), row.signal_price) for row in orders]
    names = [each[0] for each in (*open_units, *coming)]
    unknown = [row for row in orders if row.symbol == name and row.state == IntentState.UNKNOWN]
    held, unpriced = _valued(look.broker, open_units)
    on_their_way, unpriced_too = _valued(look.broker, coming)
    return Holdings(
        open=held,
        on_their_way=on_their_way,
        correlation=() if look.in_replay else correlations_with(look.connection, name, timeframe, (*held, *on_their_way)),
        count=len(names),
        on_symbol=names.count(name),
        unknown_orders=len(unknown),
        unpriced=(*unpriced, *unpriced_too),
    )


def fx_day_start_us(time_us: int) -> int:
    """17:00 New York at or before a moment, in µs."""
    return time_us - int(fx_clock_us(np.array([time_us], dtype=np.int64))[0]) % DAY_US


def micros(time: datetime) -> int:
    """µs since the epoch."""
    return (time - _EPOCH) // _MICROSECOND


def moment(time_us: int) -> datetime:
    """The time of µs since the epoch."""
    return _EPOCH + time_us * _MICROSECOND


def _open_units(look: Look) -> list[tuple[str, int, float]]:
    """Symbol, signed units and entry price of every position that the broker or the ledger has, each once."""
    found = {held.position_id: (held.symbol, int(held.side) * held.units, held.entry_price) for held in look.broker.positions()}
    ours = select(positions).where(positions.c.account == look.account, positions.c.state == "open")
    for row in look.connection.execute(ours):
        left = int(row.side) * (int(row.units) - int(row.closed_units))
        found.setdefault(str(row.position_id), (str(row.symbol), left, float(row.entry_price)))
    return list(found.values())


def _valued(broker: Broker, every: Sequence[tuple[str, int, float | None]]) -> tuple[tuple[Holding, ...], tuple[str, ...]]:
    """Those with a value, and the names of those without one."""
    found, unpriced = [], []
    for name, units, known_price in every:
        quote = broker.quote(name)
        price = known_price if quote is None or quote.bid is None or quote.ask is None else (quote.bid + quote.ask) / 2.0
        if quote is None or price is None:
            unpriced.append(name)
        else:
            found.append(Holding(symbol_of(name), units, price, quote.conversion))
    return tuple(found), tuple(unpriced)


def price_of(quote: Quote | None, side: int, close: float) -> float | None:
    """What an entry costs: the ask for a long, the bid for a short, the close where no sides are told; None without a quote."""
    if quote is None:
        return None
    told = quote.ask if side > 0 else quote.bid
    return close if told is None else told


def _day_start(look: Look, equity: float) -> float | None:
    """In a replay the day begins with its first candle; before that nothing was lost."""
    if not look.in_replay:
        return account_history.day_start_equity(look.connection, look.account)
    begun = equity_marks.day_start(look.connection, look.account)
    return equity if begun is None else begun.equity
