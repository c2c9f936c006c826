"""Every fall of the equity below its peak: when it began, how deep it went, when it was over."""

import dataclasses
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.market.timeframes import DAY_US
from fxgpt_core.performance.daily import check_equity
from fxgpt_core.performance.measures import max_drawdown
from fxgpt_core.performance.played import Played
from fxgpt_core.performance.ratios import ratio

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

SECOND_US = 1_000_000


@dataclass(frozen=True)
class Drawdown:
    """One fall: the last close at the peak, the (first) lowest close, the first close at the peak again or None, in µs.

    A fall from the cash starts at the first candle's open. `depth` is money in the account's currency, `depth_fraction` a share
    of the peak, both positive; `days` are calendar days from the start to the recovery, or to the last close; `candles` counts
    the closes below the peak.
    """

    started_us: int
    bottom_us: int
    recovered_us: int | None
    depth: float
    depth_fraction: float
    days: float
    candles: int

    def to_json(self) -> dict[str, float | int | str | None]:
        """The fall by name, with ISO times in UTC."""
        recovered = None if self.recovered_us is None else _iso(self.recovered_us)
        return {
            "started": _iso(self.started_us),
            "bottom": _iso(self.bottom_us),
            "recovered": recovered,
            "depth": self.depth,
            "depth_fraction": self.depth_fraction,
            "days": self.days,
            "candles": self.candles,
        }


@dataclass(frozen=True)
class Drawdowns:
    """All falls of a run in order of time, and what they come to; all is 0 where the equity never fell below its peak.

    `longest_days` and `mean_days` are of `Drawdown.days`, an unfinished one as long as it is so far. `time_under_water` is the
    share of closes below the peak. `ulcer_index` is the root mean square of the fall at all closes, as a fraction (Martin and
    McCann 1989, in percent). `recovery_factor` is the total return over the deepest fall in money, held within ± `RATIO_LIMIT`.
    """

    table: tuple[Drawdown, ...]
    longest_days: float
    mean_days: float
    time_under_water: float
    ulcer_index: float
    recovery_factor: float

    def deepest(self, n: int) -> tuple[Drawdown, ...]:
        """The `n` deepest falls as fractions of the peak, the deepest first."""
        return tuple(sorted(self.table, key=lambda fall: -fall.depth_fraction)[:n])

    def to_json(self) -> dict[str, object]:
        """The numbers by name, and every fall."""
        numbers = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return numbers | {"table": [fall.to_json() for fall in self.table]}


def drawdowns(result: Played, candles: CandleArrays) -> Drawdowns:
    """All drawdowns of a backtest's equity at closes.

    Raises `BadInputError` when the equity curve and the candles differ in length, or the equity is not finite.
    """
    check_equity(result.equity, candles)
    peak = np.maximum(np.maximum.accumulate(result.equity), result.cash)
    under_water = result.equity < peak
    table = _table(result.equity, peak, under_water, candles)
    days = [fall.days for fall in table]
    n = len(candles)
    total = float(result.equity[-1] - result.cash) if n else 0.0
    return Drawdowns(
        table=table,
        longest_days=max(days, default=0.0),
        mean_days=sum(days) / len(days) if days else 0.0,
        time_under_water=float(under_water.mean()) if n else 0.0,
        ulcer_index=float(np.sqrt(np.mean((1.0 - result.equity / peak) ** 2))) if n else 0.0,
        recovery_factor=ratio(total, max_drawdown(result)[0]),
    )


def _table(equity: FloatArray, peak: FloatArray, under_water: BoolArray, candles: CandleArrays) -> tuple[Drawdown, ...]:
    edges = np.flatnonzero(np.diff(under_water, prepend=False, append=False))
    return tuple(_fall(equity, float(peak[first]), candles, first, after) for first, after in edges.reshape(-1, 2).tolist())


def _fall(equity: FloatArray, peak: float, candles: CandleArrays, first: int, after: int) -> Drawdown:
    """The fall at candles [first, after)."""
    bottom = first + int(np.argmin(equity[first:after]))
    started_us = _closed_us(candles, first - 1) if first else int(candles.open_time_us[0])
    last_us = _closed_us(candles, min(after, len(candles) - 1))
    depth = peak - float(equity[bottom])
    return Drawdown(
        started_us=started_us,
        bottom_us=_closed_us(candles, bottom),
        recovered_us=last_us if after < len(candles) else None,
        depth=depth,
        depth_fraction=depth / peak,
        days=(last_us - started_us) / DAY_US,
        candles=after - first,
    )


def _closed_us(candles: CandleArrays, row: int) -> int:
    return int(candles.open_time_us[row]) + candles.timeframe.us


def _iso(time_us: int) -> str:
    return datetime.fromtimestamp(time_us / SECOND_US, UTC).isoformat()
