"""The candles that were downloaded from one remote source, from its candle store."""

from fxgpt_core.candles.providers.imported import ImportedProvider
from fxgpt_core.candles.store import CandleStore


class DownloadedProvider(ImportedProvider):
    """The latest version of every series downloaded from the source `name`, which is recorded as the provider."""

    def __init__(self, store: CandleStore, name: str) -> None:
        super().__init__(store)
        self.name = name
