"""The role of a source of candles, and how a longer timeframe is taken from a source that has only shorter ones."""

from dataclasses import dataclass
from typing import Protocol

import polars as pl

from fxgpt_core.candles.resample import resample
from fxgpt_core.errors import MissingError
from fxgpt_core.market.timeframes import Timeframe


class CandleProvider(Protocol):
    """A source of candles; `name` is recorded as the provider of every series made from it."""

    @property
    def name(self) -> str:
        """A short lower-case name, stable over releases."""

    def available(self) -> list[tuple[str, Timeframe]]:
        """Symbol and timeframe of every series it can give now, sorted, possibly none."""

    def candles(self, symbol: str, timeframe: Timeframe) -> pl.DataFrame:
        """The whole series as `check_candles` returns it; the same frame at each call until the source changes.

        Raises `MissingError` naming what is available, `CandleSchemaError` if the source is not sound.
        """


@dataclass(frozen=True)
class ProvidedCandles:
    """A candle frame of the timeframe asked for, and the timeframe its source has."""

    frame: pl.DataFrame
    source_timeframe: Timeframe


def held_timeframe(provider: CandleProvider, symbol: str, timeframe: Timeframe) -> Timeframe:
    """The timeframe a provider has for it: the same, or the longest shorter one. Raises `MissingError` if it has neither."""
    held = [own for name, own in provider.available() if name == symbol and own.us <= timeframe.us]
    if not held:
        raise not_available(provider, symbol, timeframe)
    return max(held, key=lambda own: own.us)


def provided_candles(provider: CandleProvider, symbol: str, timeframe: Timeframe) -> ProvidedCandles:
    """The provider's own candles of a timeframe, or those resampled from the longest shorter timeframe it has.

    Raises `MissingError` if it has neither.
    """
    source = held_timeframe(provider, symbol, timeframe)
    frame = provider.candles(symbol, source)
    return ProvidedCandles(frame if source == timeframe else resample(frame, source, timeframe), source)


def not_available(provider: CandleProvider, symbol: str, timeframe: Timeframe) -> MissingError:
    """The error of a provider that lacks a series."""
    held = ", ".join(f"{name} {own}" for name, own in provider.available()) or "nothing"
    return MissingError(
        f"provider {provider.name!r} has no {timeframe} candles of {symbol} and no shorter ones; it has {held}; "
        "import a file of them, or choose one of these"
    )
