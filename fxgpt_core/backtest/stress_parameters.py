"""How much a strategy is stressed, and what it must survive: every size and threshold of a stress test with its default."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from fxgpt_core.backtest.conditions import Conditions
from fxgpt_core.backtest.crises import CRISES, Crisis
from fxgpt_core.backtest.shocks import daily_range, flash_crash, frozen, jump, missing, wide_spread, wilder
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.timeframes import HOUR_US, Timeframe


@dataclass(frozen=True)
class Shock:
    """A shock by name: `on(conditions, row)` are the conditions with it; `needs_quotes`: flat costs cannot show it."""

    name: str
    on: Callable[[Conditions, int], Conditions]
    needs_quotes: bool = False


@dataclass(frozen=True)
class StressParameters:
    """Sizes and thresholds; where the sizes come from is told in docs/stress.md.

    A row is survived if the account never falls below `least_kept_pct` percent of what it had before. A crisis of which less
    than the share `least_coverage` of candles is there is not passed. Every shock is done at `places` candles in which a
    position is held, and judged over the `days_after` days from there on. Jumps and crashes are in daily ranges, the mean of the
    `range_days` FX days before. Raises `BadInputError` for numbers that are out of range.
    """

    least_kept_pct: float = 80.0
    least_coverage: float = 0.9
    cost_multipliers: tuple[float, ...] = (1.5, 2.0, 3.0)
    crises: tuple[Crisis, ...] = CRISES
    places: int = 5
    days_after: int = 14
    range_days: int = 20
    jump_ranges: float = 5.0
    crash_ranges: float = 10.0
    crash_hours: int = 2
    wilder_times: float = 4.0
    wilder_hours: int = 120
    spread_times: float = 5.0
    spread_hours: int = 24
    frozen_hours: int = 4
    missing_hours: int = 24

    def __post_init__(self) -> None:
        hours = (self.crash_hours, self.wilder_hours, self.spread_hours, self.frozen_hours, self.missing_hours)
        counts = (self.places, self.days_after, self.range_days, *hours)
        sizes = (self.jump_ranges, self.crash_ranges, self.wilder_times, self.spread_times, *self.cost_multipliers)
        shares = (self.least_kept_pct / 100.0, self.least_coverage)
        if (
            min(counts) < 1
            or not all(0.0 < size < math.inf for size in sizes)
            or not all(0.0 <= share <= 1.0 for share in shares)
        ):
            raise BadInputError(
                f"{self} found; counts are at least 1, sizes and multipliers positive and finite, the percentage within 0 to 100 "
                "and the coverage within 0 to 1; correct the one that is not"
            )
        # Of seven days five are open.
        if 7 * max(hours) >= 5 * 24 * self.days_after:
            raise BadInputError(
                f"a shock of {max(hours)} hours of open market found, judged over {self.days_after} days; it must end before; "
                "take more days or a shorter shock"
            )

    def most_plays(self, timeframe: Timeframe) -> int:
        """How often a strategy is played at most: without stress, at each multiple of the costs, by each shock at each place."""
        return 1 + len(self.cost_multipliers) + self.places * len(self.shocks(timeframe))

    def shocks(self, timeframe: Timeframe) -> tuple[Shock, ...]:
        """Every shock for candles of a timeframe; hours become candles, rounded up."""

        def candles(hours: int) -> int:
            return -(-hours * HOUR_US // timeframe.us)

        def ranges(conditions: Conditions, row: int, count: float) -> float:
            return count * daily_range(conditions.candles, row, self.range_days)

        def jumps(sign: float) -> Callable[[Conditions, int], Conditions]:
            return lambda conditions, row: jump(conditions, row, ranges(conditions, row, sign * self.jump_ranges))

        def crashes(sign: float) -> Callable[[Conditions, int], Conditions]:
            length = candles(self.crash_hours)
            return lambda conditions, row: flash_crash(conditions, row, ranges(conditions, row, sign * self.crash_ranges), length)

        return (
            Shock(f"jump_down_{self.jump_ranges:g}_ranges", jumps(-1.0)),
            Shock(f"jump_up_{self.jump_ranges:g}_ranges", jumps(1.0)),
            Shock(f"flash_crash_down_{self.crash_ranges:g}_ranges", crashes(-1.0)),
            Shock(f"flash_crash_up_{self.crash_ranges:g}_ranges", crashes(1.0)),
            Shock(
                f"volatility_x{self.wilder_times:g}", lambda c, row: wilder(c, row, self.wilder_times, candles(self.wilder_hours))
            ),
            Shock(
                f"spread_x{self.spread_times:g}",
                lambda c, row: wide_spread(c, row, self.spread_times, candles(self.spread_hours)),
                needs_quotes=True,
            ),
            Shock(f"frozen_{self.frozen_hours}_hours", lambda c, row: frozen(c, row, candles(self.frozen_hours))),
            Shock(f"missing_{self.missing_hours}_hours", lambda c, row: missing(c, row, candles(self.missing_hours))),
        )
