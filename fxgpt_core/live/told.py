"""What a broker tells by itself, kept: raw frames for whoever must know later what was said, closed candles for who decides."""

import logging

from sqlalchemy import insert

from fxgpt_core.errors import FxgptError
from fxgpt_core.live.candle_feed import ClosedCandle, release
from fxgpt_core.live.state_of_trading import alert
from fxgpt_core.registry.gateway_tables import broker_events
from fxgpt_core.registry.ledger import Ledger

log = logging.getLogger(__name__)


class Told:
    """Collects what one account's broker tells; `keep` writes it down. Frames never hold secrets: none of the log-in is told."""

    def __init__(self, account: str, source: str) -> None:
        self._account, self._source = account, source
        self._frames: list[dict[str, object]] = []
        self._candles: list[tuple[str, str, ClosedCandle]] = []

    def frame(self, source: str, kind: str, frame: bytes) -> None:
        """An event as it came in: pushed, or from a list."""
        self._frames.append({"account": self._account, "source": source, "kind": kind, "frame": frame})

    def candle(self, symbol: str, timeframe: str, candle: ClosedCandle) -> None:
        """A candle that closed."""
        self._candles.append((symbol, timeframe, candle))

    def keep(self, ledger: Ledger) -> int:
        """Write down what was told since; returns how many candles went into the feed."""
        frames, self._frames = self._frames, []
        if frames:
            with ledger.begin() as connection:
                now = ledger.now()
                connection.execute(insert(broker_events), [{**frame, "received_at": now} for frame in frames])
        candles, self._candles = self._candles, []
        return sum(self._release(ledger, *told) for told in candles)

    def _release(self, ledger: Ledger, symbol: str, timeframe: str, candle: ClosedCandle) -> int:
        """A candle that does not fit into the feed is told to a person; decisions on what is there stand."""
        try:
            return release(ledger, symbol, timeframe, [candle], self._source)
        except FxgptError as error:
            log.warning("a candle of %s %s is left out: %s", symbol, timeframe, error)
            with ledger.begin() as connection:
                alert(
                    connection, ledger, "candle_refused", f"candle_refused:{symbol}:{timeframe}",
                    f"a candle of {symbol} {timeframe} from {self._source} is left out of the feed: {error}",
                    "Import the correction as a new version of the history; what was decided on is not rewritten.",
                )  # fmt: skip
            return 0
