"""The regime now: what a live decision asks at the close of a candle."""

from dataclasses import dataclass

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.regimes.regime import UNKNOWN
from fxgpt_core.regimes.regime_model import RegimeModel


@dataclass(frozen=True)
class DetectedRegime:
    """The regime (a code, or UNKNOWN) believed at the close of the last candle, known at `known_at_us`.

    `probability` of it, None where it is UNKNOWN; below one half where another became likelier and is not believed yet.
    `since_us`: when the first candle of its run was known, `candles_since` how many candles the run has, both of these candles.
    """

    regime: int
    probability: float | None
    known_at_us: int
    since_us: int
    candles_since: int


def detect_regime(model: RegimeModel, candles: CandleArrays) -> DetectedRegime:
    """The last value of `model.series(candles)`. Raises `BadInputError` for no candle, or one of another timeframe.

    `model.candles_needed` candles are enough for the same regime and probability as of all; `since_us` knows these only.
    """
    if not len(candles):
        raise BadInputError("no candle found; a regime is told of the last one; give the latest closed candles")
    series = model.series(candles)
    code, begin = int(series.regime[-1]), int(series.run_starts[-1])
    return DetectedRegime(
        regime=code,
        probability=None if code == UNKNOWN else float(series.probability[-1, code]),
        known_at_us=int(series.known_at_us[-1]),
        since_us=int(series.known_at_us[begin]),
        candles_since=len(series) - begin,
    )
