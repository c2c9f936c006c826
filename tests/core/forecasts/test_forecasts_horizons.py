"""The tokens of a path: whole horizons at every timeframe, counted by hand."""

import pytest

from fxgpt_core.forecasts.horizons import SINGLES, horizon_steps, longest_step, steps_of, token_candles
from fxgpt_core.market.timeframes import Timeframe

BEHIND_THE_SINGLES = {
    "1m": [42, 60, 120, 180, 240, 480, 720, 960, 1200, 1440, 2880, 4320, 5760, 7200],
    "5m": [48, 96, 144, 192, 240, 288, 576, 864, 1152, 1440],
    "15m": [48, 72, 96, 192, 288, 384, 480],
    "30m": [48, 96, 144, 192, 240],
    "1h": [48, 72, 96, 120],
    "4h": [30],
    "1d": [],
}


@pytest.mark.parametrize("timeframe", list(Timeframe))
def test_a_path_reaches_each_horizon_and_every_candle_of_the_first_24(timeframe: Timeframe) -> None:
    steps = steps_of(timeframe).tolist()
    assert steps[:SINGLES] == list(range(1, 25))
    assert steps[SINGLES:] == BEHIND_THE_SINGLES[timeframe]
    assert set(horizon_steps(timeframe).values()) <= set(steps)
    assert longest_step(timeframe) == steps[-1] == sum(token_candles(timeframe))


def test_horizons_are_counted_in_candles_of_an_fx_week_of_five_days() -> None:
    assert horizon_steps(Timeframe.H1) == {"1h": 1, "4h": 4, "1d": 24, "1w": 120}
    assert horizon_steps(Timeframe.M5) == {"1h": 12, "4h": 48, "1d": 288, "1w": 1440}
    assert horizon_steps(Timeframe.H4) == {"4h": 1, "1d": 6, "1w": 30}
    assert horizon_steps(Timeframe.D1) == {"1d": 1, "1w": 5}
