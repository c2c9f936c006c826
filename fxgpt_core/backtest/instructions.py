"""What a strategy tells the order book, as plain arrays, and the checks that an instruction must pass before a run."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fxgpt_core.backtest.order_account import MAX_UNITS
from fxgpt_core.backtest.order_stream import ACTION_NAMES, ANY_TAG, BUY, CLOSE, MOVE_STOP, MOVE_TARGET, SELL
from fxgpt_core.errors import BadInputError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

PRICES = ("limit", "stop", "stop_loss", "take_profit")
MOVES = {"stop_loss": MOVE_STOP, "take_profit": MOVE_TARGET}


class Instruction(NamedTuple):
    """One row of `Instructions`; a price or size that is not given is NaN."""

    candle: int
    action: int
    tag: int = 0
    size: float = math.nan
    limit: float = math.nan
    stop: float = math.nan
    stop_loss: float = math.nan
    take_profit: float = math.nan


@dataclass(frozen=True, eq=False)
class Instructions:
    """M instructions, each decided at the close of its `candle` (int64, ascending), within a candle in the order given.

    `action` int64: BUY and SELL place an order of `size` (whole units, or a fraction in (0, 1) of the free margin × leverage):
    at the market, or with a `limit`, a `stop` or both, and with a `stop_loss` and a `take_profit` once it is filled. CLOSE
    closes the portion `size` in (0, 1] of each open trade, CANCEL cancels entries that wait, MOVE_STOP and MOVE_TARGET move
    those of open trades to `stop_loss`, `take_profit`, or take them away when that is NaN. These four act on the trades and
    orders of their `tag` (int64 ≥ 0, given to an order by BUY and SELL), or on all of them with `ANY_TAG`.
    Prices float64[M] in quote currency; what is not given is NaN.
    """

    candle: IntArray
    action: IntArray
    tag: IntArray
    size: FloatArray
    limit: FloatArray
    stop: FloatArray
    stop_loss: FloatArray
    take_profit: FloatArray

    def __len__(self) -> int:
        return len(self.candle)


def instructions(rows: Iterable[Instruction]) -> Instructions:
    """The rows as arrays, in their order."""
    columns = list(zip(*rows, strict=True)) or [()] * len(Instruction._fields)
    candle, action, tag = (np.array(column, dtype=np.int64) for column in columns[:3])
    return Instructions(candle, action, tag, *(np.array(column, dtype=np.float64) for column in columns[3:]))


def check_instructions(asked: Instructions, n_candles: int) -> None:
    """Raises `BadInputError` for instructions that no account could carry out: of wrong times, sizes, prices or tags."""
    shapes = {column.shape for column in vars(asked).values()}
    whole = all(np.issubdtype(column.dtype, np.integer) for column in (asked.candle, asked.action, asked.tag))
    if len(shapes) > 1 or asked.candle.ndim != 1 or not whole:
        raise BadInputError(
            f"the columns of the instructions have shapes {sorted(shapes)} and candle, action, tag are "
            f"{'' if whole else 'not '}integers; give each one value an instruction, and these as integers"
        )
    for name, good, allowed in _demands(asked, n_candles):
        if not good.all():
            m = int(np.argmin(good))
            action = dict(enumerate(ACTION_NAMES)).get(int(asked.action[m]), "unknown action")
            raise BadInputError(f"instruction {m} ({action}) has {name} {getattr(asked, name)[m]}; allowed is {allowed}")


def _demands(asked: Instructions, n_candles: int) -> Iterator[tuple[str, BoolArray, str]]:
    """A column, where it is good, and what is: the checks in the order in which they are made."""
    ascending = np.diff(asked.candle, prepend=1) >= 0
    yield "candle", ascending & (asked.candle < n_candles), f"1 to {n_candles - 1}, and not less than that of the one before"
    yield "action", (asked.action >= BUY) & (asked.action <= MOVE_TARGET), f"{BUY} to {MOVE_TARGET}"
    enters, closes, size = asked.action <= SELL, asked.action == CLOSE, asked.size
    tagged = (asked.tag >= 0) | (~enters & (asked.tag == ANY_TAG))
    yield "tag", tagged, f"0 or more, or {ANY_TAG} to close, cancel or move with any tag"
    fraction = (size > 0.0) & (size < 1.0)
    whole = (size >= 1.0) & (size <= MAX_UNITS) & (size == np.floor(size))
    yield "size", ~enters | fraction | whole, f"a fraction in (0, 1), or whole units up to {MAX_UNITS}"
    yield "size", ~closes | fraction | (size == 1.0), "a portion in (0, 1]"
    yield "size", enters | closes | np.isnan(size), "none (NaN) with this action"
    for name in PRICES:
        price = getattr(asked, name)
        used = enters | (asked.action == MOVES.get(name, BUY))
        yield name, np.isnan(price) | (used & (price > 0.0) & (price < math.inf)), "a positive price the action uses, or NaN"


def refused(asked: Instructions, bid: FloatArray, ask: FloatArray, spread: FloatArray) -> BoolArray:
    """bool[M]: the orders whose stop loss or take profit is not on its side of the entry price expected when they are decided.

    That is the limit, else the stop, else the `ask` (for a sale the `bid`) at the close of their candle, float64[M] each. A stop
    loss must also lie beyond the other side of the quote, which is `spread` away, float64[M] in price units.
    """
    buys = asked.action == BUY
    market = np.where(buys, ask, bid)
    price = np.where(np.isnan(asked.limit), np.where(np.isnan(asked.stop), market, asked.stop), asked.limit)
    side = np.where(buys, 1.0, -1.0)
    stopped = side * (price - side * spread - asked.stop_loss) <= 0.0
    reached = side * (asked.take_profit - price) <= 0.0
    return (asked.action <= SELL) & (stopped | reached)
