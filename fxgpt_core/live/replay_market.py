"""The paper broker's market: candles of the feed, one at a time and exactly once.

A candle is played only once every active deployment has decided on the candle before it. So an order decided at a close fills
at the next open, however long the decision took: paper is the backtest.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import Row, func, select

from fxgpt_core.brokers.paper import PaperBroker
from fxgpt_core.brokers.paper_quotes import PlayedCandle
from fxgpt_core.live import equity_marks
from fxgpt_core.live.candle_feed import ClosedCandle, closed_candle
from fxgpt_core.live.cursors import finished, played_us
from fxgpt_core.live.deployed import Deployed
from fxgpt_core.market.conversion import Closes
from fxgpt_core.market.sessions import fx_day
from fxgpt_core.market.symbols import symbol
from fxgpt_core.market.timeframes import timeframe as timeframe_of
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_tables import decisions, live_candles


@dataclass(frozen=True)
class ReplayMarket:
    """Plays the feed of one symbol and timeframe on a paper broker, for one account."""

    ledger: Ledger
    broker: PaperBroker
    account: str
    symbol: str
    timeframe: str

    def played_us(self) -> int | None:
        """Open time of the last candle that was played to its end."""
        return played_us(self.ledger, self.account, self.symbol, self.timeframe)

    def known_at_us(self) -> int | None:
        """The market's own time: the close of the last candle the broker has seen."""
        seen = [time for time in (self.played_us(), self.broker.last_played_us(self.symbol)) if time is not None]
        return max(seen) + timeframe_of(self.timeframe).us if seen else None

    def next_candle(self) -> ClosedCandle | None:
        """The candle after the last one played, if it is in the feed."""
        played = self.played_us()
        asked = (
            select(live_candles)
            .where(
                live_candles.c.symbol == self.symbol,
                live_candles.c.timeframe == self.timeframe,
                live_candles.c.open_time_us > (-1 if played is None else played),
            )
            .order_by(live_candles.c.open_time_us)
            .limit(1)
        )
        with self.ledger.reading() as connection:
            row = connection.execute(asked).one_or_none()
        return None if row is None else closed_candle(row)

    def all_decided(self, deployments: tuple[Deployed, ...]) -> bool:
        """Whether every active deployment of this series that could see the last candle has decided on it."""
        last = self._last_candle()
        if last is None:
            return True
        waiting = [item for item in deployments if item.is_active and self._is_mine(item) and _saw(item, last.received_at)]
        asked = select(func.count(decisions.c.deployment_id.distinct())).where(
            decisions.c.deployment_id.in_([item.deployment_id for item in waiting]),
            decisions.c.symbol == self.symbol,
            decisions.c.timeframe == self.timeframe,
            decisions.c.known_at_us == last.known_at_us,
        )
        with self.ledger.reading() as connection:
            return connection.execute(asked).scalar_one() == len(waiting)

    def play(self, candle: ClosedCandle) -> None:
        """Let the broker match its orders against a candle; a candle it has seen already changes nothing."""
        self._mark_equity(candle)
        known_at_us = candle.open_time_us + timeframe_of(self.timeframe).us
        prices = (candle.open, candle.high, candle.low, candle.close)
        cross = self._cross(known_at_us)
        played = PlayedCandle(self.symbol, candle.open_time_us, known_at_us, *prices, candle.spread, cross)
        # Inside a transaction of the lease's holder: nobody takes the account over while its broker plays.
        with self.ledger.begin():
            self.broker.on_candle(played)

    def finish(self, candle: ClosedCandle) -> None:
        """Note that everything a candle causes was done; the note never goes back to an earlier candle."""
        finished(self.ledger, self.account, self.symbol, self.timeframe, candle.open_time_us)

    def _mark_equity(self, candle: ClosedCandle) -> None:
        """Keep the equity before the candle: the first one of an FX day, whichever symbol's, is what the daily loss is
        measured from. A second symbol must not forgive what the first one lost.
        """
        before = self.broker.last_played_us(self.symbol)
        if before is not None and before >= candle.open_time_us:
            return
        with self.ledger.begin() as connection:
            equity = self.broker.account().equity
            equity_marks.mark(connection, self.account, _fx_day(candle.open_time_us), equity, self.ledger.now())

    def _cross(self, known_at_us: int) -> Closes | None:
        """The last close, known by then, of the symbol that turns profits into the account's money; None without one."""
        name = self.broker.converted_by(self.symbol)
        if name is None:
            return None
        asked = (
            select(live_candles.c.known_at_us, live_candles.c.close)
            .where(live_candles.c.symbol == name, live_candles.c.timeframe == self.timeframe)
            .where(live_candles.c.known_at_us <= known_at_us)
            .order_by(live_candles.c.known_at_us.desc())
            .limit(1)
        )
        with self.ledger.reading() as connection:
            row = connection.execute(asked).one_or_none()
        return None if row is None else Closes(symbol(name), np.array([row.known_at_us]), np.array([row.close]))

    def _last_candle(self) -> Row[tuple[object, ...]] | None:
        played = self.played_us()
        if played is None:
            return None
        asked = select(live_candles).where(
            live_candles.c.symbol == self.symbol,
            live_candles.c.timeframe == self.timeframe,
            live_candles.c.open_time_us == played,
        )
        with self.ledger.reading() as connection:
            return connection.execute(asked).one_or_none()

    def _is_mine(self, deployment: Deployed) -> bool:
        return (deployment.symbol, deployment.timeframe) == (self.symbol, self.timeframe)


def _saw(deployment: Deployed, received_at: datetime) -> bool:
    return received_at >= deployment.activated_at


def _fx_day(open_time_us: int) -> int:
    return int(fx_day(np.array([open_time_us], dtype=np.int64))[0])
