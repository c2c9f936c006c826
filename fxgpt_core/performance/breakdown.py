"""Where the profit came from: by side, by reason of the exit, by hour and by session of the entry."""

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fxgpt_core.market.fills import REASON_NAMES
from fxgpt_core.market.orders import Side
from fxgpt_core.market.sessions import OPEN_DAYS, SESSIONS, Session, wall_clock_us, weekday
from fxgpt_core.market.timeframes import DAY_US, HOUR_US
from fxgpt_core.performance.cost_parts import costs_paid
from fxgpt_core.performance.played import ClosedTrades
from fxgpt_core.performance.ratios import mean, ratio

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Group:
    """Some of the trades: money in the account's currency, `profit` after `costs`; without trades all is 0."""

    trades: int
    win_rate: float
    profit: float
    costs: float
    average_trade: float
    profit_factor: float

    def to_json(self) -> dict[str, float | int]:
        """The six numbers by name."""
        return dataclasses.asdict(self)


def by_side(trades: ClosedTrades) -> dict[str, Group]:
    """The trades [T] as "long" and "short"; each trade is in one of them."""
    return _groups(trades, {side.name.lower(): trades.side == side for side in Side})


def by_reason(trades: ClosedTrades) -> dict[str, Group]:
    """The trades [T] by the reason of their exit, those that occur; each trade is in one."""
    return _groups(trades, {REASON_NAMES[code]: trades.reason == code for code in np.unique(trades.reason).tolist()})


def by_hour(trades: ClosedTrades) -> dict[str, Group]:
    """The trades [T] by the hour in UTC in which the candle of their entry opened, "00" to "23"; each trade is in one."""
    hour = trades.entry_time_us // HOUR_US % 24
    return _groups(trades, {f"{of_day:02}": hour == of_day for of_day in np.unique(hour).tolist()})


def by_session(trades: ClosedTrades) -> dict[str, Group]:
    """The trades [T] by the sessions that were open when the candle of their entry opened; in the FX week one always is.

    Sessions overlap: a trade entered in two of them is in both, so that the groups add up to more than the whole.
    """
    return _groups(trades, {session.name: _is_open(session, trades.entry_time_us) for session in SESSIONS})


def _is_open(session: Session, time_us: IntArray) -> BoolArray:
    wall_us = wall_clock_us(time_us, session.zone)
    hour = wall_us // HOUR_US % 24
    return (session.first_hour <= hour) & (hour < session.last_hour) & (weekday(wall_us // DAY_US) < OPEN_DAYS)


def _groups(trades: ClosedTrades, members: dict[str, BoolArray]) -> dict[str, Group]:
    costs = costs_paid(trades)
    return {name: _group(trades.profit[member], costs[member]) for name, member in members.items()}


def _group(profit: FloatArray, costs: FloatArray) -> Group:
    won = profit > 0.0
    return Group(
        trades=len(profit),
        win_rate=float(won.mean()) if len(profit) else 0.0,
        profit=float(profit.sum()),
        costs=float(costs.sum()),
        average_trade=mean(profit),
        profit_factor=ratio(float(profit[won].sum()), -float(profit[~won].sum())),
    )
