"""The assets of features: other symbols read are in the lineage, a leak stops them, what is there is not computed again."""

import numpy as np
import polars as pl
import pytest
from tiny_line import SetUp

from fxgpt_core.context.daily_index import read_daily_index
from fxgpt_core.context.store import FOLDER, ContextStore
from fxgpt_core.errors import BrokenLineageError, MissingError
from fxgpt_core.features import intermarket, matrix
from fxgpt_core.features.intermarket import INTERMARKET


@pytest.fixture
def made(fresh: SetUp) -> SetUp:
    for asset in ("raw_candles", "candles", "context_series"):
        fresh.runner.materialize(asset)
    return fresh


def candles_of(at: SetUp, symbol: str, seed: int) -> str:
    """Stores candles of another symbol; the id of the artifact."""
    own = at.lake.latest("candles", "EURUSD", "1h").frame()
    walk = np.exp(np.cumsum(1e-3 * np.random.default_rng(seed).standard_normal(len(own))))
    frame = own.with_columns(pl.col("open", "high", "low", "close") * pl.Series(walk))
    with at.lake.making("candles", symbol, "1h", {}, code_sha256="x", run_id="x") as making:
        return making.write_frame(frame, {}).id


def never(*_: object, **__: object) -> None:
    raise AssertionError("this was computed again")


def test_features_that_are_there_are_told_again_and_not_computed(made: SetUp, monkeypatch: pytest.MonkeyPatch) -> None:
    first = made.runner.materialize("features")
    monkeypatch.setattr(matrix, "features", never)
    again = made.runner.materialize("features")
    assert (first.reused, again.reused) == (False, True)
    assert again.checks == first.checks == {"no_look_ahead": True, "warm_up": True}
    assert again.metadata["columns"] == first.metadata["columns"]


def test_a_symbol_alone_has_strengths_and_no_index(made: SetUp) -> None:
    done = made.runner.materialize("intermarket_features")
    artifact = made.lake.latest("intermarket_features", "EURUSD", "1h")
    frame = artifact.frame()
    assert frame.columns == ["open_time", "known_at", *INTERMARKET]
    assert frame["strength_base"].null_count() == 100
    assert frame["index_beta_60"].null_count() == len(frame)
    assert (done.metadata["index"], done.metadata["other_symbols"]) == ("none", "none")
    assert done.checks == {"no_look_ahead": True}


def test_other_symbols_and_the_index_are_read_and_traced(made: SetUp, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = made.runner.materialize("intermarket_features")
    others = {candles_of(made, "GBPUSD", 1), candles_of(made, "USDJPY", 2)}
    days = pl.date_range(pl.date(2017, 4, 3), pl.date(2018, 3, 1), "1d", eager=True).to_frame("date")
    weekdays = days.filter(pl.col("date").dt.weekday() < 6)
    weekdays.with_columns(close=2500.0 + pl.int_range(pl.len()).cast(float).sin()).write_csv(tmp_path / "spx.csv")
    ContextStore(made.settings.data_root / FOLDER).put(read_daily_index(tmp_path / "spx.csv", "spx"), "a test")
    made.runner.materialize("context_series")
    done = made.runner.materialize("intermarket_features")
    artifact = made.lake.latest("intermarket_features", "EURUSD", "1h")
    assert done.metadata["artifact"] != alone.metadata["artifact"]
    assert (done.metadata["index"], done.metadata["other_symbols"]) == ("spx", "GBPUSD, USDJPY")
    assert others < {edge.parent.id for edge in made.lake.inputs(artifact.id)}
    assert artifact.frame()["index_beta_60"].null_count() < len(artifact.frame())
    monkeypatch.setattr(intermarket, "intermarket_features", never)
    assert made.runner.materialize("intermarket_features").reused


def test_a_leak_from_another_market_stops_them(made: SetUp, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = intermarket.intermarket_features

    def leaking(*given: object, **named: object) -> pl.DataFrame:
        return honest(*given, **named).with_columns(pl.col("strength_base").shift(-1))

    monkeypatch.setattr(intermarket, "intermarket_features", leaking)
    with pytest.raises(BrokenLineageError, match="strength_base"):
        made.runner.materialize("intermarket_features")
    with pytest.raises(MissingError, match="no intermarket_features"):
        made.lake.latest("intermarket_features", "EURUSD", "1h")


def test_a_feature_with_a_hole_in_it_stops_them(made: SetUp, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = matrix.features

    def holed(candles: pl.DataFrame, timeframe: object, **given: int) -> pl.DataFrame:
        return honest(candles, timeframe, **given).with_columns(
            pl.when(pl.col("open_time").dt.hour() != 3).then(pl.col("atr")).alias("atr")
        )

    monkeypatch.setattr(matrix, "features", holed)
    with pytest.raises(BrokenLineageError, match=r"behind the warm-up \d+ values are missing"):
        made.runner.materialize("features")
    with pytest.raises(MissingError, match="no features"):
        made.lake.latest("features", "EURUSD", "1h")


def test_a_feature_that_remembers_where_the_series_began_stops_them(made: SetUp, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = matrix.features

    def remembering(candles: pl.DataFrame, timeframe: object, **given: int) -> pl.DataFrame:
        return honest(candles, timeframe, **given).with_columns(candles.select(atr=pl.col("close") / pl.col("close").first()))

    monkeypatch.setattr(matrix, "features", remembering)
    with pytest.raises(BrokenLineageError, match="another start moves atr by"):
        made.runner.materialize("features")
    with pytest.raises(MissingError, match="no features"):
        made.lake.latest("features", "EURUSD", "1h")
