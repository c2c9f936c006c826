"""What the closed trades say of a strategy: extremes, streaks, payoff, quality, and how much of the equity to bet."""

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fxgpt_core.market.timeframes import HOUR_US
from fxgpt_core.performance.played import ClosedTrades
from fxgpt_core.performance.ratios import RATIO_LIMIT, deviation, held, mean, ratio

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TradeStatistics:
    """Money in the account's currency and after costs; a trade wins if its profit is positive and loses otherwise.

    `payoff_ratio` is average win over average loss. Streaks count trades in the order of their exits. Without trades all is 0.
    Their averages, profit and holding time, are `expectancy` and `avg_holding_time_hrs` of `Metrics`.
    """

    best_trade: float
    worst_trade: float
    payoff_ratio: float
    longest_win_streak: int
    longest_loss_streak: int
    max_holding_time_hrs: float
    sqn: float
    kelly_fraction: float

    def to_json(self) -> dict[str, float | int]:
        """The 8 numbers by name."""
        return dataclasses.asdict(self)


def trade_statistics(trades: ClosedTrades) -> TradeStatistics:
    """Statistics of closed trades [T]."""
    profit = trades.profit
    won = profit > 0.0
    win, loss = mean(profit[won]), -mean(profit[~won])
    held_us = trades.exit_time_us - trades.entry_time_us
    return TradeStatistics(
        best_trade=float(np.max(profit)) if len(profit) else 0.0,
        worst_trade=float(np.min(profit)) if len(profit) else 0.0,
        payoff_ratio=ratio(win, loss),
        longest_win_streak=longest_streak(won),
        longest_loss_streak=longest_streak(~won),
        max_holding_time_hrs=float(np.max(held_us, initial=0)) / HOUR_US,
        sqn=system_quality(profit),
        kelly_fraction=kelly_fraction(profit),
    )


def system_quality(profit: FloatArray) -> float:
    """System quality number of profits [T]: √T · mean / sample deviation, the t-value of the mean; 0 if they do not vary.

    Source: Tharp, Definitive Guide to Position Sizing (2008), with money in place of multiples of the risk, and T not cut at 100.
    """
    spread = deviation(profit)
    return held(math.sqrt(len(profit)) * mean(profit) / spread) if spread > 0.0 else 0.0


def kelly_fraction(profit: FloatArray) -> float:
    """Share of the equity to bet by profits [T]: W − (1 − W) · average loss / average win, W the share that won.

    At most 1; not above 0 means not to bet; −`RATIO_LIMIT` if nothing won. It takes wins to be alike and losses to be alike.
    Source: Kelly, A New Interpretation of Information Rate (1956), for a bet with two outcomes.
    """
    won = profit > 0.0
    win, loss = mean(profit[won]), -mean(profit[~won])
    if win == 0.0:
        return -RATIO_LIMIT if loss > 0.0 else 0.0
    share = float(np.mean(won))
    # Not by `ratio`: held too early, rare great losses would look like a reason to bet.
    return held(share - (1.0 - share) * loss / win)


def longest_streak(happened: npt.NDArray[np.bool_]) -> int:
    """The longest run of true values in bool[T]."""
    edges = np.flatnonzero(np.diff(happened, prepend=False, append=False))
    return int(np.max(edges[1::2] - edges[::2], initial=0))
