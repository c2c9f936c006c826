"""The same stream of instructions through backtesting.py 0.6.6: the reference that the order book must equal to the last bit.

Fills, sizes, costs, margin, equity and what is refused are the library's own; it is only watched, to learn which of its orders
closed a trade. The library is AGPL-3.0: import this module only where it is used.
"""

import warnings
from typing import Any

import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy, backtesting

from fxgpt_core.backtest.engine import BacktestAccount
from fxgpt_core.backtest.instructions import Instructions, check_instructions
from fxgpt_core.backtest.order_account import EXIT_CLOSE, EXIT_END, EXIT_OPPOSITE, EXIT_STOP, EXIT_TARGET
from fxgpt_core.backtest.order_stream import ANY_TAG, BUY, CANCEL, CLOSE, MOVE_STOP, SELL
from fxgpt_core.backtest.order_terms import PARITY, OrderTerms
from fxgpt_core.backtest.orders import OrderBacktest, OrderTrades, check_prices
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.costs import FxCosts

# A progress bar has no place in a library call; this is what the package itself does when tqdm is not installed.
backtesting._tqdm = lambda candles, **_: candles

WITHOUT_MARGIN = "order due to insufficient margin"
EXPECTED = (
    WITHOUT_MARGIN,
    # Meant for whole bitcoins: here one unit is one unit of the base currency.
    "Some prices are larger than initial cash value",
    "A contingent SL/TP order would execute in the same bar",
    "Some trades remain open at the end of backtest",
    # Its statistics use a name that pandas renamed.
    "DatetimeIndex.dayofweek is deprecated",
)


def reference_orders(
    candles: CandleArrays, asked: Instructions, terms: OrderTerms | None = None, account: BacktestAccount | None = None
) -> OrderBacktest:
    """What `orders.play_orders` returns, computed by backtesting.py. Raises `BadInputError` as that does, and for other rules."""
    terms, account = terms or OrderTerms(), account or BacktestAccount()
    if terms.rules != PARITY or isinstance(terms.costs, FxCosts):
        raise BadInputError(f"backtesting.py knows neither {terms.rules} nor FxCosts; use PARITY and Costs")
    check_prices(candles)
    check_instructions(asked, len(candles))
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        # Statistics of an account that lost everything, or of one candle, overflow or divide by zero; they are not read here.
        warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"backtesting\._stats")
        statistics = _library_run(candles, terms, account).run(asked=asked)
    messages = [str(warning.message) for warning in warned]
    for message in messages:
        if not any(text in message for text in EXPECTED):
            warnings.warn(f"backtesting.py: {message}", stacklevel=2)
    strategy = statistics["_strategy"]
    return OrderBacktest(
        trades=_trades(statistics["_trades"], asked, strategy.closed.reasons, strategy.without_spread),
        equity=statistics["_equity_curve"]["Equity"].to_numpy(np.float64),
        cash=account.cash,
        refused=np.array(strategy.refused, dtype=np.int64),
        without_margin=sum(WITHOUT_MARGIN in message for message in messages),
        still_open=len(strategy.trades),
    )


def _library_run(candles: CandleArrays, terms: OrderTerms, account: BacktestAccount) -> Any:
    frame = pd.DataFrame(
        {"Open": candles.open, "High": candles.high, "Low": candles.low, "Close": candles.close},
        index=pd.DatetimeIndex(candles.open_time_us.astype("datetime64[us]")),
    )
    return Backtest(
        frame,
        _StreamStrategy,
        cash=account.cash,
        spread=terms.costs.spread,
        commission=(terms.fixed_fee, terms.costs.commission),
        margin=1.0 / account.leverage,
        trade_on_close=terms.trade_on_close,
        hedging=terms.hedging,
        exclusive_orders=terms.exclusive,
        finalize_trades=terms.finalize,
    )


class _OrdersWatched(list[Any]):
    """The library's list of orders; it is asked for each order right before that is filled."""

    asked_for: Any = None

    def __contains__(self, order: object) -> bool:
        self.asked_for = order
        return super().__contains__(order)


