"""What a trial reads of the series, stage by stage: each is made once for the values of the few parameters it depends on.

A column of the whole series holds for every window, since no row of it depends on where the series begins or ends.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from fxgpt_core.conformal.bands import Bands
from fxgpt_core.conformal.scenarios import AtStep, at_step
from fxgpt_core.optimization.memory import Memory
from fxgpt_core.optimization.problem import Problem
from fxgpt_core.patterns.parameters import PatternParameters
from fxgpt_core.patterns.signals import PatternSignals, SignalStages
from fxgpt_core.portfolio.optimal_weights import AllocationParameters
from fxgpt_core.strategy.components import record_of
from fxgpt_core.strategy.parameters import StrategyParameters
from fxgpt_core.strategy.view import (
    Distribution,
    Edges,
    MarketView,
    at_confidence,
    average_true_range,
    band_rows,
    slow_average,
    step_index,
)
from fxgpt_core.strategy.volume_measures import (
    Spikes,
    VolumeFilterParameters,
    VolumeMeasures,
    balance,
    measures_of,
    volume_spikes,
    vwap_distance,
)

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_ALLOCATION = tuple(f"riskfolio_{item.name}" for item in fields(AllocationParameters) if item.name not in ("window", "drift"))
_SIZE, _LOOKBACK = ("pattern_min_pattern_size",), ("pattern_lookback_period",)

STAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "horizon": ("sssd_forecast_horizon",),
    "ranges": ("risk_atr_period",),
    "spikes": (),
    "balance": ("filter_volume_obv_period",),
    "vwap": ("filter_volume_vwap_period",),
    "capital": (*_ALLOCATION, "rl_hybrid_alpha"),
    "windows": (),
    "prices": (),
    "mirrored prices": (),
    "swings": _SIZE,
    "double bottoms": _SIZE,
    "heads and shoulders": _SIZE,
    "clear closes": (),
    "candlesticks": (),
    "support of candlesticks": _SIZE + _LOOKBACK,
    "volume of patterns": _LOOKBACK,
    "trend of patterns": _LOOKBACK,
    "directions": (),
}
"""By stage: the parameters that its output depends on, and no other does; docs/optimization.md tells what each costs."""


class Horizon(NamedTuple):
    """The bands of one horizon, a row a candle: `edges`, what the odds read, and the scale; NaN where there is no band."""

    edges: Edges
    at: AtStep
    scale: FloatArray


class Stages:
    """The views of a problem's candles, made of columns that a memory keeps."""

    def __init__(self, problem: Problem, memory: Memory) -> None:
        self._problem, self._memory = problem, memory
        looks = problem.components.patterns
        self._signals = SignalStages(problem.candles, problem.components.regime, memory.output) if looks else None
        self._band_row = band_rows(problem.candles, problem.bands)
        self._own_row = np.where(self._band_row >= 0, np.arange(len(self._band_row)), -1)

    def view(self, parameters: StrategyParameters, rows: slice) -> MarketView:
        """`market_view` of some rows of the series, to the last bit. Raises `ParameterError` as that does."""
        problem = self._problem
        problem.components.check(parameters)
        edges, at, scale = self._horizon(parameters.sssd_forecast_horizon)
        part = Edges(edges.coverages, edges.lower[rows], edges.upper[rows], edges.uncalibrated[rows])
        lower, upper, uncalibrated = at_confidence(part, parameters.sssd_quantile_confidence)
        atr, slow_atr = self._ranges(parameters.risk_atr_period)
        chosen = problem.components.select(rows)
        return MarketView(
            known_at_us=problem.candles.known_at_us[rows],
            close=problem.candles.close[rows],
            atr=atr[rows],
            slow_atr=slow_atr[rows],
            median=at.median[rows],
            lower=lower,
            upper=upper,
            scale=scale[rows],
            uncalibrated=uncalibrated,
            distribution=Distribution(at, self._own_row[rows]),
            regime=chosen.regime,
            anomaly=chosen.anomaly,
            context=chosen.context,
            pattern=self._pattern(parameters, rows),
            volume=self._volume(parameters, rows),
            capital=self._capital(parameters, rows),
        )

    def _horizon(self, horizon: int) -> Horizon:
        return self._memory.output("horizon", horizon, lambda: _horizon(self._problem.bands, horizon, self._band_row))

    def _ranges(self, period: int) -> tuple[FloatArray, FloatArray]:
        def made() -> tuple[FloatArray, FloatArray]:
            atr = average_true_range(self._problem.candles, period)
            return atr, slow_average(atr, period)

        return self._memory.output("ranges", period, made)

    def _pattern(self, parameters: StrategyParameters, rows: slice) -> PatternSignals | None:
        if self._signals is None:
            return None
        return self._signals.signals(record_of(PatternParameters, parameters, "pattern_"), rows)

    def _volume(self, parameters: StrategyParameters, rows: slice) -> VolumeMeasures | None:
        filtering = record_of(VolumeFilterParameters, parameters, "filter_volume_")
        if not filtering.enabled:
            return None
        candles, output = self._problem.candles, self._memory.output
        spikes: Spikes = output("spikes", (), lambda: volume_spikes(candles))
        obv = output("balance", filtering.obv_period, lambda: balance(candles, spikes.direction, filtering.obv_period))
        distance = output("vwap", filtering.vwap_period, lambda: vwap_distance(candles, filtering.vwap_period))
        return measures_of(spikes, obv, distance).select(rows)

    def _capital(self, parameters: StrategyParameters, rows: slice) -> FloatArray | None:
        capital, known_at_us = self._problem.components.capital, self._problem.candles.known_at_us
        if capital is None:
            return None
        sharing, alpha = record_of(AllocationParameters, parameters, "riskfolio_"), parameters.rl_hybrid_alpha
        # Of the rows asked for alone: weights of a year take a solver's time.
        key = (sharing, alpha, rows.start, rows.stop)
        return self._memory.output("capital", key, lambda: capital.multiples(known_at_us[rows], sharing, alpha))


def _horizon(bands: Bands, horizon: int, band_row: IntArray) -> Horizon:
    """In the bands a row of one horizon lies among those of all others; here rows lie side by side in memory."""
    step, at = step_index(bands, horizon), at_step(bands, horizon)
    placed = np.flatnonzero(band_row >= 0)
    of_band = band_row[placed]
    n, c = len(band_row), len(bands.coverages)
    # One array, so that compiled code meets columns with gaps, as in the bands, and is compiled for these alone.
    numbers, flags = np.full((n, c + 1, 2), np.nan), np.zeros((n, c), dtype=np.bool_)
    for column, values in enumerate((at.lower, at.upper)):
        numbers[placed, :c, column] = values[of_band]
    numbers[placed, c, 0], numbers[placed, c, 1] = at.median[of_band], bands.scale[of_band, step]
    flags[placed] = bands.uncalibrated[of_band, step]
    lower, upper = numbers[:, :c, 0], numbers[:, :c, 1]
    found = AtStep(numbers[:, c, 0], lower, upper, at.tails, at.fall)
    return Horizon(Edges(bands.coverages, lower, upper, flags), found, numbers[:, c, 1])
