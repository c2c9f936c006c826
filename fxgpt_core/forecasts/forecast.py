"""What every forecaster returns: quantiles of the cumulative log-return, for each origin and each candle ahead."""

from dataclasses import dataclass, fields
from functools import cache
from statistics import NormalDist
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.horizons import steps_of
from fxgpt_core.market.sessions import stretch_starts
from fxgpt_core.market.timeframes import timeframe as timeframe_of

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

LEVELS: Final = np.array([0.025, *np.round(np.arange(0.05, 0.951, 0.05), 2), 0.975])
"""The 21 quantile levels of a forecast."""


@dataclass(frozen=True, eq=False)
class Forecasts:
    """N forecasts of one symbol and timeframe, in the order of their origins.

    `known_at_us` int64[N]: the moment each forecast could be made, the close of its last candle; `close` float64[N]: that
    close; `steps` int32[S]: candles ahead; `levels` float64[L]: quantile levels; `values` float64[N,S,L]: quantiles of
    log(close[t+step] / close[t]), non-decreasing in L; `scale` float64[N,S]: standard deviation of that log-return under a
    random walk with the volatility known at t. Raises `BadInputError` when shapes or orders do not fit, or a scale is none.
    """

    symbol: str
    timeframe: str
    known_at_us: IntArray
    close: FloatArray
    steps: npt.NDArray[np.int32]
    levels: FloatArray
    values: FloatArray
    scale: FloatArray

    def __post_init__(self) -> None:
        n, s, levels = len(self.known_at_us), len(self.steps), len(self.levels)
        shapes = {"close": (n,), "values": (n, s, levels), "scale": (n, s)}
        for name, expected in shapes.items():
            if getattr(self, name).shape != expected:
                raise BadInputError(f"{name} has shape {getattr(self, name).shape}; expected {expected} for {n} origins")
        if (self.known_at_us[1:] <= self.known_at_us[:-1]).any():
            raise BadInputError("the origins are not in ascending order; sort them by known_at_us and drop repeated ones")
        if not np.isfinite(self.values).all() or (self.values[:, :, 1:] < self.values[:, :, :-1]).any():
            raise BadInputError("a forecast has quantiles that are not finite or that cross; sort the quantiles of each step")
        known = np.isfinite(self.scale) & (self.scale >= 0.0)
        if not known.all():
            raise BadInputError(
                f"{int((~known).sum())} of {known.size} scales are negative, infinite or unknown: {self.scale[~known][0]}; "
                "a scale is a standard deviation: leave out the origins whose volatility is not known yet"
            )

    def __len__(self) -> int:
        return len(self.known_at_us)

    def select(self, rows: npt.NDArray[Any]) -> "Forecasts":
        """The forecasts of some origins: a mask bool[N] or ascending indices."""
        per_origin = {name: getattr(self, name)[rows] for name in ("known_at_us", "close", "values", "scale")}
        return Forecasts(self.symbol, self.timeframe, steps=self.steps, levels=self.levels, **per_origin)

    def level(self, level: float) -> FloatArray:
        """float64[N,S]: the quantiles at one of the levels. Raises `BadInputError` when the forecast does not have it."""
        found = np.flatnonzero(np.isclose(self.levels, level))
        if len(found) == 0:
            raise BadInputError(f"quantile level {level} is not forecast; the levels are {self.levels.tolist()}")
        return self.values[:, :, int(found[0])]

    def to_frame(self) -> pl.DataFrame:
        """One row for each origin and step, without loss; symbol and timeframe in columns, quantiles as `q<level>`."""
        n, s = len(self.known_at_us), len(self.steps)
        columns: dict[str, Any] = {
            "symbol": pl.Series([self.symbol] * (n * s), dtype=pl.String),
            "timeframe": pl.Series([self.timeframe] * (n * s), dtype=pl.String),
            "known_at": pl.Series(np.repeat(self.known_at_us, s)).cast(pl.Datetime("us", "UTC")),
            "close": np.repeat(self.close, s),
            "step": np.tile(self.steps, n),
            "scale": self.scale.reshape(-1),
        }
        columns |= {f"q{level!r}": self.values[:, :, i].reshape(-1) for i, level in enumerate(self.levels.tolist())}
        return pl.DataFrame(columns)

    @classmethod
    def from_frame(cls, frame: pl.DataFrame) -> "Forecasts":
        """The forecasts of a frame made by `to_frame`. Raises `BadInputError` for any other frame."""
        quantiles = [name for name in frame.columns if name.startswith("q")]
        missing = {"symbol", "timeframe", "known_at", "close", "step", "scale"} - set(frame.columns)
        if missing or not quantiles or frame.height == 0:
            raise BadInputError(f"not a table of forecasts: {frame.height} rows, columns {frame.columns}; make it with to_frame")
        steps = frame["step"].unique().sort().to_numpy().astype(np.int32)
        n, s = frame.height // len(steps), len(steps)
        if n * s != frame.height:
            raise BadInputError(f"{frame.height} rows are not a whole number of {s} steps; make the table with to_frame")
        values = np.stack([frame[name].to_numpy().reshape(n, s) for name in quantiles], axis=2)
        return cls(
            symbol=str(frame["symbol"][0]),
            timeframe=str(frame["timeframe"][0]),
            known_at_us=np.array(frame["known_at"].to_physical().to_numpy().reshape(n, s)[:, 0], dtype=np.int64),
            close=frame["close"].to_numpy().reshape(n, s)[:, 0].copy(),
            steps=steps,
            levels=np.array([float(name[1:]) for name in quantiles]),
            values=values,
            scale=frame["scale"].to_numpy().reshape(n, s).copy(),
        )


