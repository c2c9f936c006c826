"""The sample every installation has: 5,000 hourly EURUSD candles, 2017-04-19 to 2018-02-07, that ship with backtesting.py.

The file is found and read without importing the package (which takes seconds, and is under the AGPL). Its stamps are UTC:
the week opens on Sunday at 21:00 in New York's summer time and at 22:00 in winter.
"""

from importlib.util import find_spec
from pathlib import Path

import polars as pl

from fxgpt_core.candles.provider import not_available
from fxgpt_core.candles.providers.files import checked_candle_file
from fxgpt_core.errors import MissingError
from fxgpt_core.market.timeframes import Timeframe

PACKAGE = "backtesting"
REMEDY = "it ships with backtesting 0.6.6; run: pip install backtesting==0.6.6"
SYMBOL = "EURUSD"
TIMEFRAME = Timeframe.H1


class SampleProvider:
    """EURUSD 1h from the installed backtesting.py, or from another copy of its file."""

    name = "sample"

    def __init__(self, path: Path | None = None) -> None:
        self._path = path

    def available(self) -> list[tuple[str, Timeframe]]:
        """The one series of the sample."""
        return [(SYMBOL, TIMEFRAME)]

    def candles(self, symbol: str, timeframe: Timeframe) -> pl.DataFrame:
        """The sample's 5,000 candles; raises `MissingError` for any other series, and if the package lacks the file."""
        if (symbol, timeframe) != (SYMBOL, TIMEFRAME):
            raise not_available(self, symbol, timeframe)
        path = self._path or sample_path()
        if not path.is_file():
            raise MissingError(f"the sample is not at {path}; {REMEDY}")
        return checked_candle_file(path, timeframe)


def sample_path() -> Path:
    """Where the sample lies; raises `MissingError` if the package is not installed."""
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise MissingError(f"there is no sample, since the package backtesting is not installed; {REMEDY}")
    return Path(spec.submodule_search_locations[0]) / "test" / "EURUSD.csv"
