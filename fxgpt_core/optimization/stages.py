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
from fxgpt_core.optimization.entries import Forecasts, Series, Surroundings, Within
from fxgpt_core.optimization.memory import Memory
from fxgpt_core.optimization.problem import Problem
from fxgpt_core.patterns.parameters import PatternParameters
from fxgpt_core.patterns.signals import PatternSignals, SignalStages
from fxgpt_core.portfolio.optimal_weights import AllocationParameters
from fxgpt_core.strategy.components import record_of
from fxgpt_core.strategy.filters import Traded, traded_of
from fxgpt_core.strategy.parameters import StrategyParameters
from fxgpt_core.strategy.view import (
    Between,
    Edges,
    average_true_range,
    band_rows,
    between_coverages,
    slow_average,
    step_index,
)
from fxgpt_core.strategy.volume_measures import (
    Spikes,
    VolumeFilterParameters,
    balance,
    measures_of,
    volume_spikes,
    vwap_distance,
)
from fxgpt_core.strategy.wishes import Seen, fractions, shaped_of

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_ALLOCATION = tuple(f"riskfolio_{item.name}" for item in fields(AllocationParameters) if item.name not in ("window", "drift"))
_SIZE, _LOOKBACK = ("pattern_min_pattern_size",), ("pattern_lookback_period",)

STAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "horizon": ("sssd_forecast_horizon",),
    "flags": ("sssd_forecast_horizon", "sssd_quantile_confidence"),
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
    "support of candlesticks": _SIZE,
    "volume of patterns": _LOOKBACK,
    "trend of patterns": _LOOKBACK,
    "directions": (),
}
"""By stage: the parameters that its output depends on, and no other does; docs/optimization.md tells what each costs."""


class Horizon(NamedTuple):
    """The bands of one horizon, a row a candle, NaN where there is no band: the median's `move` as a fraction, `edges`, what the
    odds read, and the scale.
    """

    move: FloatArray
    edges: Edges
    at: AtStep
    scale: FloatArray


_NONE: Final = np.empty(0)
_NO_CODES: Final = np.empty(0, np.int8)


class Stages:
    """The columns of a problem's candles that a set is decided by, kept in a memory."""

    def __init__(self, problem: Problem, memory: Memory) -> None:
        self._problem, self._memory = problem, memory
        known, looks = problem.components, problem.components.patterns
        self._signals = SignalStages(problem.candles, known.regime, memory.output) if looks else None
        self._band_row = band_rows(problem.candles, problem.bands)
        self._regime = _NO_CODES if known.regime is None else np.ascontiguousarray(known.regime, dtype=np.int8)
        self._anomaly = _NONE if known.anomaly is None else np.ascontiguousarray(known.anomaly, dtype=np.float64)
        names = ("vix", "crowd_long", "crowd_confidence", "news")
        self._context = {name: _NONE if known.context is None else getattr(known.context, name) for name in names}

    def series(self, parameters: StrategyParameters) -> Series:
        """The columns of the whole series. Raises `ParameterError` as `market_view` does."""
        problem = self._problem
        problem.components.check(parameters)
        band = self.horizon(parameters.sssd_forecast_horizon)
        place = between_coverages(band.edges.coverages, parameters.sssd_quantile_confidence)
        atr, slow_atr = self._ranges(parameters.risk_atr_period)
        return Series(
            seen=Seen(problem.candles.close, atr, slow_atr, band.scale, self._flags(parameters.sssd_forecast_horizon, place)),
            forecasts=Forecasts(band.move, band.edges.lower, band.edges.upper, place),
            around=Surroundings(self._regime, self._anomaly, **self._context, traded=self._traded(parameters)),
        )

    def within(self, parameters: StrategyParameters, rows: slice) -> Within:
        """The columns of some candles alone."""
        return Within(shaped_of(self._pattern(parameters, rows), rows.stop - rows.start), self._capital(parameters, rows))

    def horizon(self, horizon: int) -> Horizon:
        """The bands of a horizon. Raises `ParameterError` where there is none."""
        return self._memory.output("horizon", horizon, lambda: _horizon(self._problem.bands, horizon, self._band_row))

    def has_band(self, rows: IntArray) -> IntArray:
        """Where the band of each row lies in `horizon`, −1 where there is none."""
        return np.where(self._band_row[rows] >= 0, rows, -1)

    def _flags(self, horizon: int, place: Between) -> Mask:
        flags = self.horizon(horizon).edges.uncalibrated
        return self._memory.output(
            "flags", (horizon, place.below, place.above), lambda: flags[:, place.below] | flags[:, place.above]
        )

    def _ranges(self, period: int) -> tuple[FloatArray, FloatArray]:
        def made() -> tuple[FloatArray, FloatArray]:
            atr = average_true_range(self._problem.candles, period)
            return atr, slow_average(atr, period)

        return self._memory.output("ranges", period, made)

    def _pattern(self, parameters: StrategyParameters, rows: slice) -> PatternSignals | None:
        if self._signals is None:
            return None
        return self._signals.signals(record_of(PatternParameters, parameters, "pattern_"), rows)

    def _traded(self, parameters: StrategyParameters) -> Traded:
        filtering = record_of(VolumeFilterParameters, parameters, "filter_volume_")
        if not filtering.enabled:
            return Traded(_NONE, _NONE, _NONE, _NONE, _NONE)
        candles, output = self._problem.candles, self._memory.output
        spikes: Spikes = output("spikes", (), lambda: volume_spikes(candles))
        obv = output("balance", filtering.obv_period, lambda: balance(candles, spikes.direction, filtering.obv_period))
        distance = output("vwap", filtering.vwap_period, lambda: vwap_distance(candles, filtering.vwap_period))
        return traded_of(measures_of(spikes, obv, distance))

    def _capital(self, parameters: StrategyParameters, rows: slice) -> FloatArray:
        capital, known_at_us = self._problem.components.capital, self._problem.candles.known_at_us
        if capital is None:
            return _NONE
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
    numbers[placed, c, 0] = at.median[of_band]
    flags[placed] = bands.uncalibrated[of_band, step]
    scale = np.full(n, np.nan)
    scale[placed] = bands.scale[of_band, step]
    lower, upper, median = numbers[:, :c, 0], numbers[:, :c, 1], numbers[:, c, 0]
    found = AtStep(median, lower, upper, at.tails, at.fall)
    return Horizon(fractions(median), Edges(bands.coverages, lower, upper, flags), found, scale)
