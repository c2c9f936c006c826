"""The guards of one account at work: what they look at is gathered, a no is written down, and what they want beyond is done.

An account that replays candles asks only what means something there, with what its backtest allows: so it decides as that does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select

from fxgpt_core.brokers.broker import Broker
from fxgpt_core.live.denials import told, write_denials
from fxgpt_core.live.deployed import Deployed
from fxgpt_core.live.deployed_bytes import DeployedBytes
from fxgpt_core.live.guard_reactions import GuardReactions
from fxgpt_core.live.guard_situation import Look, SentOrders, account_situation, holdings, micros, price_of, sent_orders
from fxgpt_core.live.losing_streak import losing_streak
from fxgpt_core.live.quote_watch import QuoteWatch
from fxgpt_core.market.orders import Side
from fxgpt_core.market.symbols import symbol as symbol_of
from fxgpt_core.market.timeframes import MINUTE_US
from fxgpt_core.market.timeframes import timeframe as timeframe_of
from fxgpt_core.portfolio.guards.denial import Denial
from fxgpt_core.portfolio.guards.evaluation import GUARDS, REPLAY_SETTINGS, REPLAYED, denials
from fxgpt_core.portfolio.guards.readiness import not_ready
from fxgpt_core.portfolio.guards.settings import GuardSettings
from fxgpt_core.portfolio.guards.situation import AccountSituation, Holdings, Prices, Record, Situation, Wish
from fxgpt_core.registry.lake import Lake
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_tables import decisions, signals

LOOK_AGAIN = timedelta(seconds=2)
NOTHING_HELD = Holdings((), (), (), 0, 0, 0)
NO_RECORD = Record(0, 0, None)


@dataclass(frozen=True)
class Entry:
    """The order a signal would become: `close` is that of the decision's candle, known at `known_at_us`; `market_us` is the
    market's own time.
    """

    deployment: Deployed
    side: int
    units: int
    close: float
    known_at_us: int
    market_us: int
    daily_loss_limit: float
    account_currency: str


class Guarding:
    """The guards of one account; `settings` None: it replays candles."""

    def __init__(self, lake: Lake, ledger: Ledger, broker: Broker, account: str, settings: GuardSettings | None) -> None:
        self._ledger, self._broker, self._account = ledger, broker, account
        self._in_replay = settings is None
        self._settings = REPLAY_SETTINGS if settings is None else settings
        self._guards = REPLAYED if settings is None else GUARDS
        self._bytes = DeployedBytes(lake)
        self._quotes = QuoteWatch()
        self._reactions = GuardReactions(ledger, account, self._settings)
        self._looked_at: datetime | None = None

    async def refusals(self, entry: Entry) -> tuple[Denial, ...]:
        """Why an order may not be planned; empty when it may."""
        if not self._broker.is_ready:
            return (not_ready(),)
        wish = await self._wish(entry)
        with self._ledger.reading() as connection:
            look = self._look(connection, entry.market_us)
            sent = sent_orders(look)
            deployment, name = entry.deployment, wish.symbol.name
            streak = (0, None) if self._in_replay else losing_streak(connection, self._account, deployment.deployment_id)
            situation = Situation(
                account=self._account_situation(look, sent, entry.account_currency),
                wish=wish,
                prices=self._prices(name),
                holdings=holdings(look, name, deployment.timeframe),
                record=Record(sent.within(look.now_us - MINUTE_US, name), *streak),
                terms=self._broker.terms(name),
            )
        return denials(situation, self._settings, self._guards)

    def refused(
        self, connection: Connection, place: tuple[str, str], found: Sequence[Denial], client_order_id: str | None = None
    ) -> None:
        """Write down why a signal (`place`: its symbol and key) was refused, and do what its guards want, in one transaction."""
        write_denials(connection, self._account, place, found, self._ledger.now(), client_order_id)
        if not self._in_replay:
            self._reactions.act(connection, found)

    def refusal_now(self, connection: Connection, intent: Row[Any]) -> str:
        """Why an intent may not leave now, asked in the transaction that would mark it sent; the guards of the moment, once more.

        The rows are written there too. Time may have passed since it was planned: by a restart, or by peace the broker wanted.
        """
        found = (not_ready(),) if not self._broker.is_ready else self._of_the_moment(connection, intent)
        self.refused(connection, (str(intent.symbol), str(intent.signal_key)), found, str(intent.client_order_id))
        return told(found)

    def waits_for_prices(self, name: str, known_at_us: int) -> bool:
        """Whether a wish should wait: a new connection tells prices, and by them the broker's clock, only after a moment.

        A wish that is too old does not wait; it is denied, with what was missing.
        """
        if self._in_replay or (self._quotes.skew_us is not None and self._broker.quote(name) is not None):
            return False
        return micros(self._ledger.now()) - known_at_us <= self._settings.max_signal_age_s * 1_000_000

    def watch(self, names: Sequence[str]) -> None:
        """Look at prices, and every two seconds at the account: some guards want it reduced or halted without any order.

        To be called often; does nothing where candles are replayed, and while the broker's books are not known.
        """
        if self._in_replay or not self._broker.is_ready:
            return
        now = self._ledger.now()
        quotes = [(name, quote) for name in names if (quote := self._broker.quote(name)) is not None]
        self._quotes.look(quotes, micros(now), self._broker.connections)
        if self._looked_at is not None and now - self._looked_at < LOOK_AGAIN:
            return
        self._looked_at = now
        with self._ledger.begin() as connection:
            self._reactions.mark(connection, self._broker.account().equity)
            look = self._look(connection, 0)
            self._reactions.look(connection, self._account_situation(look, sent_orders(look), ""))

    def _of_the_moment(self, connection: Connection, intent: Row[Any]) -> tuple[Denial, ...]:
        asked = select(decisions.c.known_at_us, decisions.c.timeframe).join(signals, signals.c.decision_id == decisions.c.id)
        decided = connection.execute(asked.where(signals.c.signal_key == intent.signal_key)).one()
        symbol, candle_us = symbol_of(intent.symbol), timeframe_of(decided.timeframe).us
        look = self._look(connection, int(decided.known_at_us))
        wish = Wish(symbol, int(intent.side), int(intent.units), None, None, int(decided.known_at_us), candle_us, 1.0)
        account = self._account_situation(look, SentOrders(()), "")
        prices, terms = self._prices(symbol.name), self._broker.terms(symbol.name)
        situation = Situation(account, wish, prices, NOTHING_HELD, NO_RECORD, terms)
        return denials(situation, self._settings, tuple(guard for guard in self._guards if guard.of_moment))

    async def _wish(self, entry: Entry) -> Wish:
        deployment, symbol = entry.deployment, symbol_of(entry.deployment.symbol)
        margin = None
        if not self._in_replay and entry.units > 0:
            margin = await self._broker.expected_margin(symbol.name, Side(entry.side), entry.units)
        quote = self._broker.quote(symbol.name)
        return Wish(
            symbol=symbol,
            side=entry.side,
            units=entry.units,
            price=price_of(quote, entry.side, entry.close),
            quote_value=None if quote is None else quote.conversion,
            known_at_us=entry.known_at_us,
            candle_us=timeframe_of(deployment.timeframe).us,
            daily_loss_limit=entry.daily_loss_limit,
            margin=margin,
            flaw=self._bytes.flaw(deployment),
        )

    def _look(self, connection: Connection, market_us: int) -> Look:
        now_us = market_us if self._in_replay else micros(self._ledger.now())
        return Look(connection, self._broker, self._account, now_us, self._in_replay)

    def _account_situation(self, look: Look, sent: SentOrders, currency: str) -> AccountSituation:
        return account_situation(look, self._settings, sent, self._quotes.skew_us, currency)

    def _prices(self, name: str) -> Prices:
        quote, usual = self._broker.quote(name), self._quotes.usual_spread(name)
        return Prices(None, None, None, usual) if quote is None else Prices(quote.bid, quote.ask, quote.time_us, usual)
