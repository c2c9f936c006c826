"""What a reader of a vendor's file is asked, and what it answers."""

import re
from dataclasses import dataclass

import polars as pl

from fxgpt_core.errors import CandleSchemaError
from fxgpt_core.market.symbols import SYMBOLS
from fxgpt_core.market.timeframes import Timeframe


@dataclass(frozen=True)
class ReadRequest:
    """The series a person says a file holds; `zone` is that of its stamps (see `local_time`), None where none was named."""

    symbol: str
    timeframe: Timeframe
    zone: str | None = None


@dataclass(frozen=True)
class FileCandles:
    """The candles of a file, not yet checked, and what a person should know of how they were read, one sentence each."""

    frame: pl.DataFrame
    findings: tuple[str, ...] = ()


def symbol_findings(found: str, wanted: str, origin: str) -> tuple[str, ...]:
    """Nothing if a file's own word for its symbol holds the wanted one (EURUSD.m), a finding if it is unknown (GOLD).

    Raises `CandleSchemaError` if it names another symbol.
    """
    letters = re.sub("[^A-Z]", "", found.upper())
    named = [name for name in SYMBOLS if name in letters]
    if wanted in named:
        return ()
    if named:
        raise CandleSchemaError(
            f"{origin} holds {named[0]} (it says {found!r}), not {wanted}; name that symbol, or give the file of {wanted}"
        )
    return (f"the file calls its symbol {found!r}; it was taken for {wanted}",)
