"""The spread of imported candles in the lake's, in the feed, and in a history that live candles without one continue."""

from types import SimpleNamespace

import polars as pl
import pytest

from fxgpt_core.candles.schema import COLUMNS
from fxgpt_core.candles.store import CandleStore
from fxgpt_core.errors import CandleSchemaError
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_pipelines import live_decision
from fxgpt_pipelines.replay import Series, behind


def test_the_spread_of_an_import_is_in_the_raw_and_in_the_checked_candles(fresh):
    store = CandleStore(fresh.settings.import_root)
    plain = store.read(store.latest("EURUSD", Timeframe.H1))
    frame = plain.with_columns(spread=pl.when(pl.int_range(pl.len()) % 2 == 0).then(0.00014))
    store.put(frame, "EURUSD", Timeframe.H1, "with a spread")
    for asset in ("raw_candles", "candles"):
        fresh.runner.materialize(asset)
        assert fresh.lake.latest(asset, "EURUSD", "1h").frame().equals(frame)


def test_candles_with_a_spread_are_released_with_it(fresh):
    store = CandleStore(fresh.settings.import_root)
    plain = store.read(store.latest("EURUSD", Timeframe.H1))
    store.put(plain.with_columns(spread=pl.lit(0.00014)), "EURUSD", Timeframe.H1, "with a spread")
    fresh.runner.materialize("raw_candles", {"hold_out_candles": 3})
    fresh.runner.materialize("candles")
    history = fresh.lake.latest("candles", "EURUSD", "1h").frame()
    released = behind(fresh.settings, fresh.ledger, Series("EURUSD", "1h", deployment_id=1), history)
    told = [(candle.close, candle.volume, candle.spread) for candle in released]
    assert told == plain.select("close", "volume", pl.lit(0.00014)).tail(3).rows()


@pytest.fixture
def history(fresh) -> pl.DataFrame:
    store = CandleStore(fresh.settings.import_root)
    return store.read(store.latest("EURUSD", Timeframe.H1)).head(300)


@pytest.mark.parametrize("known", [True, False])
def test_live_candles_without_a_spread_continue_a_history_with_one_and_the_other_way_round(history, known):
    spread = history.with_columns(spread=pl.lit(0.0002))
    before, after = (spread, history) if known else (history, spread)
    deployed = SimpleNamespace(history=before.head(290), symbol="EURUSD", timeframe="1h")
    joined = live_decision.continued(deployed, after.tail(10))
    assert joined.select(COLUMNS).equals(history)
    assert joined["spread"].to_list() == ([0.0002] * 290 + [None] * 10 if known else [None] * 290 + [0.0002] * 10)
    with pytest.raises(CandleSchemaError, match="1 of 300 candles with a crossed quote"):
        live_decision.continued(deployed, after.tail(10).with_columns(spread=pl.when(pl.int_range(10) == 3).then(-0.1)))
