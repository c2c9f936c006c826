"""Retail sentiment: which share of a broker's clients, or of a site's readers, is long. Known at the moment of the snapshot.

The role has one provider: snapshots somebody recorded, since no source of it promises its past. Stamps without a zone are UTC.
"""

from datetime import timedelta
from pathlib import Path
from typing import Protocol

import polars as pl

from fxgpt_core.candles.stamps import utc_stamps
from fxgpt_core.context.series import ContextSeries, checked_series
from fxgpt_core.context.table import column, numbers, optional_column, read_table, texts
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.symbols import SYMBOLS

NAME = "retail"
TIME_NAMES = ("scraping_time", "updated", "known_at", "time", "timestamp")
SYMBOL_NAMES = ("symbol", "pair_name", "pair")
LONG_NAMES = ("percent_bullish", "percent_long", "long_percent")
SHORT_NAMES = ("percent_bearish", "percent_short", "short_percent")
SIGNALS = {"bullish": 1.0, "mixed": 0.0, "neutral": 0.0, "bearish": -1.0}
WORDS_FOR_SYMBOLS = {"GOLD": "XAUUSD"}
ROUNDING = 0.02
# Daily snapshots, half a day late.
STALE_AFTER = timedelta(hours=36)


class RetailSentiment(Protocol):
    """A source of retail sentiment; `name` is recorded with what it gives."""

    @property
    def name(self) -> str:
        """A short lower-case name, stable over releases."""

    def snapshots(self) -> ContextSeries:
        """All snapshots it has: share_long (0..1) and signal (−1, 0, 1), each null where not told; subject is the symbol."""


class RecordedSnapshots:
    """Snapshots from a file, as collectors of broker pages write them."""

    name = "recorded"

    def __init__(self, path: Path) -> None:
        self._path = path

    def snapshots(self) -> ContextSeries:
        """The file's snapshots: a stamp, a symbol, and the percentage long or a word (Bullish, Mixed, Bearish).

        What is no symbol of fxgpt keeps its own name. Raises `BadInputError` for what cannot be used.
        """
        path = self._path
        table = read_table(path)
        stamp = column(table, TIME_NAMES, path)
        known = utc_stamps(stamp, f"{path}: {stamp.name}")
        values = _values(table, path)
        subject = texts(column(table, SYMBOL_NAMES, path), path)
        subjects = subject.replace_strict({name: _subject(name) for name in subject.unique()}, return_dtype=pl.String)
        frame = pl.DataFrame({"known_at": known, "refers_to": known.dt.date(), "subject": subjects, **values})
        return checked_series(NAME, frame, STALE_AFTER, timedelta(0))


def _subject(name: str) -> str:
    plain = name.upper().replace("/", "").replace("_", "")
    plain = WORDS_FOR_SYMBOLS.get(plain, plain)
    return plain if plain in SYMBOLS else name


def _values(table: pl.DataFrame, path: Path) -> dict[str, pl.Series]:
    long, short, word = (
        optional_column(table, LONG_NAMES),
        optional_column(table, SHORT_NAMES),
        optional_column(table, ("sentiment",)),
    )
    if long is None and word is None:
        raise BadInputError(f"{path} has neither {' or '.join(LONG_NAMES)} nor sentiment; one is needed; rename or add it")
    nothing = pl.Series([None] * len(table), dtype=pl.Float64)
    share_long = nothing if long is None else _share(long, path)
    if long is not None and short is not None and not (share_long + _share(short, path) - 1.0).abs().max() <= ROUNDING:  # type: ignore[operator]
        raise BadInputError(
            f"{path}: {long.name} and {short.name} do not add up to 100 %; they must; correct or remove those rows"
        )
    return {"share_long": share_long, "signal": nothing if word is None else _signal(word, path)}


def _share(given: pl.Series, path: Path) -> pl.Series:
    text = given.str.strip_chars().str.strip_suffix("%") if given.dtype == pl.String else given
    share = numbers(text, path) / 100.0
    if not share.is_between(0.0, 1.0).all():
        raise BadInputError(f"{path}: {given.name} has values outside 0 to 100 %; percentages are needed; correct those rows")
    return share


def _signal(given: pl.Series, path: Path) -> pl.Series:
    words = texts(given, path).str.to_lowercase()
    unknown = sorted(set(words) - set(SIGNALS))
    if unknown:
        raise BadInputError(f"{path}: the sentiment {', '.join(unknown[:3])} found; {', '.join(SIGNALS)} are allowed; rewrite it")
    return words.replace_strict(SIGNALS, return_dtype=pl.Float64)
