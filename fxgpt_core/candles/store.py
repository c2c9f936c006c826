"""Imported candles on disk: one Parquet file for each version of a series, none ever overwritten by another.

<root>/<symbol>/<timeframe>/<first 16 of the content hash>.parquet   the candles (zstd)
<root>/<symbol>/<timeframe>/<first 16 of the content hash>.json      what they are and where they came from
<root>/<symbol>/<timeframe>/latest                                   the content hash last put
Written in this order and each atomically, so that a crash leaves the earlier version in place.
"""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from fxgpt_core.atomic_file import write_atomically
from fxgpt_core.candles.parquet import parquet_bytes
from fxgpt_core.candles.schema import check_candles
from fxgpt_core.candles.versions import candles_sha256
from fxgpt_core.content_hash import canonical_json
from fxgpt_core.errors import CorruptArtifactError, MissingError, NotReadyError
from fxgpt_core.market import symbols
from fxgpt_core.market.timeframes import Timeframe

POINTER = "latest"
REMEDY = "import it, or sync it, again"


@dataclass(frozen=True)
class StoredCandles:
    """One stored version: `sha256` is the hash of the candles (not of the file), `source` says where they came from."""

    symbol: str
    timeframe: Timeframe
    path: Path
    sha256: str
    rows: int
    first: datetime
    last: datetime
    source: str


class CandleStore:
    """The imported candle series below one folder, which need not exist yet."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, frame: pl.DataFrame, symbol: str, timeframe: Timeframe, source: str) -> StoredCandles:
        """Store a series as the latest version; the same candles again give the same file.

        Raises `CandleSchemaError`, `UnknownSymbolError`, and `NotReadyError` where it cannot write, and then stores nothing.
        """
        checked = check_candles(frame, timeframe)
        sha256 = candles_sha256(checked)
        folder = self._folder(symbol, timeframe)
        stored = StoredCandles(
            symbols.symbol(symbol).name, timeframe, folder / f"{sha256[:16]}.parquet", sha256, len(checked),
            checked["open_time"][0], checked["open_time"][-1], source,
        )  # fmt: skip
        try:
            write_atomically(stored.path, parquet_bytes(checked))
            write_atomically(stored.path.with_suffix(".json"), _card(stored))
            write_atomically(folder / POINTER, sha256.encode())
        except OSError as error:
            raise NotReadyError(
                f"candles cannot be stored in {folder} ({error.strerror}); a folder that this user may write, on a disk with "
                "space, is needed; give this user the folder, or set FXGPT_DATA_ROOT to another one"
            ) from error
        return stored

    def latest(self, symbol: str, timeframe: Timeframe) -> StoredCandles:
        """The version put last; raises `MissingError` if there is none."""
        folder = self._folder(symbol, timeframe)
        pointer = folder / POINTER
        if not pointer.exists():
            raise MissingError(f"no {timeframe} candles of {symbol} are stored below {self.root}; import a file of them first")
        return _read_card(folder / f"{pointer.read_text()[:16]}.json")

    def list(self) -> tuple[StoredCandles, ...]:
        """Every stored version, by symbol, timeframe length and hash."""
        cards = [_read_card(path) for _, _, folder in self._series_folders() for path in folder.glob("*.json")]
        return tuple(sorted(cards, key=lambda card: (card.symbol, card.timeframe.us, card.sha256)))

    def series(self) -> tuple[tuple[str, Timeframe], ...]:
        """Symbol and timeframe of every series that has a latest version, sorted by name and length."""
        return tuple((symbol, timeframe) for symbol, timeframe, folder in self._series_folders() if (folder / POINTER).exists())

    def read(self, stored: StoredCandles) -> pl.DataFrame:
        """The candles of a stored version; raises `CorruptArtifactError` if they are not the candles that were put."""
        try:
            frame = pl.read_parquet(io.BytesIO(stored.path.read_bytes()))
            found = candles_sha256(frame)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise CorruptArtifactError(f"{stored.path} cannot be read ({error}); {REMEDY}") from error
        if found != stored.sha256:
            raise CorruptArtifactError(f"{stored.path} holds candles of hash {found}, recorded is {stored.sha256}; {REMEDY}")
        return frame

    def _series_folders(self) -> Iterator[tuple[str, Timeframe, Path]]:
        """The folders that are there, by symbol and length; whatever else lies below the root is not the store's."""
        for symbol in sorted(symbols.SYMBOLS):
            for timeframe in sorted(Timeframe, key=lambda one: one.us):
                folder = self._folder(symbol, timeframe)
                if folder.is_dir():
                    yield symbol, timeframe, folder

    def _folder(self, symbol: str, timeframe: Timeframe) -> Path:
        return self.root / symbols.symbol(symbol).name / timeframe.value


def _card(stored: StoredCandles) -> bytes:
    return canonical_json(
        {
            "symbol": stored.symbol,
            "timeframe": stored.timeframe.value,
            "sha256": stored.sha256,
            "rows": stored.rows,
            "first": stored.first.isoformat(),
            "last": stored.last.isoformat(),
            "source": stored.source,
        }
    ).encode()


def _read_card(path: Path) -> StoredCandles:
    try:
        card = json.loads(path.read_bytes())
        return StoredCandles(
            symbol=card["symbol"],
            timeframe=Timeframe(card["timeframe"]),
            path=path.with_suffix(".parquet"),
            sha256=card["sha256"],
            rows=card["rows"],
            first=datetime.fromisoformat(card["first"]),
            last=datetime.fromisoformat(card["last"]),
            source=card["source"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorruptArtifactError(f"{path} does not describe stored candles ({error!r}); {REMEDY}") from error
