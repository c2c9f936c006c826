from pathlib import Path

import polars as pl
import pytest

from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.candles.store import CandleStore
from fxgpt_core.candles.versions import candles_sha256
from fxgpt_core.errors import CandleSchemaError, CorruptArtifactError, MissingError, NotReadyError, UnknownSymbolError
from fxgpt_core.market.timeframes import Timeframe

H1 = Timeframe.H1


@pytest.fixture(scope="module")
def sample() -> pl.DataFrame:
    return SampleProvider().candles("EURUSD", H1).head(500)


@pytest.fixture
def store(tmp_path: Path) -> CandleStore:
    return CandleStore(tmp_path / "imports")


def test_what_was_put_is_read_back_bit_for_bit(store: CandleStore, sample: pl.DataFrame) -> None:
    stored = store.put(sample, "eurusd", H1, "a file")
    assert store.read(stored).equals(sample)
    assert store.latest("EURUSD", H1) == stored
    assert (stored.symbol, stored.rows, stored.sha256) == ("EURUSD", 500, candles_sha256(sample))
    assert stored.source == "a file"
    assert (stored.first, stored.last) == (sample["open_time"][0], sample["open_time"][-1])


def test_a_spread_is_stored_with_what_is_not_known_of_it(store: CandleStore, sample: pl.DataFrame) -> None:
    known = pl.int_range(pl.len()) % 3 > 0
    with_spread = sample.with_columns(spread=pl.when(known).then(0.00014))
    plain, stored = (store.put(frame, "EURUSD", H1, "x") for frame in (sample, with_spread))
    assert plain.sha256 != stored.sha256
    assert store.read(stored).equals(with_spread)
    assert store.read(plain).equals(sample)
    with_spread.with_columns(spread=pl.lit(0.00015)).write_parquet(stored.path)
    with pytest.raises(CorruptArtifactError, match="holds candles of hash"):
        store.read(stored)


def test_an_older_version_stays_and_the_last_put_is_the_latest(store: CandleStore, sample: pl.DataFrame) -> None:
    first = store.put(sample.head(400), "EURUSD", H1, "one")
    second = store.put(sample, "EURUSD", H1, "two")
    assert store.latest("EURUSD", H1) == second
    assert store.read(first).equals(sample.head(400))
    store.put(sample.head(400), "EURUSD", H1, "one")
    assert store.latest("EURUSD", H1) == first
    assert set(store.list()) == {first, second}


def test_the_same_candles_twice_are_one_version(store: CandleStore, sample: pl.DataFrame) -> None:
    assert store.put(sample, "EURUSD", H1, "one") == store.put(sample, "EURUSD", H1, "one")
    assert len(store.list()) == 1


def test_series_lists_each_symbol_and_timeframe_once(store: CandleStore, sample: pl.DataFrame) -> None:
    assert store.series() == ()
    for symbol, timeframe in (("GBPUSD", H1), ("EURUSD", H1), ("EURUSD", Timeframe.M30)):
        store.put(sample, symbol, timeframe, "x")
    assert store.series() == (("EURUSD", Timeframe.M30), ("EURUSD", H1), ("GBPUSD", H1))


def test_nothing_stored_is_said_with_the_folder_and_what_to_do(store: CandleStore) -> None:
    with pytest.raises(MissingError, match=r"no 1h candles of EURUSD are stored below .*imports; import a file"):
        store.latest("EURUSD", H1)
    assert store.list() == ()


def test_bad_candles_and_unknown_symbols_store_nothing(store: CandleStore, sample: pl.DataFrame) -> None:
    with pytest.raises(CandleSchemaError, match="stamp that was there before"):
        store.put(pl.concat([sample, sample]), "EURUSD", H1, "x")
    with pytest.raises(UnknownSymbolError, match=r"'\.\./evil'"):
        store.put(sample, "../evil", H1, "x")
    assert not store.root.exists()


def test_a_flipped_byte_in_the_file_is_found(store: CandleStore, sample: pl.DataFrame) -> None:
    stored = store.put(sample, "EURUSD", H1, "x")
    clean = stored.path.read_bytes()
    for position in range(4, len(clean) - 8, 997):
        broken = bytearray(clean)
        broken[position] ^= 0x10
        stored.path.write_bytes(bytes(broken))
        try:
            read = store.read(stored)
        except CorruptArtifactError:
            continue
        assert read.equals(sample), f"flipping byte {position} went unseen"  # it may be one that carries no candle


def test_other_candles_under_a_version_s_name_are_found(store: CandleStore, sample: pl.DataFrame) -> None:
    stored = store.put(sample, "EURUSD", H1, "x")
    sample.with_columns(pl.col("close") * 1.0000001).write_parquet(stored.path)
    with pytest.raises(CorruptArtifactError, match=r"holds candles of hash [0-9a-f]{64}, recorded is [0-9a-f]{64}; import"):
        store.read(stored)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"symbol": "EURUSD"'])
def test_a_broken_description_is_named(store: CandleStore, sample: pl.DataFrame, text: str) -> None:
    stored = store.put(sample, "EURUSD", H1, "x")
    stored.path.with_suffix(".json").write_text(text)
    with pytest.raises(CorruptArtifactError, match=r"\.json does not describe stored candles"):
        store.latest("EURUSD", H1)


def test_a_file_that_is_gone_is_named(store: CandleStore, sample: pl.DataFrame) -> None:
    stored = store.put(sample, "EURUSD", H1, "x")
    stored.path.unlink()
    with pytest.raises(CorruptArtifactError, match=r"parquet cannot be read"):
        store.read(stored)


def test_other_folders_below_the_root_are_none_of_the_store_s(store: CandleStore, sample: pl.DataFrame) -> None:
    stored = store.put(sample, "EURUSD", H1, "x")
    for junk in ("notes/old", "EURUSD/weekly", "FOO/1h"):
        (store.root / junk).mkdir(parents=True)
        (store.root / junk / "latest").write_text("x")
        (store.root / junk / "card.json").write_text("{")
    (store.root / "GBPUSD").write_text("a file")
    assert store.series() == (("EURUSD", H1),)
    assert store.list() == (stored,)


def test_a_place_that_cannot_be_written_is_not_ready(store: CandleStore, sample: pl.DataFrame) -> None:
    store.root.write_text("a file, where a folder should be")
    with pytest.raises(NotReadyError, match=r"candles cannot be stored in .*EURUSD/1h \(Not a directory\).*set FXGPT_DATA_ROOT"):
        store.put(sample, "EURUSD", H1, "x")
