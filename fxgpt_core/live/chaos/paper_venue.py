"""The paper broker as the venue of a chaos run: its candles, and what its own book has."""

import random
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path

from fxgpt_core.brokers.paper import PaperBroker
from fxgpt_core.live.chaos.settings import ChaosSettings
from fxgpt_core.live.chaos.verdict import TruePosition, Truth


async def paper_truth(book: Path) -> Truth:
    """Read from the book that the killed gateways have written."""
    broker = PaperBroker(book, {})
    await broker.connect()
    try:
        told = [fill for _, fill in broker.fills_since(0)]
        held = broker.positions()
    finally:
        await broker.disconnect()
    with closing(sqlite3.connect(f"file:{book}?mode=ro", uri=True)) as connection:
        orders = connection.execute("SELECT client_order_id, count(*) FROM orders GROUP BY 1").fetchall()
    entered: dict[str, int] = {}
    for fill in told:
        if fill.reason == "entry":
            entered[fill.client_order_id] = entered.get(fill.client_order_id, 0) + fill.units
    return Truth(
        orders=dict(orders),
        filled_units=entered,
        fill_ids=frozenset(fill.fill_id for fill in told),
        positions={
            item.position_id: TruePosition(item.client_order_id, item.units, item.stop_price, item.target_price) for item in held
        },
    )


class PaperVenue:
    """The paper broker as the venue of a run: candles by a random walk, nothing goes wrong but the gateway's deaths."""

    environment, account_id = "", 0

    def __init__(self, seed: int, root: Path) -> None:
        self._rng, self._book = random.Random(seed), root / "paper.db"  # noqa: S311 it draws a rehearsal
        self._prices: dict[str, float] = {}

    def price(self, symbol: str) -> float:
        """The next price of a symbol."""
        last = self._prices.get(symbol, 1.1)
        self._prices[symbol] = last * (1.0 + self._rng.gauss(0.0, 0.001))
        return self._prices[symbol]

    def calm(self) -> None:
        """It is always calm."""

    @property
    def fired(self) -> Mapping[str, int]:
        """There are no faults at all."""
        return {}

    async def truth(self) -> Truth:
        """What the book has."""
        return await paper_truth(self._book)


@asynccontextmanager
async def paper_venue(settings: ChaosSettings, root: Path) -> AsyncIterator[PaperVenue]:
    """The venue of a run on paper."""
    yield PaperVenue(settings.seed, root)
