"""MT4's binary history, EURUSD60.hst: version 400 (until 2014) and 401. Bid prices, tick volume, little-endian.

A header of 148 bytes, then records of 44 (400) or 60 bytes (401). Stamps are seconds of the broker's server time.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fxgpt_core.candles.local_time import utc_of
from fxgpt_core.candles.providers.metatrader import DIGIT_TOLERANCE, MOST_DIGITS, server_zone, with_spread_of_points
from fxgpt_core.candles.providers.reading import FileCandles, ReadRequest, symbol_findings
from fxgpt_core.candles.schema import PRICES, SPREAD
from fxgpt_core.errors import BadInputError, CandleSchemaError
from fxgpt_core.market.timeframes import MINUTE_US

HEADER_BYTES = 148
# Version, copyright, symbol, minutes of a candle, digits; times of synchronisation and reserve follow.
HEADER = struct.Struct("<i64s12sii")
RECORD_400 = [("time", "<i4"), ("open", "<f8"), ("low", "<f8"), ("high", "<f8"), ("close", "<f8"), ("volume", "<f8")]
RECORD_401 = [
    *[("time", "<i8"), ("open", "<f8"), ("high", "<f8"), ("low", "<f8"), ("close", "<f8")],
    *[("volume", "<i8"), ("spread", "<i4"), ("real_volume", "<i8")],
]
RECORDS = {400: np.dtype(RECORD_400), 401: np.dtype(RECORD_401)}
LAST_SECOND = 2**32  # the year 2106


@dataclass(frozen=True)
class HstHeader:
    """What the first 148 bytes say of the candles."""

    version: int
    symbol: str
    minutes: int
    digits: int


def read_hst(path: Path, request: ReadRequest) -> FileCandles:
    """The candles of a .hst file, with the spread that version 401 holds; a finding tells a symbol unknown by that name.

    Raises `BadInputError` without a zone and for a file that cannot be read; `CandleSchemaError` for another version, a file
    that was cut off, another symbol or timeframe, prices with more decimals than the header says, and as `utc_of`.
    """
    zone = server_zone(path, request)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInputError(f"{path} cannot be read ({error}); a .hst file of MT4 is needed; check the path") from error
    header = _header(content, path)
    findings = symbol_findings(header.symbol, request.symbol, str(path))
    if header.minutes * MINUTE_US != request.timeframe.us:
        raise CandleSchemaError(
            f"{path} says that its candles are of {header.minutes} minutes, not {request.timeframe}; name their timeframe"
        )
    records = _records(content, header, path)
    _check_digits(records, header, path)
    local = pl.Series(records["time"].astype(np.int64) * 1_000_000).cast(pl.Datetime("us"))
    names = [name for name in (*PRICES, "volume", SPREAD) if name in (records.dtype.names or ())]
    values = [pl.Series(name, records[name].astype(np.float64)) for name in names]
    frame = pl.DataFrame([utc_of(local, zone, str(path)).alias("open_time"), *values])
    read = with_spread_of_points(frame, header.digits)
    return FileCandles(read.frame, (*findings, *read.findings))


def _header(content: bytes, path: Path) -> HstHeader:
    if len(content) < HEADER_BYTES:
        raise CandleSchemaError(f"{path} has {len(content)} bytes, fewer than the {HEADER_BYTES} of a header; copy it again")
    version, _, symbol, minutes, digits = HEADER.unpack_from(content)
    if version not in RECORDS:
        raise CandleSchemaError(f"{path} is of version {version}; known are 400 and 401 of MT4's history; export it as CSV")
    if not 0 <= digits <= MOST_DIGITS:
        raise CandleSchemaError(f"{path} says that prices have {digits} decimals; 0 to {MOST_DIGITS} are possible; copy it again")
    return HstHeader(version, symbol.split(b"\0")[0].decode("latin-1"), minutes, digits)


def _records(content: bytes, header: HstHeader, path: Path) -> NDArray[np.void]:
    layout = RECORDS[header.version]
    n_left = (len(content) - HEADER_BYTES) % layout.itemsize
    if n_left:
        raise CandleSchemaError(
            f"{path} ends {n_left} bytes into a record of {layout.itemsize}: it was cut off, or is not of version "
            f"{header.version} as it says; close MT4 and copy it again"
        )
    records = np.frombuffer(content, layout, offset=HEADER_BYTES)
    n_odd = int(((records["time"] <= 0) | (records["time"] > LAST_SECOND)).sum())
    if n_odd:
        raise CandleSchemaError(
            f"{path}: {n_odd} of {len(records)} records have a stamp before 1970 or after 2106; it is damaged, or not of version "
            f"{header.version} as it says; copy it again"
        )
    return records


def _check_digits(records: NDArray[np.void], header: HstHeader, path: Path) -> None:
    prices = np.column_stack([records[name] for name in PRICES]) * 10.0**header.digits
    with np.errstate(invalid="ignore"):  # infinite prices are the schema's question
        n_finer = int((np.abs(prices - np.round(prices)) > DIGIT_TOLERANCE).any(axis=1).sum())
    if n_finer:
        raise CandleSchemaError(
            f"{path}: {n_finer} of {len(records)} candles have prices with more than the {header.digits} decimals that the file "
            "says they have; it is damaged, or was written by a script; export it from MT4 as CSV"
        )
