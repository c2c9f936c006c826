"""The spread on its way: a file's column, what crosses, real quotes."""

from pathlib import Path

import polars as pl
import pytest

from fxgpt_core.candles.defects.findings import Defect
from fxgpt_core.candles.defects.inspection import inspect
from fxgpt_core.candles.provider import provided_candles
from fxgpt_core.candles.providers.files import FilesProvider, checked_candle_file
from fxgpt_core.candles.providers.imported import ImportedProvider
from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.candles.schema import COLUMNS
from fxgpt_core.candles.store import CandleStore
from fxgpt_core.candles.versions import candles_sha256
from fxgpt_core.errors import CandleSchemaError
from fxgpt_core.market.timeframes import Timeframe

H1, D1 = Timeframe.H1, Timeframe.D1
MEDIANS = {"EURUSD": 0.00014, "GBPUSD": 0.00019, "USDJPY": 0.014, "AUDUSD": 0.00014}


@pytest.fixture(scope="module")
def sample() -> pl.DataFrame:
    """The sample with a spread of 0.0001, twice that in the hour from 21:00 UTC, not known on Mondays."""
    wide = pl.when(pl.col("open_time").dt.hour() == 21).then(0.0002).otherwise(0.0001)
    known = pl.col("open_time").dt.weekday() != 1
    return SampleProvider().candles("EURUSD", H1).with_columns(spread=pl.when(known).then(wide))


@pytest.fixture
def fx(shared_data: Path) -> Path:
    return shared_data / "fx"


def test_a_file_s_spread_is_that_of_the_provider_in_its_own_and_in_longer_timeframes(tmp_path, sample):
    path = tmp_path / "eurusd.csv"
    sample.write_csv(path)
    provider = FilesProvider({("EURUSD", H1): path})
    assert provider.candles("EURUSD", H1).equals(sample)
    days = provided_candles(provider, "EURUSD", D1).frame
    whole_days = days.filter(pl.col("volume") > 0, pl.col("open_time").dt.weekday().is_in([2, 3]))
    # 23 hours of 0.0001 and one of 0.0002, whichever hour of the FX day that one is.
    assert whole_days["spread"].to_list() == pytest.approx([0.0025 / 24] * len(whole_days))
    assert len(whole_days) > 80


def test_candles_differ_by_their_spread_alone_and_are_the_same_without(tmp_path, sample):
    store = CandleStore(tmp_path)
    plain = store.put(sample.select(COLUMNS), "EURUSD", H1, "without")
    stored = store.put(sample, "EURUSD", H1, "with")
    # The hash that the sample had before candles had spreads.
    assert plain.sha256 == "17d82d6afe20a355f9611b4454d17360f4ca58d7e05b9dc7d2e9c9e0e0a3cfa6"
    assert stored.sha256 not in (plain.sha256, candles_sha256(sample.with_columns(pl.col("spread").fill_null(0.0))))
    assert ImportedProvider(store).candles("EURUSD", H1).equals(sample)


def test_a_planted_crossed_quote_is_a_finding_and_stops_an_import(tmp_path, sample):
    crossed = sample.with_columns(spread=pl.when(pl.int_range(pl.len()) == 700).then(-0.0003).otherwise("spread"))
    (finding,) = inspect(crossed, H1).findings.iter_rows(named=True)
    assert (finding["kind"], finding["open_time"]) == (Defect.CROSSED_QUOTES, sample["open_time"][700])
    assert finding["value"] == 0.0003
    assert inspect(sample, H1).counts == {}
    crossed.write_csv(tmp_path / "crossed.csv")
    moment = sample["open_time"][700].isoformat()[:16]
    with pytest.raises(CandleSchemaError, match=rf"crossed\.csv: 1 of 5000 candles with a crossed quote .*first: {moment}"):
        checked_candle_file(tmp_path / "crossed.csv", H1)


@pytest.mark.shared_data
@pytest.mark.parametrize("symbol", MEDIANS)
def test_real_spreads_travel_through_store_and_resampling(fx, tmp_path, symbol):
    given = pl.read_parquet(fx / "oanda_h1" / f"{symbol}_h1.parquet")
    frame = checked_candle_file(fx / "oanda_h1" / f"{symbol}_h1.parquet", H1)
    assert frame["spread"].equals(given["spread"])
    assert frame["spread"].median() == pytest.approx(MEDIANS[symbol], abs=1e-9)
    store = CandleStore(tmp_path)
    assert store.read(store.put(frame, symbol, H1, "real")).equals(frame)
    quotes = given.drop("spread")
    quotes.write_parquet(tmp_path / "quotes.parquet")
    told = checked_candle_file(tmp_path / "quotes.parquet", H1)["spread"]
    assert (told - given["spread"]).abs().max() < 1e-9
    days = provided_candles(ImportedProvider(store), symbol, D1).frame
    assert frame["spread"].min() <= days["spread"].min() <= days["spread"].max() <= frame["spread"].max()
    middle = days["open_time"][700]
    inside = frame.filter(pl.col("open_time").is_between(middle, middle + D1.duration, closed="left"))
    assert days["spread"][700] == pytest.approx(inside["spread"].mean(), rel=1e-12)


@pytest.mark.shared_data
@pytest.mark.parametrize("name", ["GBPUSD_m1_2012", "USDJPY_m1_2013"])
def test_real_minutes_with_crossed_closes_are_refused_with_their_number(fx, name):
    path = fx / "fxcm_m1" / f"{name}.parquet"
    crossed = int((pl.read_parquet(path)["spread"] < 0.0).sum())
    assert crossed > 0
    with pytest.raises(CandleSchemaError, match=rf"{name}\.parquet: {crossed} of \d+ candles with a crossed quote"):
        checked_candle_file(path, Timeframe.M1)
