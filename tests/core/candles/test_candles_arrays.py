import numpy as np
import pytest

from fxgpt_core.candles.arrays import CandleArrays, candle_arrays
from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.market.timeframes import Timeframe


@pytest.fixture(scope="module")
def arrays() -> CandleArrays:
    return candle_arrays(SampleProvider().candles("EURUSD", Timeframe.H1), Timeframe.H1)


def test_the_arrays_hold_the_frame_s_values(arrays: CandleArrays) -> None:
    frame = SampleProvider().candles("EURUSD", Timeframe.H1)
    for name in ("open", "high", "low", "close", "volume"):
        assert getattr(arrays, name).tolist() == frame[name].to_list()
    assert arrays.open_time_us[0] == int(frame["open_time"][0].timestamp()) * 1_000_000
    assert len(arrays) == len(frame)


def test_the_arrays_are_contiguous_writable_and_of_exact_type(arrays: CandleArrays) -> None:
    for name in ("open", "high", "low", "close", "volume"):
        column = getattr(arrays, name)
        assert column.dtype == np.float64
        assert column.flags.c_contiguous
        assert column.flags.writeable
    assert arrays.open_time_us.dtype == np.int64


def test_a_candle_is_known_one_timeframe_after_its_open(arrays: CandleArrays) -> None:
    assert set((arrays.known_at_us - arrays.open_time_us).tolist()) == {3_600_000_000}


def test_a_slice_is_a_copy_of_its_rows(arrays: CandleArrays) -> None:
    part = arrays.slice(10, 13)
    assert part.close.tolist() == arrays.close[10:13].tolist()
    assert part.timeframe is Timeframe.H1
    part.close[0] = 0.0
    assert arrays.close[10] != 0.0
