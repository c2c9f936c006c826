"""The remote sources by name, in the order in which their downloaded candles are preferred."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fxgpt_core.candles.source import CandleSource
from fxgpt_core.errors import BadInputError


@dataclass(frozen=True)
class RemoteSource:
    """How a source is made, with the person's own key for it where it takes one (else with "").

    None: it is asked with the account at a broker, and made where that is known.
    """

    make: Callable[[str], CandleSource] | None
    takes_key: bool = False


def remote_source(name: str, key_of: Callable[[str], str]) -> CandleSource:
    """The source of a name; `key_of` gives the key of a source that takes one. Raises `BadInputError` naming all."""
    if name not in SOURCES:
        raise BadInputError(f"there is no provider {name!r} to download from; known: {', '.join(SOURCES)}; choose one of them")
    source = SOURCES[name]
    if source.make is None:
        raise BadInputError(f"{name} is asked with an account at a broker; use `fxgpt candles sync --provider {name}`")
    return source.make(key_of(name) if source.takes_key else "")


def _dukascopy(_: str) -> CandleSource:
    from fxgpt_core.candles.providers.dukascopy import DukascopySource

    return DukascopySource()


def _dukascopy_json(_: str) -> CandleSource:
    from fxgpt_core.candles.providers.dukascopy_json import DukascopyJsonSource

    return DukascopyJsonSource()


def _dukascopy_ticks(_: str) -> CandleSource:
    from fxgpt_core.candles.providers.dukascopy_ticks import DukascopyTicksSource

    return DukascopyTicksSource()


def _tiingo(key: str) -> CandleSource:
    from fxgpt_core.candles.providers.tiingo import TiingoSource

    return TiingoSource(key)


def _alpha_vantage(key: str) -> CandleSource:
    from fxgpt_core.candles.providers.alpha_vantage import AlphaVantageSource

    return AlphaVantageSource(key)


def _yahoo(_: str) -> CandleSource:
    from fxgpt_core.candles.providers.yahoo import YahooSource

    return YahooSource()


def _binance(_: str) -> CandleSource:
    from fxgpt_core.candles.providers.binance import BinanceSource

    return BinanceSource()


SOURCES: Final[dict[str, RemoteSource]] = {
    "dukascopy": RemoteSource(_dukascopy),
    "dukascopy_ticks": RemoteSource(_dukascopy_ticks),
    "dukascopy_json": RemoteSource(_dukascopy_json),
    "tiingo": RemoteSource(_tiingo, takes_key=True),
    "alpha_vantage": RemoteSource(_alpha_vantage, takes_key=True),
    "yahoo": RemoteSource(_yahoo),
    "binance": RemoteSource(_binance),
    "ctrader": RemoteSource(None),
}
