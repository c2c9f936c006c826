"""For the tests of anomalies: the sample's candles, and a small model of the first half of them, trained once."""

from functools import cache

from fxgpt_core.candles.arrays import candle_arrays
from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.training.autoencoder_parameters import preset
from fxgpt_core.training.autoencoder_training import train_autoencoder

HALF = 2_500


@cache
def sample():
    return candle_arrays(SampleProvider().candles("EURUSD", Timeframe.H1), Timeframe.H1)


@cache
def tiny():
    """The training, whose model learned the first half."""
    return train_autoencoder(sample().slice(0, HALF), preset("tiny"), symbol="EURUSD", seed=3)
