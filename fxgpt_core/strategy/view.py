"""What a decision sees: for each candle the close, the volatility, the calibrated band at the chosen horizon, and the components.

Every number of a row depends on that candle and the candles before it only, and by the same operations in the same order
whether later rows exist or not, so a live row and the same row of a backtest are equal to the last bit.
"""

from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.compiled import compiled, inlined
from fxgpt_core.conformal.bands import Bands
from fxgpt_core.conformal.scenarios import AtStep, at_step
from fxgpt_core.context.market_context import MarketContext
from fxgpt_core.errors import BadInputError, ParameterError
from fxgpt_core.market.rows import Rows
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.patterns.parameters import PatternParameters
from fxgpt_core.patterns.signals import PATTERN_LOOKBACK, PatternSignals, patterns_of
from fxgpt_core.portfolio.optimal_weights import AllocationParameters
from fxgpt_core.strategy.components import NONE, Components, record_of
from fxgpt_core.strategy.parameters import StrategyParameters, definition
from fxgpt_core.strategy.volume_measures import VolumeFilterParameters, VolumeMeasures, past_candles, volume_measures

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

SLOW_ATR_PERIODS = 10


@dataclass(frozen=True, eq=False)
class Distribution:
    """The bands of all coverages at one horizon; `row` int64[N]: which is that of a candle, −1 for none."""

    at: AtStep
    row: IntArray

    def select(self, rows: Rows) -> "Distribution":
        """That of some of the candles."""
        return Distribution(self.at, self.row[rows])


@dataclass(frozen=True, eq=False)
class MarketView:
    """N rows, one a candle; NaN where a number is not known, None where a component is not there.

    `close` in quote currency; `atr` the mean true range over `risk_atr_period` candles and `slow_atr` over ten times as many,
    both in quote currency; `median`, `lower`, `upper` the calibrated cumulative log-return at the chosen horizon and
    confidence; `scale` the random-walk standard deviation of that return; `uncalibrated` bool[N]: the band is there, but is
    no measure of risk. `distribution` holds the bands of all coverages; `regime`, `anomaly` and `context` are those of
    `Components`, `pattern` and `volume` what the parameters make of the candles, `capital` float64[N] the multiple of an equal
    share of capital that is allocated to the symbol.
    """

    known_at_us: IntArray
    close: FloatArray
    atr: FloatArray
    slow_atr: FloatArray
    median: FloatArray
    lower: FloatArray
    upper: FloatArray
    scale: FloatArray
    uncalibrated: npt.NDArray[np.bool_]
    distribution: Distribution | None = None
    regime: npt.NDArray[np.int8] | None = None
    anomaly: FloatArray | None = None
    context: MarketContext | None = None
    pattern: PatternSignals | None = None
    volume: VolumeMeasures | None = None
    capital: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.known_at_us)

    def slice(self, start: int, stop: int) -> "MarketView":
        """The rows [start, stop)."""
        return self.select(slice(start, stop))

    def select(self, rows: Rows) -> "MarketView":
        """Some of the rows."""
        return MarketView(*(_part(getattr(self, item.name), rows) for item in fields(self)))


def _part(values: Any, rows: Rows) -> Any:
    if values is None:
        return None
    return values[rows] if isinstance(values, np.ndarray) else values.select(rows)


