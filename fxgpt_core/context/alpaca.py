"""Alpaca's daily closes of SPY and QQQ, asked with a person's own two keys; it has no candles of FX, only samples of quotes.

The closes are those of all exchanges (feed sip), which every plan may ask for once they are a quarter of an hour old; iex, the
exchange of the free plan, has a few percent of the trades, and closes of its own. They begin in 2016.
"""

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from time import sleep as really_sleep
from typing import Any, Final
from zoneinfo import ZoneInfo

import polars as pl

from fxgpt_core.candles.web import Politeness, WebClient
from fxgpt_core.context.daily_index import KNOWN_AFTER
from fxgpt_core.errors import MissingError, SourceAnswerError
from fxgpt_core.market.sessions import NEW_YORK

ADDRESS: Final = "https://data.alpaca.markets"
PATH: Final = "/v2/stocks/bars"
CODES: Final = {"spy": "SPY", "qqq": "QQQ"}
# The free plan answers 200 requests a minute.
POLITENESS: Final = Politeness(pause_s=0.3)
WANTED: Final[dict[str, str | int]] = {
    "timeframe": "1Day", "adjustment": "split", "feed": "sip", "sort": "asc", "limit": 10_000,
}  # fmt: skip
_STAMP: Final = "%Y-%m-%dT%H:%M:%SZ"


class AlpacaSource:
    """Alpaca Markets; both keys travel in headers."""

    name = "alpaca"
    kinds = tuple(CODES)

    def __init__(self, key_id: str, secret: str, address: str = ADDRESS, sleep: Callable[[float], None] = really_sleep) -> None:
        headers = {"APCA-API-KEY-ID": key_id, "APCA-API-SECRET-KEY": secret}
        self._web = WebClient(self.name, address, headers, secrets=(key_id, secret), politeness=POLITENESS, sleep=sleep)

    def closes(self, kind: str, first: date, last: date) -> pl.DataFrame:
        """The closes as `ContextSource.closes` promises them, answer after answer until there is no next one."""
        if kind not in CODES:
            raise MissingError(f"{self.name} serves {', '.join(CODES)}, not {kind}; choose one of them, or another provider")
        # A day is stamped with its midnight. Its end as a bare date would be too late for a free plan; so early as its opening,
        # the close might be that of a bar cut off there.
        span = {"start": _in_new_york(first, timedelta(0)), "end": _in_new_york(last, KNOWN_AFTER)}
        asked = {**WANTED, **span, "symbols": CODES[kind]}
        part, token = self._answer(asked, CODES[kind])
        parts, tokens = [part], [token]
        while token:
            part, token = self._answer({**asked, "page_token": token}, CODES[kind])
            if token in tokens:
                raise SourceAnswerError(
                    f"{self.name} names the same next page of {CODES[kind]} twice; nothing was kept; run the same command later"
                )
            parts.append(part)
            tokens.append(token)
        return pl.concat(parts).filter(pl.col("refers_to").is_between(first, last))

    def _answer(self, asked: Mapping[str, str | int], code: str) -> tuple[pl.DataFrame, str]:
        """The closes of one answer, and the token of the next, "" where there is none."""
        body = self._web.get(PATH, asked) or b""
        try:
            answer = json.loads(body)
            return _frame(answer["bars"], code), answer["next_page_token"] or ""
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, pl.exceptions.PolarsError) as error:
            raise SourceAnswerError(
                f"{self.name} answered no closes of {code} ({type(error).__name__}: {self._web.told(body)}); bars by symbol and "
                "next_page_token are needed; run the same command again later"
            ) from None


def _frame(bars: dict[str, list[dict[str, Any]]], code: str) -> pl.DataFrame:
    """The closes of the days of one symbol; raises what an answer of another form makes Python or polars raise."""
    if set(bars) - {code}:
        raise ValueError(f"not {code} alone")
    days = bars.get(code, [])
    text = pl.Series("t", [bar["t"] for bar in days], pl.String)
    stamps = text.str.to_datetime(_STAMP, time_unit="us", time_zone="UTC").dt.convert_time_zone(NEW_YORK)
    if stamps.has_nulls() or (stamps != stamps.dt.truncate("1d")).any():
        raise ValueError("not midnights in New York")
    return pl.DataFrame([stamps.dt.date().alias("refers_to"), pl.Series("close", [bar["c"] for bar in days], pl.Float64)])


def _in_new_york(day: date, time_of_day: timedelta) -> str:
    return (datetime.combine(day, time(), ZoneInfo(NEW_YORK)) + time_of_day).isoformat()
