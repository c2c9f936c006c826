"""An anomaly knows its past only, and of that no more than it says: the future or the early past cut off changes no bit."""

from itertools import pairwise

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from fxgpt_core.candles.arrays import candle_arrays
from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.patterns.anomalies import AnomalyModel, Layer, anomaly_of
from fxgpt_core.patterns.anomaly_channels import CHANNELS, Usual
from fxgpt_core.validation.lookahead import lookahead_differences

FRAME = SampleProvider().candles("EURUSD", Timeframe.H1)
# A hole of five days in the middle.
HOLED = candle_arrays(pl.concat([FRAME[:2_000], FRAME[2_120:3_000]]), Timeframe.H1)
N = len(HOLED)


def random_model(seed, window):
    """A network that learned nothing: causality is not a matter of weights."""
    rng = np.random.default_rng(seed)
    sizes = (window * len(CHANNELS), 20, 6, window * len(CHANNELS))
    layers = tuple(
        Layer(rng.normal(0.0, 0.2, (one, two)).astype(np.float32), rng.normal(0.0, 0.2, two).astype(np.float32))
        for one, two in pairwise(sizes)
    )
    usual = Usual(rng.normal(0.0, 1.0, (168, 5)), rng.uniform(0.5, 2.0, (168, 5)))
    return AnomalyModel("EURUSD", Timeframe.H1, window, 1.0, usual, layers)


@settings(max_examples=30, deadline=None)
@given(cut=st.integers(1, N), window=st.sampled_from((2, 13, 50)), seed=st.integers(0, 5))
def test_without_the_future_every_row_is_the_same_to_the_last_bit(cut, window, seed):
    model = random_model(seed, window)
    whole, part = anomaly_of(model, HOLED), anomaly_of(model, HOLED.slice(0, cut))
    assert part.error.tobytes() == whole.error[:cut].tobytes()
    assert part.ratio.tobytes() == whole.ratio[:cut].tobytes()
    assert part.flagged.tobytes() == whole.flagged[:cut].tobytes()


@settings(max_examples=30, deadline=None)
@given(row=st.integers(0, N - 1), window=st.sampled_from((2, 13, 50)), seed=st.integers(0, 5))
def test_a_row_needs_no_more_candles_than_it_says_and_no_fewer(row, window, seed):
    model = random_model(seed, window)
    whole = anomaly_of(model, HOLED)
    alone = anomaly_of(model, HOLED.slice(max(0, row + 1 - model.candles_needed), row + 1))
    assert alone.error[-1:].tobytes() == whole.error[row : row + 1].tobytes()
    fewer = anomaly_of(model, HOLED.slice(max(0, row + 2 - model.candles_needed), row + 1))
    assert not fewer.known.any()


def test_the_check_of_the_assets_finds_nothing_and_would_find_a_leak():
    model = random_model(0, 50)

    def compute(part):
        return part.select("open_time", error=pl.Series(anomaly_of(model, candle_arrays(part, Timeframe.H1)).error))

    assert lookahead_differences(compute, FRAME.head(1_500)).clean
    leaking = lookahead_differences(lambda part: compute(part).with_columns(pl.col("error").shift(-1)), FRAME.head(1_500))
    assert [difference.column for difference in leaking.differences] == ["error"]
