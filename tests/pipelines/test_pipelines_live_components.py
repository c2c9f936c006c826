"""The capital of a live deployment: the other symbols' candles go on with what the feed has, or the decision is refused."""

from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from fxgpt_core.candles.arrays import candle_arrays
from fxgpt_core.errors import RefusedError
from fxgpt_core.market.sessions import expected_open_times
from fxgpt_core.market.timeframes import DAY_US, Timeframe
from fxgpt_core.optimization.made_components import Used
from fxgpt_pipelines.live_components import live_components

BEGIN_US = 1_704_060_000_000_000


def frame_of(seed, first, last):
    """Hourly candles of the days [first, last) of one random walk."""
    times = expected_open_times(BEGIN_US, BEGIN_US + 300 * DAY_US, Timeframe.H1)
    close = 1.1 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0.0, 0.001, len(times))))
    opened = pl.Series("open_time", times).cast(pl.Datetime("us", "UTC"))
    frame = pl.DataFrame(
        {"open_time": opened, **dict.fromkeys(("open", "high", "low", "close"), close), "volume": np.ones(len(close))}
    )
    day = (times - BEGIN_US) // DAY_US
    return frame.filter(pl.Series((day >= first) & (day < last)))


def stored(**fields):
    return SimpleNamespace(**fields)


def deployment(known_until):
    """EURUSD shares the capital with GBPUSD, whose stored candles end on a day."""
    artifacts = {
        "allocation": stored(summary={"symbols": ["EURUSD", "GBPUSD"]}),
        "candles_GBPUSD": stored(frame=lambda: frame_of(2, 0, known_until)),
        "diffusion_model": stored(summary={"spans": {"test": [BEGIN_US, BEGIN_US + 1]}}),
        "forecasts": stored(summary={"sssd": None}),
    }
    return SimpleNamespace(symbol="EURUSD", used=Used(("allocation",)), stored=artifacts, others=("GBPUSD",))


def test_stored_and_live_candles_of_another_symbol_are_one_series():
    own = candle_arrays(frame_of(1, 0, 300), Timeframe.H1)
    found = live_components(deployment(250), own, {"GBPUSD": frame_of(2, 240, 300)})
    whole = live_components(deployment(300), own, {})
    assert found.capital.universe.close.tobytes() == whole.capital.universe.close.tobytes()


def test_a_symbol_without_candles_of_late_is_refused_by_name():
    own = candle_arrays(frame_of(1, 0, 300), Timeframe.H1)
    with pytest.raises(RefusedError, match=r"GBPUSD, which shares the capital, has no candle for \d+ hours of open market"):
        live_components(deployment(250), own, {})
