"""The file formats fxgpt reads, and which of them a file is in."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from fxgpt_core.candles.providers.files import PARQUET_SUFFIX, check_is_file, checked_frame, read_candle_file
from fxgpt_core.candles.providers.histdata import read_histdata
from fxgpt_core.candles.providers.hst import read_hst
from fxgpt_core.candles.providers.metatrader import read_mt4, read_mt5
from fxgpt_core.candles.providers.reading import FileCandles, ReadRequest
from fxgpt_core.candles.providers.truefx import read_truefx
from fxgpt_core.candles.providers.vendor_text import text_bytes
from fxgpt_core.errors import BadInputError

FIRST_BYTES = 4096
HST_SUFFIX = ".hst"


class FileFormat(StrEnum):
    """The formats by name; auto looks at the file's name and first line, generic is a header line or Parquet."""

    AUTO = "auto"
    GENERIC = "generic"
    HISTDATA = "histdata"
    MT4 = "mt4"
    MT5 = "mt5"
    HST = "hst"
    TRUEFX = "truefx"


@dataclass(frozen=True)
class Reader:
    """How a format is read; `takes_zone` says whether its stamps may be in a zone that the file does not name."""

    read: Callable[[Path, ReadRequest], FileCandles]
    takes_zone: bool


READERS = {
    FileFormat.GENERIC: Reader(lambda path, _: FileCandles(read_candle_file(path)), takes_zone=False),
    FileFormat.HISTDATA: Reader(read_histdata, takes_zone=True),
    FileFormat.MT4: Reader(read_mt4, takes_zone=True),
    FileFormat.MT5: Reader(read_mt5, takes_zone=True),
    FileFormat.HST: Reader(read_hst, takes_zone=True),
    FileFormat.TRUEFX: Reader(read_truefx, takes_zone=False),
}
FIRST_LINES = {
    FileFormat.HISTDATA: re.compile(r"\d{8} \d{6};|HistData\.com"),
    FileFormat.MT4: re.compile(r"\d{4}\.\d{2}\.\d{2},\d{1,2}:\d{2},"),
    FileFormat.MT5: re.compile(r"<DATE>\t|time,open,high,low,close,tick_volume,spread,real_volume\s*$", re.MULTILINE),
    FileFormat.TRUEFX: re.compile(r"[A-Z]{3}/[A-Z]{3},\d{8} \d{2}:"),
}


def file_format(name: str) -> FileFormat:
    """The format of a name such as "mt4"; raises `BadInputError` naming those there are."""
    try:
        return FileFormat(name.strip().lower())
    except ValueError:
        raise BadInputError(f"format {name!r} is unknown; known: {', '.join(FileFormat)}; write one of them") from None


def detected(path: Path) -> FileFormat:
    """The format of a file by its name and first line: generic where it is no other. Raises `BadInputError` if unreadable."""
    name = path.name.lower()
    if name.endswith(HST_SUFFIX):
        return FileFormat.HST
    if name.endswith(PARQUET_SUFFIX):
        return FileFormat.GENERIC
    first_line = text_bytes(path, FIRST_BYTES).split(b"\n")[0].decode("utf-8", errors="replace")
    return next((one for one, form in FIRST_LINES.items() if form.match(first_line)), FileFormat.GENERIC)


def read_checked(path: Path, request: ReadRequest, wanted: FileFormat = FileFormat.AUTO) -> FileCandles:
    """The candles of a file in any format as `check_candles` returns them, with the findings of its reader.

    Raises `BadInputError` for no file, one that cannot be read, and a zone where stamps are in UTC or name theirs;
    `CandleSchemaError` for what its reader or `check_candles` refuses.
    """
    check_is_file(path)
    found = detected(path) if wanted is FileFormat.AUTO else wanted
    reader = READERS[found]
    if request.zone is not None and not reader.takes_zone:
        with_zone = ", ".join(one for one, other in READERS.items() if other.takes_zone)
        raise BadInputError(
            f"{path} is read as {found}, whose stamps are in UTC or name their zone: --zone {request.zone} has no meaning; "
            f"formats that take one are {with_zone}; leave --zone out, or name the format"
        )
    read = reader.read(path, request)
    return replace(read, frame=checked_frame(read.frame, request.timeframe, path))
