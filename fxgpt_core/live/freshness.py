"""Whether what a decision rests on is young enough to trade on: the candle that closed, and the model that forecasts.

Only a candle that came in live can be late. One of a replay closed long ago by nature, so nothing of it is stale; its source says
so by its first word, `replay`. Every other source is taken for live, so that a forgotten word refuses and never trades on old
prices.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from fxgpt_core.errors import MissingError
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.market.timeframes import timeframe as timeframe_of
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_tables import live_candles

REPLAYED = re.compile(r"replay\b")
STALE_CANDLE, STALE_MODEL, FAILED_CHECK = "stale_candle", "stale_model", "failed_check"
EARLIEST = timedelta(seconds=2)


@dataclass(frozen=True)
class FreshnessLimits:
    """How old a model may be, and how long after its close a candle may come in: `candle`, and a quarter of its length."""

    model: timedelta = timedelta(days=45)
    candle: timedelta = timedelta(seconds=30)

    def of_candle(self, timeframe: Timeframe) -> timedelta:
        """The limit for candles of a timeframe."""
        return min(self.candle, timedelta(microseconds=timeframe.us // 4))


@dataclass(frozen=True)
class Refusal:
    """Why a candle leads to no signal, and what a person does about it; `kind` names its alert."""

    kind: str
    message: str
    remedy: str


@dataclass(frozen=True)
class Arrival:
    """When a closed candle came in, and from where."""

    source: str
    known_at: datetime
    received_at: datetime

    @property
    def is_replayed(self) -> bool:
        """Whether it is of the past by nature."""
        return REPLAYED.match(self.source) is not None


def arrival(ledger: Ledger, symbol: str, timeframe: str, known_at_us: int) -> Arrival:
    """How the candle that closed at a moment came in. Raises `MissingError` when it is not in the feed."""
    columns = live_candles.c
    place = (columns.symbol == symbol, columns.timeframe == timeframe, columns.known_at_us == known_at_us)
    with ledger.reading() as connection:
        row = connection.execute(select(columns.source, columns.received_at).where(*place)).one_or_none()
    if row is None:
        raise MissingError(f"no candle of {symbol} {timeframe} closed at {known_at_us} µs in the feed; release it first")
    known_at = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=known_at_us)
    return Arrival(row.source, known_at, row.received_at)


def stale_candle(came: Arrival, place: tuple[str, str], limits: FreshnessLimits) -> Refusal | None:
    """Why a candle of a symbol and timeframe is not to be traded on: it came in late, or before it had closed."""
    if came.is_replayed:
        return None
    late, limit = came.received_at - came.known_at, limits.of_candle(timeframe_of(place[1]))
    name = f"the {' '.join(place)} candle that closed at {came.known_at:%Y-%m-%d %H:%M} UTC"
    if late > limit:
        return Refusal(
            STALE_CANDLE,
            f"{name} came in {late.total_seconds():.1f} s later; at most {limit.total_seconds():g} s are allowed",
            f"look why the source {came.source} is late; the next candle that comes in time is traded on again",
        )
    if late < -EARLIEST:
        return Refusal(
            STALE_CANDLE,
            f"{name} came in {-late.total_seconds():.1f} s before that; at most {EARLIEST.total_seconds():g} s are allowed",
            f"set this machine's clock, or look why the source {came.source} sends candles that are not closed",
        )
    return None


def stale_model(came: Arrival, made_at: datetime, now: datetime, limits: FreshnessLimits) -> Refusal | None:
    """Why a model registered at `made_at` is not to be traded on: it is too old for a candle that comes in now."""
    age, day = now - made_at, timedelta(days=1)
    if came.is_replayed or age <= limits.model:
        return None
    return Refusal(
        STALE_MODEL,
        f"the model is {age / day:.1f} days old; at most {limits.model / day:g} are allowed",
        "train it again on candles up to now, and optimize and deploy with it; FXGPT_MODEL_MAX_AGE_DAYS sets the limit",
    )
