"""What measures read of a backtest, whatever engine played it."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class ClosedTrades(Protocol):
    """T closed trades in the order of their exits: times in µs, money in the account's currency, `profit` after all costs.

    `entry_index` and `exit_index` count candles, `side` is 1 or -1, `reason` a code of `market.fills.REASON_NAMES`; prices are
    in quote currency. More columns of costs may follow: see `performance.cost_parts`.
    """

    @property
    def entry_index(self) -> IntArray: ...  # noqa: D102
    @property
    def exit_index(self) -> IntArray: ...  # noqa: D102
    @property
    def entry_time_us(self) -> IntArray: ...  # noqa: D102
    @property
    def exit_time_us(self) -> IntArray: ...  # noqa: D102
    @property
    def side(self) -> npt.NDArray[np.int8]: ...  # noqa: D102
    @property
    def units(self) -> IntArray: ...  # noqa: D102
    @property
    def entry_price(self) -> FloatArray: ...  # noqa: D102
    @property
    def exit_price(self) -> FloatArray: ...  # noqa: D102
    @property
    def reason(self) -> npt.NDArray[np.int8]: ...  # noqa: D102
    @property
    def profit(self) -> FloatArray: ...  # noqa: D102
    @property
    def commission(self) -> FloatArray: ...  # noqa: D102
    @property
    def spread_cost(self) -> FloatArray: ...  # noqa: D102


class Played(Protocol):
    """What a backtest leaves: trades, the equity float64[N] at each candle's close, and the cash (> 0) it began with."""

    @property
    def trades(self) -> ClosedTrades: ...  # noqa: D102
    @property
    def equity(self) -> FloatArray: ...  # noqa: D102
    @property
    def cash(self) -> float: ...  # noqa: D102
