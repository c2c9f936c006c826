"""A market that moves by itself: prices come from the broker, closed candles from the feed, and nobody is waited for."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Select, func, select

from fxgpt_core.brokers.broker import Broker
from fxgpt_core.live import equity_marks
from fxgpt_core.live.candle_feed import ClosedCandle, closed_candle
from fxgpt_core.live.cursors import finished, played_us
from fxgpt_core.live.deployed import Deployed
from fxgpt_core.market.sessions import fx_day
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_tables import live_candles


@dataclass(frozen=True)
class LiveMarket:
    """The feed of one symbol and timeframe at a broker with prices of its own, for one account."""

    ledger: Ledger
    broker: Broker
    account: str
    symbol: str
    timeframe: str

    def known_at_us(self) -> int | None:
        """The market's own time: the close of the last candle of the feed."""
        with self.ledger.reading() as connection:
            found: int | None = connection.execute(self._mine(func.max(live_candles.c.known_at_us))).scalar_one()
        return found

    def next_candle(self) -> ClosedCandle | None:
        """The candle after the last one the positions were managed at, if it is in the feed."""
        played = played_us(self.ledger, self.account, self.symbol, self.timeframe)
        asked = self._mine(live_candles).where(live_candles.c.open_time_us > (-1 if played is None else played))
        with self.ledger.reading() as connection:
            row = connection.execute(asked.order_by(live_candles.c.open_time_us).limit(1)).one_or_none()
        return None if row is None else closed_candle(row)

    def all_decided(self, deployments: tuple[Deployed, ...]) -> bool:
        """A live market waits for nobody: a decision that comes too late is refused by its age."""
        return True

    def play(self, candle: ClosedCandle) -> None:
        """Keep the equity of this moment; what the candle did to orders, the broker has told itself."""
        now = self.ledger.now()
        day = int(fx_day(np.array([int(now.timestamp() * 1_000_000)], dtype=np.int64))[0])
        equity = self.broker.account().equity
        with self.ledger.begin() as connection:
            equity_marks.mark(connection, self.account, day, equity, now)

    def finish(self, candle: ClosedCandle) -> None:
        """Note that everything a candle causes was done."""
        finished(self.ledger, self.account, self.symbol, self.timeframe, candle.open_time_us)

    def _mine(self, what: Any) -> Select[Any]:
        return select(what).where(live_candles.c.symbol == self.symbol, live_candles.c.timeframe == self.timeframe)