def market_view(
    candles: CandleArrays, bands: Bands, parameters: StrategyParameters, components: Components = NONE, first: int = 0
) -> MarketView:
    """The view of every candle from row `first` on; components have a value for each candle. NaN rows where there is no forecast.

    Of the candles before `first` each part looks back as far as it must. Raises `ParameterError` when the bands lack the horizon
    or do not span the confidence, or a parameter is not what the components were made with; `BadInputError` when a band belongs
    to no candle.
    """
    components.check(parameters)
    step = step_index(bands, parameters.sssd_forecast_horizon)
    at = at_step(bands, parameters.sssd_forecast_horizon)
    n, here = len(candles) - first, slice(first, len(candles))
    band_row = band_rows(candles, bands)[here]
    placed = np.flatnonzero(band_row >= 0)
    of_band = band_row[placed]
    edges = Edges(bands.coverages, at.lower, at.upper, bands.uncalibrated[:, step])
    lower, upper, uncalibrated = at_confidence(edges, parameters.sssd_quantile_confidence)
    flagged = np.zeros(n, dtype=bool)
    flagged[placed] = uncalibrated[of_band]
    recent = _since(candles, first, SLOW_ATR_PERIODS * parameters.risk_atr_period + 1)
    atr = average_true_range(recent, parameters.risk_atr_period)
    chosen = components if first == 0 else components.select(here)
    return MarketView(
        known_at_us=candles.known_at_us[here],
        close=candles.close[here],
        atr=atr[len(atr) - n :],
        slow_atr=slow_average(atr, parameters.risk_atr_period)[len(atr) - n :],
        median=_placed(bands.median[of_band, step], placed, n),
        lower=_placed(lower[of_band], placed, n),
        upper=_placed(upper[of_band], placed, n),
        scale=_placed(bands.scale[of_band, step], placed, n),
        uncalibrated=flagged,
        distribution=Distribution(at, band_row),
        regime=chosen.regime,
        anomaly=chosen.anomaly,
        context=chosen.context,
        pattern=_pattern(candles, parameters, components, first),
        volume=_volume(candles, parameters, first),
        capital=_capital(candles.known_at_us[here], parameters, components),
    )


def lookback_candles(timeframe: Timeframe) -> int:
    """How many candles before a row are enough to know its view to the last bit, whatever the parameters."""
    slowest_range = int(definition("risk_atr_period").high or 0) * SLOW_ATR_PERIODS + 1
    obv, vwap = (int(definition(f"filter_volume_{name}_period").high or 0) for name in ("obv", "vwap"))
    volume = past_candles(timeframe, VolumeFilterParameters(obv_period=obv, vwap_period=vwap))
    return max(slowest_range, PATTERN_LOOKBACK, volume)


def _since(candles: CandleArrays, first: int, past: int) -> CandleArrays:
    """The candles from so many before row `first` on."""
    return candles if first <= past else candles.slice(first - past, len(candles))


def _pattern(candles: CandleArrays, parameters: StrategyParameters, components: Components, first: int) -> PatternSignals | None:
    if not components.patterns:
        return None
    recent = _since(candles, first, PATTERN_LOOKBACK)
    regime = None if components.regime is None else components.regime[len(candles) - len(recent) :]
    found = patterns_of(recent, record_of(PatternParameters, parameters, "pattern_"), regime)
    return found.select(slice(len(recent) - len(candles) + first, None))


def _capital(known_at_us: IntArray, parameters: StrategyParameters, components: Components) -> FloatArray | None:
    if components.capital is None:
        return None
    sharing = record_of(AllocationParameters, parameters, "riskfolio_")
    return components.capital.multiples(known_at_us, sharing, parameters.rl_hybrid_alpha)


def _volume(candles: CandleArrays, parameters: StrategyParameters, first: int) -> VolumeMeasures | None:
    filtering = record_of(VolumeFilterParameters, parameters, "filter_volume_")
    if not filtering.enabled:
        return None
    recent = _since(candles, first, past_candles(candles.timeframe, filtering))
    return volume_measures(recent, filtering).select(slice(len(recent) - len(candles) + first, None))


def average_true_range(candles: CandleArrays, period: int) -> FloatArray:
    """float64[N]: mean of the last `period` true ranges in quote currency (Wilder 1978, with a plain mean); NaN before.

    The true range of the first candle is unknown, for want of a previous close. The sum is taken oldest first in a loop over
    the lag, because a running sum would depend on where the series starts and numpy's own sum on how long it is.
    """
    true_range = np.full(len(candles), np.nan)
    previous = candles.close[:-1]
    high, low = candles.high[1:], candles.low[1:]
    true_range[1:] = np.maximum(np.maximum(high - low, np.abs(high - previous)), np.abs(low - previous))
    return _mean_of_lags(true_range, period, 1)


def slow_average(atr: FloatArray, period: int) -> FloatArray:
    """float64[N]: `MarketView.slow_atr`, made of `average_true_range` over `period` candles."""
    return _mean_of_lags(atr, SLOW_ATR_PERIODS, period)


