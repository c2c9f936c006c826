"""Yahoo's daily closes of VIX, S&P 500, SPY and QQQ, without a key, from the chart that its candles come from."""

import json
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from time import sleep as really_sleep
from typing import Final
from zoneinfo import ZoneInfo

import polars as pl

from fxgpt_core.candles.providers.yahoo import ADDRESS, HAS_PRICE, HEADERS, POLITENESS, chart_rows
from fxgpt_core.candles.web import WebClient
from fxgpt_core.errors import MissingError, SourceAnswerError
from fxgpt_core.market.sessions import NEW_YORK

CODES: Final = {"vix": "^VIX", "spx": "^GSPC", "spy": "SPY", "qqq": "QQQ"}


class YahooIndexSource:
    """Yahoo's indices and funds; a day that it has no prices of is left out."""

    name = "yahoo"
    kinds = tuple(CODES)

    def __init__(self, address: str = ADDRESS, sleep: Callable[[float], None] = really_sleep) -> None:
        self._web = WebClient(self.name, address, HEADERS, politeness=POLITENESS, sleep=sleep)

    def closes(self, kind: str, first: date, last: date) -> pl.DataFrame:
        """The closes as `ContextSource.closes` promises them, of one request."""
        if kind not in CODES:
            raise MissingError(f"{self.name} serves {', '.join(CODES)}, not {kind}; choose one of them, or another provider")
        path = f"/v8/finance/chart/{CODES[kind]}"
        span = {"period1": _midnight(first), "period2": _midnight(last + timedelta(days=1))}
        body = self._web.get(path, {**span, "interval": "1d"})
        if body is None:
            raise MissingError(f"{self.name} does not serve {kind} ({path}); choose another provider")
        try:
            rows = chart_rows(json.loads(body)["chart"], CODES[kind], "1d")
        except (ValueError, KeyError, TypeError, IndexError, RecursionError, pl.exceptions.PolarsError) as error:
            raise SourceAnswerError(
                f"{self.name} answered no closes at {path} ({type(error).__name__}: {self._web.told(body)}); "
                "check the span, or run the same command again later"
            ) from None
        return _days(rows.filter(HAS_PRICE)).filter(pl.col("refers_to").is_between(first, last))


def _days(rows: pl.DataFrame) -> pl.DataFrame:
    """The days of a chart, stamped with the opening of their sessions.

    The last may come twice, as the day and as the running quote, which is newer: the day before the last row is then left out.
    """
    stamps = (pl.col("seconds") * 1_000_000).cast(pl.Datetime("us", "UTC")).dt.convert_time_zone(NEW_YORK)
    days = rows.select(stamps.dt.date().alias("refers_to"), "close")
    twice = (pl.int_range(pl.len()) == pl.len() - 2) & (pl.col("refers_to") == pl.col("refers_to").shift(-1))
    return days.filter(~twice.fill_null(value=False))


def _midnight(day: date) -> int:
    return round(datetime.combine(day, time(), ZoneInfo(NEW_YORK)).timestamp())
