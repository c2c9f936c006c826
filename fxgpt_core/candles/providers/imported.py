"""The candles the user imported, from the candle store."""

import polars as pl

from fxgpt_core.candles.provider import not_available
from fxgpt_core.candles.store import CandleStore
from fxgpt_core.market.timeframes import Timeframe


class ImportedProvider:
    """The latest version of every imported series."""

    name: str = "imported"

    def __init__(self, store: CandleStore) -> None:
        self._store = store

    def available(self) -> list[tuple[str, Timeframe]]:
        """Symbol and timeframe of every imported series."""
        return list(self._store.series())

    def candles(self, symbol: str, timeframe: Timeframe) -> pl.DataFrame:
        """The latest version; raises `MissingError`, and `CorruptArtifactError` if the file is not what was imported."""
        if (symbol, timeframe) not in self.available():
            raise not_available(self, symbol, timeframe)
        return self._store.read(self._store.latest(symbol, timeframe))
