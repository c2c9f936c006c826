"""One call from a stream of instructions to trades and equity, and its records; `reference_orders.py` answers the same call."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fxgpt_core.backtest.engine import BacktestAccount, tape_of, terms_of
from fxgpt_core.backtest.instructions import Instructions, check_instructions, refused
from fxgpt_core.backtest.order_account import MAX_UNITS, TOO_MANY_UNITS, Book, Records, Terms, empty_book
from fxgpt_core.backtest.order_book import play
from fxgpt_core.backtest.order_execution import Run
from fxgpt_core.backtest.order_fills import QUOTE
from fxgpt_core.backtest.order_fx_account import FxRun
from fxgpt_core.backtest.order_fx_book import play_fx
from fxgpt_core.backtest.order_stream import STREAM
from fxgpt_core.backtest.order_terms import FREE, REALISTIC, FillRules, OrderTerms
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.costs import Costs, FxCosts

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class OrderTrades:
    """T closed trades and closed parts of trades in the order of their exits; money in account currency, flat costs: in quote's.

    `instruction` is the number of the order that opened the trade, `tag` its tag; `entry_index` and `exit_index` count
    candles; `side` 1 or -1, `units` > 0; prices in quote currency; `reason` codes of `order_account.EXIT_NAMES`. `profit` is
    after all costs: `commission`, `slippage` and `impact` of both sides, `spread_cost`, and `swap` (negative: earned).
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
    spread_cost: FloatArray
    slippage: FloatArray
    impact: FloatArray
    swap: FloatArray

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
    instructions that cannot be played, for costs of another number of candles, and when a fraction of the margin comes to more
    than 10¹² units.
    """
    terms, account = terms or OrderTerms(), account or BacktestAccount()
    check_prices(candles)
    check_instructions(asked, len(candles))
    equity = np.empty(len(candles))
    if isinstance(terms.costs, FxCosts):
        book, stream = _fx_run(candles, asked, terms, terms.costs, account, equity)
    else:
        book, stream = _flat_run(candles, asked, terms, terms.costs, account, equity)
    return OrderBacktest(
        trades=_trades(book, stream),
        equity=equity,
        cash=account.cash,
        refused=np.flatnonzero(stream["refused"][: book.account.n_decided]),
        without_margin=int(book.account.without_margin),
        still_open=int(book.account.n_open),
    )


def check_prices(candles: CandleArrays) -> None:
    """Raises `BadInputError` for a price that is not positive and finite."""
    for name in ("open", "high", "low", "close"):
        column = getattr(candles, name)
        if len(column) and not 0.0 < column.min() <= column.max() < np.inf:
            raise BadInputError(
                f"the {name} prices run from {column.min()} to {column.max()}; orders need positive finite prices"
            )


def _stream(asked: Instructions, bid: FloatArray, ask: FloatArray, spread: FloatArray) -> Records:
    """The instructions as the kernel takes them, with who is refused; quotes float64[M] at the closes of their candles."""
    stream: Records = np.recarray(len(asked), STREAM)
    for name, column in vars(asked).items():
        stream[name] = column
    stream["refused"] = refused(asked, bid, ask, spread)
    return stream


def _flat_run(
    candles: CandleArrays, asked: Instructions, terms: OrderTerms, costs: Costs, account: BacktestAccount, equity: FloatArray
) -> tuple[Book, Records]:
    """The book after a run with flat costs, and the stream that was played; `equity` is filled."""
    close = candles.close[asked.candle]
    stream = _stream(asked, close * (1.0 - costs.spread), close * (1.0 + costs.spread), np.zeros(len(asked)))
    quotes: Records = np.recarray(len(candles), QUOTE)
    for name in QUOTE.names or ():
        quotes[name] = getattr(candles, name)
    rules = _rules(terms, costs, terms.rules, account)
    return _played(lambda book: play(Run(quotes, stream, rules, book), equity), stream), stream


def _fx_run(
    candles: CandleArrays, asked: Instructions, terms: OrderTerms, costs: FxCosts, account: BacktestAccount, equity: FloatArray
) -> tuple[Book, Records]:
    """The book after a run under FX quotes, and the stream that was played; `equity` is filled."""
    tape, fills = tape_of(candles, costs), terms_of(costs, account)
    close, spread = candles.close[asked.candle], np.broadcast_to(tape.spread, len(candles))[asked.candle]
    stream = _stream(asked, close, close + spread, spread)
    rules, alone = _rules(terms, FREE, REALISTIC, account), fills._replace(stop_out=0.0)
    return _played(lambda book: play_fx(tape, FxRun(stream, rules, alone, fills.stop_out, book), equity), stream), stream


def _rules(terms: OrderTerms, costs: Costs, rules: FillRules, account: BacktestAccount) -> Terms:
    """Costs, account and rules as the kernel takes them."""
    return Terms(
        cash=float(account.cash),
        leverage=account.usable_leverage,
        spread=float(costs.spread),
        commission=float(costs.commission),
        fixed_fee=float(terms.fixed_fee),
        hedging=terms.hedging,
        exclusive=terms.exclusive,
        trade_on_close=terms.trade_on_close,
        finalize=terms.finalize,
        **vars(rules),
    )


def _played(play_into: Callable[[Book], int], stream: Records) -> Book:
    """The book after the run; one that turns out too small is made twice as large, and played again from the start."""
    capacity = 2 * len(stream) + 64
    while True:
        book = empty_book(capacity)
        problem = play_into(book)
        if problem == 0:
            return book
        if problem == TOO_MANY_UNITS:
            raise BadInputError(
                f"a fraction of the margin came to more than {MAX_UNITS} units; order less, or start with less cash"
            )
        capacity *= 2


def _trades(book: Book, stream: Records) -> OrderTrades:
    closed = book.trades[book.closed[: book.account.n_closed]]
    columns = {name: closed[name].copy() for name in OrderTrades.__dataclass_fields__ if name != "tag"}
    return OrderTrades(**columns, tag=stream["tag"][columns["instruction"]])
