"""Closed candles as they became known: the only way a price reaches the trading process."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Row, and_, func, insert, select

from fxgpt_core import content_hash
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.timeframes import timeframe as timeframe_of
from fxgpt_core.registry.artifact_tables import deployment_evidence
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_tables import decisions, live_candles
from fxgpt_core.registry.tables import deployment_configs


@dataclass(frozen=True)
class ClosedCandle:
    """One complete candle: open time in µs since the epoch, prices in quote currency, `spread` None where not told."""

    open_time_us: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    spread: float | None = None

    @property
    def sha256(self) -> str:
        """Content hash of what is told: of six numbers, or of seven."""
        return content_hash.of_json({name: value for name, value in asdict(self).items() if value is not None})


@dataclass(frozen=True)
class ReceivedCandles:
    """What was received of a series up to some moment, oldest first, and the hash of all of it."""

    candles: tuple[ClosedCandle, ...]

    @property
    def sha256(self) -> str:
        """Hash over the candles' own hashes, in order."""
        return content_hash.of_json([candle.sha256 for candle in self.candles])


@dataclass(frozen=True)
class Undecided:
    """A closed candle that an active deployment has not decided on yet."""

    deployment_id: int
    symbol: str
    timeframe: str
    known_at_us: int


def release(ledger: Ledger, symbol: str, timeframe: str, candles: Iterable[ClosedCandle], source: str) -> int:
    """Put closed candles into the feed, in one transaction; returns how many were new. The same candle again is nothing.

    Raises `CandleSchemaError` for candles that are not sound (nothing in the feed can be taken back), `BadInputError` when a
    stamp comes again with other prices, or is older than the last one in the feed.
    """
    candles = list(candles)
    length_us = timeframe_of(timeframe).us
    _require_sound(candles, timeframe)
    n_new = 0
    with ledger.begin() as connection:
        place = (live_candles.c.symbol == symbol, live_candles.c.timeframe == timeframe)
        known = {row.open_time_us: row.sha256 for row in connection.execute(select(live_candles).where(*place))}
        latest = max(known, default=-1)
        for candle in candles:
            if candle.open_time_us in known:
                _require_same(candle, known[candle.open_time_us], symbol)
                continue
            if candle.open_time_us <= latest:
                raise BadInputError(
                    f"{symbol} {timeframe}: a candle of {candle.open_time_us} µs came after one of {latest} µs; "
                    "candles are released in the order of their open times"
                )
            values = {**asdict(candle), "symbol": symbol, "timeframe": timeframe, "source": source, "sha256": candle.sha256}
            received = {"known_at_us": candle.open_time_us + length_us, "received_at": ledger.now()}
            connection.execute(insert(live_candles), {**values, **received})
            latest = candle.open_time_us
            n_new += 1
    return n_new


def received(ledger: Ledger, symbol: str, timeframe: str, until_known_at_us: int) -> ReceivedCandles:
    """The candles of the feed known at or before a moment."""
    asked = (
        select(live_candles)
        .where(
            live_candles.c.symbol == symbol,
            live_candles.c.timeframe == timeframe,
            live_candles.c.known_at_us <= until_known_at_us,
        )
        .order_by(live_candles.c.open_time_us)
    )
    with ledger.reading() as connection:
        return ReceivedCandles(tuple(map(closed_candle, connection.execute(asked))))


def closed_candle(row: Row[Any]) -> ClosedCandle:
    """The candle of a row of the feed."""
    return ClosedCandle(row.open_time_us, row.open, row.high, row.low, row.close, row.volume, row.spread)


def undecided(ledger: Ledger, limit: int = 200) -> Sequence[Undecided]:
    """Candles that came in since an active deployment was activated and have no decision of it, oldest first.

    At most `limit` of each deployment. A deployment does not decide on candles from before it, for they could not be traded
    any more.
    """
    place = func.row_number().over(partition_by=deployment_configs.c.id, order_by=live_candles.c.known_at_us)
    waiting = (
        select(
            deployment_configs.c.id,
            live_candles.c.symbol,
            live_candles.c.timeframe,
            live_candles.c.known_at_us,
            place.label("place"),
        )
        .join(deployment_evidence, deployment_evidence.c.deployment_id == deployment_configs.c.id)
        .join(
            live_candles,
            and_(
                live_candles.c.symbol == deployment_configs.c.symbol,
                live_candles.c.timeframe == deployment_configs.c.timeframe,
                live_candles.c.received_at >= deployment_evidence.c.activated_at,
            ),
        )
        .outerjoin(
            decisions,
            and_(
                decisions.c.deployment_id == deployment_configs.c.id,
                decisions.c.symbol == live_candles.c.symbol,
                decisions.c.timeframe == live_candles.c.timeframe,
                decisions.c.known_at_us == live_candles.c.known_at_us,
            ),
        )
        .where(deployment_configs.c.is_active, decisions.c.id.is_(None))
        .subquery()
    )
    columns = (waiting.c.id, waiting.c.symbol, waiting.c.timeframe, waiting.c.known_at_us)
    asked = select(*columns).where(waiting.c.place <= limit).order_by(waiting.c.known_at_us, waiting.c.id)
    with ledger.reading() as connection:
        return [Undecided(*row) for row in connection.execute(asked)]


def _require_sound(candles: Sequence[ClosedCandle], timeframe: str) -> None:
    import polars as pl  # a fifth of a second that a trace, which only reads the feed, must not pay

    from fxgpt_core.candles.schema import check_candles

    if candles:
        rows = [asdict(candle) for candle in candles]
        frame = pl.DataFrame(rows, schema_overrides={"spread": pl.Float64}).rename({"open_time_us": "open_time"})
        check_candles(frame.with_columns(pl.col("open_time").cast(pl.Datetime("us", "UTC"))), timeframe_of(timeframe))


def _require_same(candle: ClosedCandle, sha256: str, symbol: str) -> None:
    if candle.sha256 != sha256:
        raise BadInputError(
            f"{symbol}: the candle of {candle.open_time_us} µs was received with other prices before; "
            "what was traded on is not rewritten: import the correction as a new version of the history"
        )