class _ClosedWatched(list[Any]):
    """The library's list of closed trades; keeps why each was closed."""

    def __init__(self, broker: Any) -> None:
        super().__init__()
        self.broker = broker
        self.reasons: list[int] = []
        self.decided: set[int] = set()

    def append(self, trade: Any) -> None:
        super().append(trade)
        self.reasons.append(self._reason(trade))

    def _reason(self, trade: Any) -> int:
        order = self.broker.orders.asked_for
        if self.broker._equity[self.broker._i] <= 0.0:
            return EXIT_END
        if order.parent_trade is None:
            return EXIT_OPPOSITE
        if order is trade._sl_order:
            return EXIT_STOP
        if order is trade._tp_order:
            return EXIT_TARGET
        return EXIT_CLOSE if id(order) in self.decided else EXIT_END


class _StreamStrategy(Strategy):  # type: ignore[misc]
    """Carries out instructions at the close of their candles; an order's tag is the number of its instruction."""

    # The library takes a run's arguments as class attributes that must exist beforehand.
    asked: Any = None

    def init(self) -> None:
        broker = self._broker
        broker.orders = _OrdersWatched()
        self.closed = broker.closed_trades = _ClosedWatched(broker)
        self.refused: list[int] = []
        self.without_spread: dict[tuple[int, float], float] = {}
        self.add_spread, broker._adjusted_price = broker._adjusted_price, self._with_spread
        self.m = 0

    def next(self) -> None:
        while self.m < len(self.asked) and self.asked.candle[self.m] == len(self.data) - 1:
            self._decide(self.m, int(self.asked.action[self.m]))
            self.m += 1
        self.closed.decided = {id(order) for order in self.orders}

    def _with_spread(self, size: float, price: float | None = None) -> float:
        """The price that an order pays, as the library has it; which one it was before is kept for each side and price paid."""
        paid = float(self.add_spread(size, price))
        self.without_spread[int(np.sign(size)), paid] = float(self._broker.last_price if price is None else price)
        return paid

    def _decide(self, m: int, action: int) -> None:
        if action in (BUY, SELL):
            self._order(m, self.buy if action == BUY else self.sell)
        elif action == CANCEL:
            for order in self.orders:
                if order.parent_trade is None and self._is_meant(m, order.tag):
                    order.cancel()
        else:
            for trade in self.trades:
                if self._is_meant(m, trade.tag):
                    self._change(m, action, trade)

    def _order(self, m: int, place: Any) -> None:
        asked = self.asked
        prices = {"limit": asked.limit, "stop": asked.stop, "sl": asked.stop_loss, "tp": asked.take_profit}
        try:
            place(size=float(asked.size[m]), tag=m, **{name: _price(column[m]) for name, column in prices.items()})
        except ValueError as error:
            if "orders require" not in str(error):
                raise
            self.refused.append(m)

    def _change(self, m: int, action: int, trade: Any) -> None:
        if action == CLOSE:
            trade.close(float(self.asked.size[m]))
        elif action == MOVE_STOP:
            trade.sl = _price(self.asked.stop_loss[m])
        else:
            trade.tp = _price(self.asked.take_profit[m])

    def _is_meant(self, m: int, number: int) -> bool:
        return self.asked.tag[m] in (ANY_TAG, self.asked.tag[number])


def _price(price: float) -> float | None:
    return None if np.isnan(price) else float(price)


def _trades(
    table: pd.DataFrame, asked: Instructions, reasons: list[int], without_spread: dict[tuple[int, float], float]
) -> OrderTrades:
    instruction, size = table["Tag"].to_numpy(np.int64), table["Size"].to_numpy(np.int64)
    paid, side = table["EntryPrice"].to_numpy(np.float64), np.sign(size)
    quoted = np.array([without_spread[key] for key in zip(side.tolist(), paid.tolist(), strict=True)])
    return OrderTrades(
        instruction=instruction,
        tag=asked.tag[instruction],
        side=side,
        units=np.abs(size),
        entry_index=table["EntryBar"].to_numpy(np.int64),
        exit_index=table["ExitBar"].to_numpy(np.int64),
        entry_price=paid,
        exit_price=table["ExitPrice"].to_numpy(np.float64),
        reason=np.array(reasons, dtype=np.int64),
        profit=table["PnL"].to_numpy(np.float64),
        commission=table["Commission"].to_numpy(np.float64),
        spread_cost=side * (paid - quoted) * np.abs(size),
        **{name: np.zeros(len(size)) for name in ("slippage", "impact", "swap")},
    )
