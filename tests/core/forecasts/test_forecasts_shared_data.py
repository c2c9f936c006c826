"""Real hourly candles: what the classics are worth against a random walk that knows no hour."""

from pathlib import Path

import numpy as np
import pytest
from forecast_examples import real_features

from fxgpt_core.candles.arrays import candle_arrays
from fxgpt_core.candles.providers.files import read_candle_file
from fxgpt_core.forecasts.filtered_simulation import fit_filtered_simulation
from fxgpt_core.forecasts.forecast import realised
from fxgpt_core.forecasts.garch import fit_garch
from fxgpt_core.forecasts.paired import BETTER, paired_difference
from fxgpt_core.forecasts.random_walk import RandomWalk
from fxgpt_core.forecasts.scores import central_coverage, crps
from fxgpt_core.forecasts.volatility import fit_volatility
from fxgpt_core.market.timeframes import Timeframe

pytestmark = pytest.mark.shared_data

N_TRAIN = 31_000  # to the end of 2020
EVERY = 4


@pytest.mark.parametrize("symbol", ["EURUSD", "USDJPY"])
@pytest.mark.parametrize("fit", [fit_garch, fit_filtered_simulation])
def test_at_an_hour_and_at_four_they_beat_the_walk_without_season(shared_data: Path, symbol: str, fit) -> None:
    frame = read_candle_file(shared_data / "fx" / "oanda_h1" / f"{symbol}_h1.parquet")
    candles = candle_arrays(frame, Timeframe.H1)
    span = candles.slice(0, N_TRAIN)
    volatility = fit_volatility(span)
    origins = np.arange(34_200, 40_200, EVERY, dtype=np.int64)
    ours = fit(symbol, span, volatility).forecast(real_features(), candles, origins, seed=1)
    theirs = RandomWalk(symbol, volatility, seasonal=False).forecast(real_features(), candles, origins, seed=1)
    outcome = realised(candles.close, candles.known_at_us, ours)
    scores, reference = crps(ours, outcome), crps(theirs, outcome)
    for step in (0, 3):
        assert paired_difference(scores[:, step], reference[:, step], block=6, seed=1).verdict == BETTER
    np.testing.assert_allclose(central_coverage(ours, outcome)[0], [0.5, 0.8, 0.95], atol=0.03)