def forecasts_at(symbol: str, candles: CandleArrays, origins: IntArray, values: FloatArray, scale: FloatArray) -> Forecasts:
    """Forecasts at the close of the candles `origins`: values float64[N,S,L] at all steps and `LEVELS`, scale float64[N,S]."""
    return Forecasts(
        symbol=symbol,
        timeframe=str(candles.timeframe),
        known_at_us=candles.known_at_us[origins],
        close=candles.close[origins],
        steps=steps_of(candles.timeframe),
        levels=LEVELS,
        values=values,
        scale=scale,
    )


def normal_quantiles(scale: FloatArray, levels: FloatArray = LEVELS) -> FloatArray:
    """float64[…,L]: quantiles of normal distributions around zero with the standard deviations `scale` float64[…]."""
    values: FloatArray = scale[..., None] * _standard_quantiles(tuple(levels.tolist()))
    return values


@cache
def _standard_quantiles(levels: tuple[float, ...]) -> FloatArray:
    normal = NormalDist()
    return np.array([normal.inv_cdf(level) for level in levels])


def sample_quantiles(samples: FloatArray) -> FloatArray:
    """float64[…,L]: quantiles at `LEVELS` of samples float64[…,P], median-unbiased (Hyndman & Fan 1996, type 8).

    Few samples hide no tail this way; and sorting them is a fifth of what numpy's quantile takes.
    """
    ordered, n = np.sort(samples, axis=-1), samples.shape[-1]
    place = np.clip(LEVELS * (n + 1.0 / 3.0) - 2.0 / 3.0, 0.0, n - 1.0)
    below = np.minimum(place.astype(np.int64), n - 2)
    values: FloatArray = ordered[..., below] + (place - below) * (ordered[..., below + 1] - ordered[..., below])
    return values


def joined(parts: "list[Forecasts]") -> Forecasts:
    """Forecasts of consecutive origins as one. Raises `BadInputError` for an empty list."""
    if not parts:
        raise BadInputError("no forecasts to join; give at least one")
    first = parts[0]
    stacked = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts])
        for field in fields(Forecasts)
        if field.name in ("known_at_us", "close", "values", "scale")
    }
    return Forecasts(first.symbol, first.timeframe, steps=first.steps, levels=first.levels, **stacked)


def realised(close: FloatArray, known_at_us: IntArray, forecasts: Forecasts) -> FloatArray:
    """float64[N,S]: what happened, log(close[t+step] / close[t]) counted in candles; NaN where that candle is not there yet,
    or a hole lies before it: what came days later is not what was forecast.

    `close` float64[T] and `known_at_us` int64[T] are the candles' closes. Raises `BadInputError` for an origin without candle.
    """
    rows = np.searchsorted(known_at_us, forecasts.known_at_us)
    inside = rows < len(known_at_us)
    if not inside.all() or (known_at_us[rows] != forecasts.known_at_us).any():
        raise BadInputError("a forecast's origin is not the close of a candle; use the candles the forecasts were made from")
    ends = rows[:, None] + forecasts.steps[None, :]
    origins = np.broadcast_to(rows[:, None], ends.shape)
    timeframe = timeframe_of(forecasts.timeframe)
    starts = stretch_starts(known_at_us - timeframe.us, timeframe)
    known = ends < len(close)
    known[known] = starts[ends[known]] == starts[origins[known]]
    outcome = np.full(ends.shape, np.nan)
    logs = np.log(close)
    outcome[known] = logs[ends[known]] - logs[origins[known]]
    return outcome
