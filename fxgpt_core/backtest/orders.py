"""One call from a stream of instructions to trades and equity, and its records; `reference_orders.py` answers the same call."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fxgpt_core.backtest.engine import BacktestAccount
from fxgpt_core.backtest.instructions import Instructions, check_instructions, refused
from fxgpt_core.backtest.order_account import MAX_UNITS, TOO_MANY_UNITS, Book, Records, Terms, empty_book
from fxgpt_core.backtest.order_book import play
from fxgpt_core.backtest.order_execution import Run
from fxgpt_core.backtest.order_fills import QUOTE
from fxgpt_core.backtest.order_stream import STREAM
from fxgpt_core.backtest.order_terms import OrderTerms
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class OrderTrades:
    """T closed trades and closed parts of trades in the order of their exits; money in quote currency.

    `instruction` is the number of the order that opened the trade, `tag` its tag; `entry_index` and `exit_index` count
    candles; `side` 1 or -1, `units` > 0; `reason` codes of `order_account.EXIT_NAMES`; `profit` is after `commission`, that of
    both sides.
    """

    instruction: IntArray
    tag: IntArray
    side: IntArray
    units: IntArray
    entry_index: IntArray
    exit_index: IntArray
    entry_price: FloatArray
    exit_price: FloatArray
    reason: IntArray
    profit: FloatArray
    commission: FloatArray

    def __len__(self) -> int:
        return len(self.profit)


@dataclass(frozen=True, eq=False)
class OrderBacktest:
    """Closed trades, equity float64[N] at each close, and what became of the rest.

    `refused`: numbers of the orders not placed, since their stop loss or take profit was on the wrong side; `without_margin`:
    how many orders were dropped as too large for the margin, or too small for one unit; `still_open`: trades never closed.
    """

    trades: OrderTrades
    equity: FloatArray
    cash: float
    refused: IntArray
    without_margin: int
    still_open: int

    @property
    def final_equity(self) -> float:
        """The equity after the last candle, or the cash if there was none."""
        return float(self.equity[-1]) if len(self.equity) else self.cash


def play_orders(
    candles: CandleArrays, asked: Instructions, terms: OrderTerms | None = None, account: BacktestAccount | None = None
) -> OrderBacktest:
    """Trades and equity of the instructions played over the candles by the compiled order book.

    Without `terms` nothing costs anything and the rules are those of backtesting.py. Raises `BadInputError` for candles or
    instructions that cannot be played, and when a fraction of the margin comes to more than 10¹² units.
    """
    terms, account = terms or OrderTerms(), account or BacktestAccount()
    quotes = quotes_of(candles, terms)
    check_instructions(asked, len(candles))
    stream = stream_of(asked, quotes, terms)
    equity = np.empty(len(candles))
    book = _played(quotes, stream, kernel_terms(terms, account), equity)
    return OrderBacktest(
        trades=_trades(book, stream),
        equity=equity,
        cash=account.cash,
        refused=np.flatnonzero(stream["refused"][: book.account.n_decided]),
        without_margin=int(book.account.without_margin),
        still_open=int(book.account.n_open),
    )


def quotes_of(candles: CandleArrays, terms: OrderTerms) -> Records:
    """Prices and spread as the kernel takes them. Raises `BadInputError` for one that is not positive, or no spread for each."""
    quotes: Records = np.recarray(len(candles), QUOTE)
    for name in ("open", "high", "low", "close"):
        column = getattr(candles, name)
        if len(column) and not 0.0 < column.min() <= column.max() < np.inf:
            raise BadInputError(
                f"the {name} prices run from {column.min()} to {column.max()}; orders need positive finite prices"
            )
        quotes[name] = column
    spread = np.zeros(len(candles)) if terms.price_spread is None else terms.price_spread
    if spread.shape != (len(candles),) or not np.all((spread >= 0.0) & (spread < np.inf)):
        raise BadInputError(
            f"price_spread has shape {spread.shape} and {np.sum(~(spread >= 0.0))} bad values; "
            f"give {len(candles)} finite numbers in quote currency, 0 or more, one for each candle"
        )
    quotes["spread"] = spread
    return quotes


def stream_of(asked: Instructions, quotes: Records, terms: OrderTerms) -> Records:
    """The instructions as the kernel takes them, with who is refused."""
    stream: Records = np.recarray(len(asked), STREAM)
    for name, column in vars(asked).items():
        stream[name] = column
    close, relative = quotes["close"][asked.candle], terms.costs.spread
    stream["refused"] = refused(asked, close * (1.0 - relative), close * (1.0 + relative) + quotes["spread"][asked.candle])
    return stream


def kernel_terms(terms: OrderTerms, account: BacktestAccount) -> Terms:
    """Costs, account and rules as the kernel takes them."""
    return Terms(
        cash=float(account.cash),
        leverage=account.usable_leverage,
        spread=float(terms.costs.spread),
        commission=float(terms.costs.commission),
        fixed_fee=float(terms.fixed_fee),
        hedging=terms.hedging,
        exclusive=terms.exclusive,
        trade_on_close=terms.trade_on_close,
        finalize=terms.finalize,
        **vars(terms.rules),
    )


def _played(quotes: Records, stream: Records, terms: Terms, equity: FloatArray) -> Book:
    """The book after the run; one that turns out too small is made twice as large, and played again from the start."""
    capacity = 2 * len(stream) + 64
    while True:
        run = Run(quotes, stream, terms, empty_book(capacity))
        problem = play(run, equity)
        if problem == 0:
            return run.book
        if problem == TOO_MANY_UNITS:
            raise BadInputError(
                f"a fraction of the margin came to more than {MAX_UNITS} units; order less, or start with less cash"
            )
        capacity *= 2


def _trades(book: Book, stream: Records) -> OrderTrades:
    closed = book.trades[book.closed[: book.account.n_closed]]
    columns = {name: closed[name].copy() for name in OrderTrades.__dataclass_fields__ if name != "tag"}
    return OrderTrades(**columns, tag=stream["tag"][columns["instruction"]])
