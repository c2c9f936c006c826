"""Which provider a symbol's candles come from, and which of its candles are held out for the live replay."""

from dataclasses import dataclass
from functools import cached_property

import polars as pl

from fxgpt_core.candles.provider import CandleProvider, held_timeframe
from fxgpt_core.candles.providers.downloaded import DownloadedProvider
from fxgpt_core.candles.providers.imported import ImportedProvider
from fxgpt_core.candles.providers.remote import SOURCES
from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.candles.resample import resample
from fxgpt_core.candles.store import CandleStore
from fxgpt_core.errors import BadInputError, MissingError
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.settings import Settings

AUTOMATIC = "auto"


@dataclass(frozen=True)
class ProvidedSource:
    """`source` as the provider has it (of `source_timeframe`), for candles of `timeframe`."""

    provider: str
    source_timeframe: Timeframe
    timeframe: Timeframe
    source: pl.DataFrame

    @cached_property
    def frame(self) -> pl.DataFrame:
        """The candles of the timeframe asked for, resampled where the source is shorter. Raises `CandleSchemaError`."""
        if self.source_timeframe == self.timeframe:
            return self.source
        return resample(self.source, self.source_timeframe, self.timeframe)

    def without_last(self, n_candles: int) -> pl.DataFrame:
        """The source cut so that the last `n_candles` of `frame` cannot be known from it. Raises `BadInputError`."""
        if n_candles == 0:
            return self.source
        if not 0 <= n_candles < len(self.frame):
            raise BadInputError(
                f"{n_candles} candles cannot be held out of {len(self.frame)}; 0 to {len(self.frame) - 1} can; choose fewer"
            )
        known_until = self.frame["open_time"][-1 - n_candles] + self.timeframe.duration
        return self.source.filter(pl.col("open_time") + self.source_timeframe.duration <= known_until)


def providers(settings: Settings) -> tuple[CandleProvider, ...]:
    """All providers, the one that is asked first in front: what was imported, what was downloaded, the sample."""
    downloaded = [DownloadedProvider(CandleStore(settings.download_root / name), name) for name in SOURCES]
    return ImportedProvider(CandleStore(settings.import_root)), *downloaded, SampleProvider()


def provided(settings: Settings, symbol: str, timeframe: Timeframe, provider: str = AUTOMATIC) -> ProvidedSource:
    """The candles of the first provider that has them (or of the one named). Raises `MissingError`, `BadInputError`."""
    candidates = [role for role in providers(settings) if provider in (AUTOMATIC, role.name)]
    if not candidates:
        known = ", ".join((AUTOMATIC, *(role.name for role in providers(settings))))
        raise BadInputError(f"provider {provider!r} is unknown; known: {known}; choose one of them")
    refusals: list[str] = []
    for role in candidates:
        try:
            source = held_timeframe(role, symbol, timeframe)
            return ProvidedSource(role.name, source, timeframe, role.candles(symbol, source))
        except MissingError as error:
            refusals.append(str(error))
    raise MissingError("\n".join(refusals))
