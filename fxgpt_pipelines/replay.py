"""Held-out candles released as if they closed now, and the wait until each is decided and played."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fxgpt_core.errors import NotReadyError
from fxgpt_core.market.timeframes import timeframe as timeframe_of

if TYPE_CHECKING:
    import polars as pl

    from fxgpt_core.live.candle_feed import ClosedCandle
    from fxgpt_core.registry.ledger import Ledger
    from fxgpt_core.settings import Settings
    from fxgpt_pipelines.services import Services

SECONDS_BETWEEN_LOOKS = 1.0
PATIENCE_S = 180.0
SECONDS_OF_A_HEARTBEAT = 8.0


@dataclass(frozen=True)
class Series:
    """Whose candles are replayed, and which deployment decides on them."""

    symbol: str
    timeframe: str
    deployment_id: int


@dataclass(frozen=True)
class Standing:
    """How far the replay is: candles in the feed that the deployment must decide on, decided, played, and orders filled."""

    released: int
    decided: int
    played: int
    filled: int

    @property
    def complete(self) -> bool:
        """Every released candle is decided and played."""
        return self.decided >= self.released and self.played >= self.released

    def __str__(self) -> str:
        return f"{self.released} candles released, {self.decided} decided, {self.played} played, {self.filled} fills"


def held_out(settings: "Settings", ledger: "Ledger", series: Series) -> "list[ClosedCandle]":
    """The provider's candles behind both those the deployment was made with and those already in the feed, oldest first."""
    from fxgpt_core.registry.code_identity import code_identity
    from fxgpt_core.registry.deployments import Deployments
    from fxgpt_core.registry.lake import Lake

    lake = Lake(settings.lake_root, ledger, code_identity())
    made_with = lake.inputs(Deployments(ledger).get(series.deployment_id).parameter_set_id)
    return behind(settings, ledger, series, next(edge.parent for edge in made_with if edge.role == "candles").frame())


def behind(settings: "Settings", ledger: "Ledger", series: Series, history: "pl.DataFrame") -> "list[ClosedCandle]":
    """The provider's candles behind a history and those already in the feed, oldest first."""
    from fxgpt_core.candles.schema import candle_columns
    from fxgpt_core.live.candle_feed import ClosedCandle, received
    from fxgpt_pipelines.providing import provided

    timeframe = timeframe_of(series.timeframe)
    last_us = int(history["open_time"].to_physical()[-1])
    feed = received(ledger, series.symbol, series.timeframe, 1 << 62).candles
    last_us = max([last_us, *(candle.open_time_us for candle in feed[-1:])])
    frame = provided(settings, series.symbol, timeframe).frame
    rows = zip(frame["open_time"].to_physical().to_list(), *(frame[n].to_list() for n in candle_columns(frame)[1:]), strict=True)
    return [ClosedCandle(*row) for row in rows if row[0] > last_us]


def gateway_lives(ledger: "Ledger", account: str) -> bool:
    """Whether a gateway of the account showed itself a moment ago: `make ui` runs, with its own daemon."""
    from sqlalchemy import select

    from fxgpt_core.registry.live_tables import heartbeats

    asked = select(heartbeats.c.at).where(heartbeats.c.process == f"gateway:{account}")
    with ledger.reading() as connection:
        at = connection.execute(asked).scalar_one_or_none()
    return at is not None and (ledger.now() - at).total_seconds() < SECONDS_OF_A_HEARTBEAT


def standing(ledger: "Ledger", series: Series) -> Standing:
    """Count what is released to, decided by, played for and filled of a deployment."""
    from sqlalchemy import func, select

    from fxgpt_core.registry.artifact_tables import deployment_evidence
    from fxgpt_core.registry.live_tables import decisions, fills, gateway_cursors, live_candles, order_intents

    evidence, candle, cursor = deployment_evidence.c, live_candles.c, gateway_cursors.c
    active_since = select(evidence.activated_at).where(evidence.deployment_id == series.deployment_id).scalar_subquery()
    place = (candle.symbol == series.symbol, candle.timeframe == series.timeframe)
    played_until = (
        select(func.max(cursor.played_open_time_us))
        .where(cursor.symbol == series.symbol, cursor.timeframe == series.timeframe)
        .scalar_subquery()
    )
    released = select(func.count()).select_from(live_candles).where(*place, candle.received_at >= active_since)
    counts = (
        released,
        select(func.count()).select_from(decisions).where(decisions.c.deployment_id == series.deployment_id),
        released.where(candle.open_time_us <= played_until),
        select(func.count())
        .select_from(fills.join(order_intents, order_intents.c.client_order_id == fills.c.client_order_id))
        .where(order_intents.c.deployment_id == series.deployment_id),
    )
    with ledger.reading() as connection:
        return Standing(*(int(connection.execute(count).scalar_one()) for count in counts))


def wait_until_complete(ledger: "Ledger", series: Series, services: "Services", tell: Callable[[str], None]) -> Standing:
    """Look every second until all is decided and played. Raises `NotReadyError` when nothing moves for three minutes."""
    before, moved_at = None, time.monotonic()
    while True:
        now = standing(ledger, series)
        tell(str(now))
        if now.complete:
            return now
        if now != before:
            before, moved_at = now, time.monotonic()
        services.require_running()
        if time.monotonic() - moved_at > PATIENCE_S:
            raise NotReadyError(
                f"{now}, and nothing has moved for {PATIENCE_S:.0f} s; every candle should be decided and played: look at the "
                "logs folder of the data root and at the failed runs of live_trading_job in the Dagster UI"
            )
        time.sleep(SECONDS_BETWEEN_LOOKS)
