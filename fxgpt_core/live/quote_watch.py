"""What the prices of the last minutes tell: how wide a spread usually is, and how far our clock is from the broker's."""

import statistics
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from fxgpt_core.brokers.broker import Quote
from fxgpt_core.market.timeframes import HOUR_US, MINUTE_US

SPREAD_WINDOW_US, LEAST_SPREAD_SPAN_US = HOUR_US, 10 * MINUTE_US
SKEW_WINDOW_US, LEAST_DELAYS = 5 * MINUTE_US, 3
_SAMPLE_US = 1_000_000


@dataclass
class QuoteWatch:
    """Samples the quotes of symbols, each at most once a second; `look` is to be called often.

    Our clock less the broker's is the least difference between when a price was first seen and the time it bears: a price is
    never seen before it is made, and of many one came at once. The first price of a connection may be as old as the last close,
    so only those that follow it count.
    """

    _spreads: dict[str, deque[tuple[int, float]]] = field(default_factory=dict)
    _delays: deque[tuple[int, int]] = field(default_factory=deque)
    _last_time_us: dict[str, int] = field(default_factory=dict)
    _connection: int = 0

    def look(self, quotes: Iterable[tuple[str, Quote]], now_us: int, connection: int = 0) -> None:
        """Take the quotes of this moment into account; `connection` numbers the broker's connections."""
        if connection != self._connection:
            self._connection = connection
            self._last_time_us.clear()
        for name, quote in quotes:
            if quote.bid is None or quote.ask is None or quote.time_us is None:
                continue
            seen = self._spreads.setdefault(name, deque())
            if not seen or now_us - seen[-1][0] >= _SAMPLE_US:
                seen.append((now_us, quote.ask - quote.bid))
            if self._last_time_us.setdefault(name, quote.time_us) != quote.time_us:
                self._last_time_us[name] = quote.time_us
                self._note_delay(now_us, now_us - quote.time_us)
        for seen in self._spreads.values():
            while seen and now_us - seen[0][0] > SPREAD_WINDOW_US:
                seen.popleft()
        while self._delays and now_us - self._delays[0][0] > SKEW_WINDOW_US:
            self._delays.popleft()

    def _note_delay(self, now_us: int, delay_us: int) -> None:
        """Of each second the least delay is kept: busy hours would fill the memory otherwise."""
        if self._delays and now_us - self._delays[-1][0] < _SAMPLE_US:
            since_us, least_us = self._delays.pop()
            self._delays.append((since_us, min(least_us, delay_us)))
        else:
            self._delays.append((now_us, delay_us))

    def usual_spread(self, name: str) -> float | None:
        """The median of the last hour in price units; None until ten minutes were seen: a few seconds tell nothing usual."""
        seen = self._spreads.get(name)
        if not seen or seen[-1][0] - seen[0][0] < LEAST_SPREAD_SPAN_US:
            return None
        return statistics.median(spread for _, spread in seen)

    @property
    def skew_us(self) -> int | None:
        """Our clock less the broker's, by the prices of the last five minutes; None before three seconds of it had one."""
        return min(delay for _, delay in self._delays) if len(self._delays) >= LEAST_DELAYS else None
