"""The grid every asset is partitioned by: symbol (grows as symbols are used) × timeframe (fixed)."""

import dagster as dg

from fxgpt_core.market.symbols import symbol as known_symbol
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.market.timeframes import timeframe as known_timeframe

SYMBOLS = "symbols"
symbols = dg.DynamicPartitionsDefinition(name=SYMBOLS)
timeframes = dg.StaticPartitionsDefinition([timeframe.value for timeframe in Timeframe])
grid = dg.MultiPartitionsDefinition({"symbol": symbols, "timeframe": timeframes})


def partition_key(symbol: str, timeframe: str) -> dg.MultiPartitionKey:
    """The key of one cell, `EURUSD|1h`. Raises `UnknownSymbolError`, `UnknownTimeframeError`."""
    return dg.MultiPartitionKey({"symbol": known_symbol(symbol).name, "timeframe": known_timeframe(timeframe).value})


def cell(key: str) -> tuple[str, str]:
    """Symbol and timeframe of a partition key."""
    # Dagster joins the dimensions in the order of their names: symbol before timeframe.
    symbol, _, timeframe = key.partition("|")
    return symbol, timeframe


def add_symbol(instance: dg.DagsterInstance, symbol: str) -> None:
    """Make the symbol a partition of the instance; nothing happens when it is one already."""
    instance.add_dynamic_partitions(SYMBOLS, [known_symbol(symbol).name])
