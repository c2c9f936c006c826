"""News sentiment: scores of a day's headlines about a symbol, known when the day has ended in UTC.

A score of "the headlines of May 3" has seen those of the evening; without the time of each, nothing before midnight UTC is safe.
That is a rule of this file and not of its source: days cut in another time zone that end after midnight UTC must be stamped so.
"""

from datetime import timedelta
from pathlib import Path

import polars as pl

from fxgpt_core.context.series import TIME_TYPE, ContextSeries, checked_series
from fxgpt_core.context.table import column, dates, read_table, texts
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.symbols import symbol as symbol_of

NAME = "news"
DATE_NAMES = ("date", "day", "published_at")
SYMBOL_NAMES = ("symbol", "ticker", "pair")
DAY = timedelta(days=1)
# Over a weekend without news.
STALE_AFTER = timedelta(days=3)


def read_news(path: Path) -> ContextSeries:
    """The scores of a file with date, symbol and columns of numbers, each of which is a score; columns of text are left out.

    Subject is the symbol. Raises `BadInputError`, `UnknownSymbolError`.
    """
    table = read_table(path)
    day, symbol = column(table, DATE_NAMES, path), column(table, SYMBOL_NAMES, path)
    scores = {given.name: given.cast(pl.Float64) for given in table.drop(day.name, symbol.name) if _numeric(given)}
    if not scores:
        raise BadInputError(f"{path} has no column of numbers (found: {', '.join(table.columns)}); a score is needed; add one")
    names = texts(symbol, path)
    subjects = names.replace_strict({name: symbol_of(name).name for name in names.unique()}, return_dtype=pl.String)
    frame = pl.DataFrame({"refers_to": dates(day, path), "subject": subjects, **scores})
    known = pl.col("refers_to").cast(TIME_TYPE) + DAY
    return checked_series(NAME, frame.with_columns(known_at=known), STALE_AFTER, DAY)


def _numeric(given: pl.Series) -> bool:
    """Whether a column has numbers and nothing else; empty cells count as neither."""
    there = given.drop_nulls()
    return len(there) > 0 and there.cast(pl.Float64, strict=False).null_count() == 0
