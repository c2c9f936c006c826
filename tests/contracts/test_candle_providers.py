"""What every candle provider promises; each implementation is one entry of PROVIDERS."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fxgpt_core.candles.provider import CandleProvider
from fxgpt_core.candles.providers.downloaded import DownloadedProvider
from fxgpt_core.candles.providers.files import FilesProvider
from fxgpt_core.candles.providers.imported import ImportedProvider
from fxgpt_core.candles.providers.sample import SampleProvider, sample_path
from fxgpt_core.candles.resample import resample
from fxgpt_core.candles.schema import check_candles
from fxgpt_core.candles.store import CandleStore
from fxgpt_core.candles.versions import candles_sha256
from fxgpt_core.errors import MissingError
from fxgpt_core.market.symbols import SYMBOLS
from fxgpt_core.market.timeframes import Timeframe


def sample(_: Path) -> CandleProvider:
    return SampleProvider()


def imported(folder: Path) -> CandleProvider:
    store = CandleStore(folder / "imports")
    hourly = SampleProvider().candles("EURUSD", Timeframe.H1)
    store.put(hourly, "EURUSD", Timeframe.H1, "sample")
    store.put(resample(hourly, Timeframe.H1, Timeframe.H4), "EURUSD", Timeframe.H4, "sample")
    return ImportedProvider(store)


def downloaded(folder: Path) -> CandleProvider:
    store = CandleStore(folder / "downloads" / "tiingo")
    store.put(SampleProvider().candles("EURUSD", Timeframe.H1), "EURUSD", Timeframe.H1, "tiingo")
    return DownloadedProvider(store, "tiingo")


def files(folder: Path) -> CandleProvider:
    hourly = SampleProvider().candles("EURUSD", Timeframe.H1)
    resample(hourly, Timeframe.H1, Timeframe.D1).write_parquet(folder / "days.parquet")
    return FilesProvider({("EURUSD", Timeframe.H1): sample_path(), ("EURUSD", Timeframe.D1): folder / "days.parquet"})


PROVIDERS: tuple[Callable[[Path], CandleProvider], ...] = (sample, imported, downloaded, files)


@pytest.fixture(params=PROVIDERS, ids=lambda make: make.__name__)
def provider(request: pytest.FixtureRequest, tmp_path: Path) -> CandleProvider:
    return request.param(tmp_path)


def test_its_name_is_a_short_lower_case_word(provider: CandleProvider) -> None:
    assert provider.name.isidentifier()
    assert provider.name == provider.name.lower()


def test_what_is_available_is_known_symbols_and_timeframes_each_once_and_sorted(provider: CandleProvider) -> None:
    available = provider.available()
    assert available
    assert available == sorted(set(available), key=lambda item: (item[0], item[1].us))
    assert all(symbol in SYMBOLS and isinstance(timeframe, Timeframe) for symbol, timeframe in available)


def test_every_available_series_is_sound(provider: CandleProvider) -> None:
    for symbol, timeframe in provider.available():
        frame = provider.candles(symbol, timeframe)
        assert check_candles(frame, timeframe).equals(frame)


def test_the_same_call_gives_the_same_candles(provider: CandleProvider) -> None:
    for symbol, timeframe in provider.available():
        assert candles_sha256(provider.candles(symbol, timeframe)) == candles_sha256(provider.candles(symbol, timeframe))


def test_what_is_not_available_is_refused_naming_what_is(provider: CandleProvider) -> None:
    with pytest.raises(MissingError, match=rf"'{provider.name}' has no 5m candles of GBPJPY .*it has EURUSD"):
        provider.candles("GBPJPY", Timeframe.M5)


def test_an_empty_import_has_nothing_and_says_so(tmp_path: Path) -> None:
    empty = ImportedProvider(CandleStore(tmp_path / "none"))
    assert empty.available() == []
    with pytest.raises(MissingError, match="it has nothing; import a file"):
        empty.candles("EURUSD", Timeframe.H1)
