"""MetaTrader's text files: MT4's history export, MT5's export, and what MT5's Python package gives. Bid prices, tick volume.

Their stamps are the broker's server time, which no file names: it has to be given.
"""

from pathlib import Path

import numpy as np
import polars as pl

from fxgpt_core.candles.local_time import utc_of
from fxgpt_core.candles.providers.files import read_candle_file
from fxgpt_core.candles.providers.reading import FileCandles, ReadRequest
from fxgpt_core.candles.providers.vendor_text import candle_frame, text_table, wall_clock
from fxgpt_core.candles.schema import PRICES, SPREAD
from fxgpt_core.errors import BadInputError

MT4_COLUMNS = ("date", "time", *PRICES, "volume")
MOST_DIGITS = 8
# Of one unit of the last digit: a price is stored as a binary fraction.
DIGIT_TOLERANCE = 1e-3


def read_mt4(path: Path, request: ReadRequest) -> FileCandles:
    """The candles of lines like 2020.01.31,17:00,open,high,low,close,volume without a header (.csv, .gz or .zip).

    Raises `BadInputError` without a zone; `CandleSchemaError` for rows that cannot be read, and as `utc_of`.
    """
    zone = server_zone(path, request)
    table = text_table(path, MT4_COLUMNS, ",")
    local = wall_clock(table["date"] + " " + table["time"], "%Y.%m.%d %H:%M", "2020.01.31,17:00", path)
    return FileCandles(candle_frame(utc_of(local, zone, str(path)), table, path))


def read_mt5(path: Path, request: ReadRequest) -> FileCandles:
    """The candles of a file with the header <DATE> <TIME> <OPEN> … <TICKVOL> <VOL> <SPREAD>, or time,open,…,real_volume.

    Tick volume is taken. The spread, in points there, is given in price units; one of 0 in every candle was not recorded, and is
    left out. Raises `BadInputError` without a zone, and what `read_candle_file` and `utc_of` raise.
    """
    zone = server_zone(path, request)
    # That reader takes stamps without a zone for UTC; here they are the server's.
    frame = read_candle_file(path)
    local = frame["open_time"].dt.replace_time_zone(None)
    timed = frame.with_columns(utc_of(local, zone, str(path)).alias("open_time"))
    return with_spread_of_points(timed, decimals(timed))


def with_spread_of_points(frame: pl.DataFrame, digits: int | None) -> FileCandles:
    """The candles with a spread in points of the last of `digits` decimals (None: not known) made one in price units.

    Left out is one of 0 in every candle, for then none was recorded, and, with a finding, one where the digits are not known.
    """
    if SPREAD not in frame.columns:
        return FileCandles(frame)
    if digits is None:
        found = f"prices have more than {MOST_DIGITS} decimals: what a point of the spread is cannot be told; it was left out"
        return FileCandles(frame.drop(SPREAD), (found,))
    if not (frame[SPREAD] != 0.0).any():
        return FileCandles(frame.drop(SPREAD))
    return FileCandles(frame.with_columns((pl.col(SPREAD) / 10.0**digits).round(digits)))


def decimals(frame: pl.DataFrame) -> int | None:
    """How many decimals the prices have at the most, which are the broker's digits of the symbol; None for more than 8."""
    prices = frame.select(PRICES).to_numpy()
    for digits in range(MOST_DIGITS + 1):
        scaled = prices[np.isfinite(prices)] * 10.0**digits
        if np.all(np.abs(scaled - np.round(scaled)) <= DIGIT_TOLERANCE):
            return digits
    return None


def server_zone(path: Path, request: ReadRequest) -> str:
    """The zone of the broker's server as the request names it; raises `BadInputError` where it names none."""
    if request.zone is None:
        raise BadInputError(
            f"{path} is stamped in the time of a broker's server, which the file does not name; name it: --zone NY+7 (the wall "
            "clock of New York + 7 hours, as most brokers keep it), an IANA name such as --zone Europe/Athens, or --zone UTC if "
            "a script has converted it"
        )
    return request.zone