def _mean_of_lags(values: FloatArray, count: int, spacing: int) -> FloatArray:
    """Mean over `count` values that lie `spacing` rows apart, ending at each row; NaN where one of them is missing."""
    n, reach = len(values), (count - 1) * spacing
    mean = np.full(n, np.nan)
    if n > reach:
        total = np.zeros(n - reach)
        for lag in range(reach, -1, -spacing):
            total += values[reach - lag : n - lag]
        mean[reach:] = total / count
    return mean


def step_index(bands: Bands, horizon: int) -> int:
    """Which of the steps of the bands a horizon in candles is. Raises `ParameterError` where it is none."""
    found = np.flatnonzero(bands.steps == horizon)
    if len(found) == 0:
        raise ParameterError(
            f"sssd_forecast_horizon is {horizon}, but the forecast has only the steps {bands.steps.tolist()}; choose one of them"
        )
    return int(found[0])


class Edges(NamedTuple):
    """The edges of all coverages float64[C] at one horizon, float64[N,C], and whether each is `uncalibrated`, bool[N,C]."""

    coverages: FloatArray
    lower: FloatArray
    upper: FloatArray
    uncalibrated: npt.NDArray[np.bool_]


class Between(NamedTuple):
    """A confidence lies between the calibrated coverages `below` and `above`; `weight` is that of the upper one."""

    below: int
    above: int
    weight: float


def between_coverages(coverages: FloatArray, confidence: float) -> Between:
    """Where a confidence lies. Raises `ParameterError` for one that the coverages do not span."""
    if not coverages[0] <= confidence <= coverages[-1]:
        raise ParameterError(
            f"sssd_quantile_confidence is {confidence}, but the bands are calibrated from {coverages[0]} to {coverages[-1]}; "
            "choose one in between"
        )
    above = int(np.searchsorted(coverages, confidence))
    if coverages[above] == confidence:
        return Between(above, above, 0.0)
    return Between(above - 1, above, float((confidence - coverages[above - 1]) / (coverages[above] - coverages[above - 1])))


def at_confidence(edges: Edges, confidence: float) -> tuple[FloatArray, FloatArray, npt.NDArray[np.bool_]]:
    """Lower and upper edge at a confidence, linear between the two calibrated coverages around it, and whether one is flagged.

    Raises `ParameterError` for a confidence that the coverages do not span.
    """
    place, flags = between_coverages(edges.coverages, confidence), edges.uncalibrated
    flagged: npt.NDArray[np.bool_] = flags[:, place.below] | flags[:, place.above]
    return _each_blended(edges.lower, place), _each_blended(edges.upper, place), flagged


@inlined
def blended(edge: FloatArray, row: int, place: Between) -> float:
    """An edge at a confidence, of those of all coverages in a row."""
    value: float = (1.0 - place.weight) * edge[row, place.below] + place.weight * edge[row, place.above]
    return value


@compiled
def _each_blended(edge: FloatArray, place: Between) -> FloatArray:
    found = np.empty(len(edge))
    for row in range(len(edge)):
        found[row] = blended(edge, row, place)
    return found


def band_rows(candles: CandleArrays, bands: Bands) -> IntArray:
    """int64[N]: which band is that of each candle, −1 for none. Raises `BadInputError` for a band without its candle."""
    rows = np.searchsorted(candles.known_at_us, bands.known_at_us)
    inside = rows < len(candles)
    astray = ~inside
    astray[inside] = candles.known_at_us[rows[inside]] != bands.known_at_us[inside]
    if astray.any():
        raise BadInputError(
            f"{int(astray.sum())} of {len(rows)} bands belong to no candle, "
            f"the first known at {int(bands.known_at_us[astray][0])} µs; use the candles that the forecasts were made from"
        )
    found = np.full(len(candles), -1)
    found[rows] = np.arange(len(rows))
    return found


def _placed(values: FloatArray, rows: IntArray, n: int) -> FloatArray:
    placed = np.full(n, np.nan)
    placed[rows] = values
    return placed
