"""Hourly candles of several years, from a folder that the project does not ship: what several benchmarks measure on."""

from pathlib import Path
from typing import Final

import polars as pl

from fxgpt_core.candles.arrays import CandleArrays, candle_arrays
from fxgpt_core.candles.providers.files import read_candle_file
from fxgpt_core.candles.schema import check_candles
from fxgpt_core.errors import MissingError
from fxgpt_core.market.timeframes import Timeframe

SYMBOLS: Final = ("EURUSD", "GBPUSD", "USDJPY", "AUDUSD")


def read_frame(folder: Path, symbol: str) -> pl.DataFrame:
    """The candles of SYMBOL_h1.parquet in the folder or in its fx/oanda_h1, checked. Raises `MissingError`."""
    name = f"{symbol}_h1.parquet"
    places = [folder / name, folder / "fx" / "oanda_h1" / name]
    path = next((place for place in places if place.exists()), None)
    if path is None:
        raise MissingError(
            f"{name} is neither in {places[0].parent} nor in {places[1].parent}; name a folder of hourly candles (OANDA's of "
            "2016 to 2022-06 made the figures of the pages, and are not part of this project)"
        )
    return check_candles(read_candle_file(path), Timeframe.H1)


def read(folder: Path, symbol: str) -> CandleArrays:
    """The same as arrays."""
    return candle_arrays(read_frame(folder, symbol), Timeframe.H1)
