"""Imported and downloaded candles on disk: <root>/<symbol>/<timeframe>/ is a folder of versions (`version_files`)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from fxgpt_core.candles.schema import check_candles
from fxgpt_core.candles.versions import candles_sha256
from fxgpt_core.errors import MissingError
from fxgpt_core.market import symbols
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.version_files import Version, has_latest, latest_version, path_of, put_version, read_version, version_of_card

CANDLES = "candles"


@dataclass(frozen=True, kw_only=True)
class StoredCandles(Version):
    """One stored version of a series; `first` and `last` are open times."""

    symbol: str
    timeframe: Timeframe


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
        stored = StoredCandles(
            symbol=symbols.symbol(symbol).name, timeframe=timeframe, path=path_of(self._folder(symbol, timeframe), sha256),
            sha256=sha256, rows=len(checked), first=checked["open_time"][0], last=checked["open_time"][-1], source=source,
        )  # fmt: skip
        put_version(stored, checked, CANDLES)
        return stored

    def latest(self, symbol: str, timeframe: Timeframe) -> StoredCandles:
        """The version put last; raises `MissingError` if there is none."""
        folder = self._folder(symbol, timeframe)
        if not has_latest(folder):
            raise MissingError(f"no {timeframe} candles of {symbol} are stored below {self.root}; import a file of them first")
        return latest_version(folder, _stored, CANDLES)

    def list(self) -> tuple[StoredCandles, ...]:
        """Every stored version, by symbol, timeframe length and hash."""
        paths = [path for _, _, folder in self._series_folders() for path in folder.glob("*.json")]
        cards = [version_of_card(path, _stored, CANDLES) for path in paths]
        return tuple(sorted(cards, key=lambda card: (card.symbol, card.timeframe.us, card.sha256)))

    def series(self) -> tuple[tuple[str, Timeframe], ...]:
        """Symbol and timeframe of every series that has a latest version, sorted by name and length."""
        return tuple((symbol, timeframe) for symbol, timeframe, folder in self._series_folders() if has_latest(folder))

    def read(self, stored: StoredCandles) -> pl.DataFrame:
        """The candles of a stored version; raises `CorruptArtifactError` if they are not the candles that were put."""
        return read_version(stored, candles_sha256, CANDLES)

    def _series_folders(self) -> Iterator[tuple[str, Timeframe, Path]]:
        """The folders that are there, by symbol and length; whatever else lies below the root is not the store's."""
        for symbol in sorted(symbols.SYMBOLS):
            for timeframe in sorted(Timeframe, key=lambda one: one.us):
                folder = self._folder(symbol, timeframe)
                if folder.is_dir():
                    yield symbol, timeframe, folder

    def _folder(self, symbol: str, timeframe: Timeframe) -> Path:
        return self.root / symbols.symbol(symbol).name / timeframe.value


def _stored(*, timeframe: str, **values: Any) -> StoredCandles:
    return StoredCandles(timeframe=Timeframe(timeframe), **values)
