"""The same stream of orders over the same candles, once by the backtest's order book under FX quotes and once on paper."""

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from awaited import awaited

from fxgpt_core.backtest.engine import BacktestAccount
from fxgpt_core.backtest.instructions import Instruction, Instructions, instructions
from fxgpt_core.backtest.order_account import EXIT_NAMES
from fxgpt_core.backtest.order_stream import BUY, CANCEL, CLOSE, MOVE_STOP, MOVE_TARGET, SELL
from fxgpt_core.backtest.order_terms import OrderTerms
from fxgpt_core.backtest.orders import OrderBacktest, play_orders
from fxgpt_core.brokers.paper import PaperBroker
from fxgpt_core.brokers.paper_quotes import PlayedCandle
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.market.charges import Charges, charged
from fxgpt_core.market.conversion import Closes
from fxgpt_core.market.orders import Fill, OrderRequest, OrderType, Side
from fxgpt_core.market.sessions import expected_open_times
from fxgpt_core.market.swaps import SwapRates
from fxgpt_core.market.symbols import symbol
from fxgpt_core.market.timeframes import DAY_US, Timeframe

MONDAY_US = 1_515_362_400_000_000  # 2018-01-07 22:00 UTC, 17:00 New York: the week opens
COSTS = ("commission", "spread_cost", "slippage", "impact", "swap")


@dataclass(frozen=True)
class OrderCase:
    """Candles of EURUSD, what is asked for at their closes, and an account with its charges."""

    candles: CandleArrays
    asked: Instructions
    charges: Charges
    account: BacktestAccount

    def by_backtest(self) -> OrderBacktest:
        closes = Closes(symbol("EURUSD"), self.candles.known_at_us, self.candles.close)
        costs = charged(closes, self.candles.open_time_us, self.charges, spread=self.candles.spread)
        return play_orders(self.candles, self.asked, OrderTerms(costs, hedging=True, finalize=False), self.account)

    def by_paper(self, path: Path, refused: set[int]) -> tuple[list[Fill], list[float]]:
        """All fills, and the equity at each close; what the backtest's book refuses to place is not placed."""
        broker = PaperBroker(path, {"EURUSD": self.charges}, self.account.cash, self.account.leverage)
        awaited(broker.connect())
        equity, m = [], 0
        for i in range(len(self.candles)):
            broker.on_candle(self._played(i))
            equity.append(broker.account().equity)
            while m < len(self.asked) and self.asked.candle[m] == i:
                if m not in refused:
                    self._ask(broker, m)
                m += 1
        found = [fill for _, fill in broker.fills_since(0)]
        awaited(broker.disconnect())
        return found, equity

    def _played(self, i: int) -> PlayedCandle:
        candles = self.candles
        prices = (float(getattr(candles, name)[i]) for name in ("open", "high", "low", "close"))
        assert candles.spread is not None
        return PlayedCandle(
            "EURUSD", int(candles.open_time_us[i]), int(candles.known_at_us[i]), *prices, float(candles.spread[i])
        )

    def _ask(self, broker: PaperBroker, m: int) -> None:
        one = Instruction(*(getattr(self.asked, name)[m].item() for name in Instruction._fields))
        if one.action in (BUY, SELL):
            kinds = {
                (False, False): OrderType.MARKET,
                (True, False): OrderType.LIMIT,
                (False, True): OrderType.STOP,
                (True, True): OrderType.STOP_LIMIT,
            }
            limit, trigger = _given(one.limit), _given(one.stop)
            side = Side.LONG if one.action == BUY else Side.SHORT
            request = OrderRequest(
                f"{one.tag}", "EURUSD", side, int(one.size), _given(one.stop_loss), _given(one.take_profit), one.candle,
                kinds[limit is not None, trigger is not None], limit, trigger,
            )  # fmt: skip
            assert awaited(broker.place(request)).order_id
        elif one.action == CANCEL:
            awaited(broker.cancel(f"paper-{one.tag}"))
        else:
            for held in broker.positions():
                if held.client_order_id == f"{one.tag}":
                    if one.action == CLOSE:
                        units = max(1, round(held.units * one.size))
                        awaited(broker.close(held.position_id, f"close-{m}", "close", units))
                    elif one.action == MOVE_STOP:
                        awaited(broker.amend(held.position_id, _given(one.stop_loss), held.target_price))
                    else:
                        awaited(broker.amend(held.position_id, held.stop_price, _given(one.take_profit)))


def _given(price: float) -> float | None:
    return None if math.isnan(price) else price


def order_differences(case: OrderCase, path: Path) -> list[str]:
    """What differs: every part of every trade, == but for the money; what each trade cost; the equity at every close."""
    result = case.by_backtest()
    found, equity = case.by_paper(path, set(result.refused.tolist()))
    wanted_parts, wanted_costs = _of_backtest(case, result)
    parts, costs = _of_paper(case, found)
    off = [
        f"trade {key}: {wanted_parts[key]} wanted, {parts[key]} found" for key in wanted_parts if wanted_parts[key] != parts[key]
    ]
    off += [f"trade {key}: none wanted, {parts[key]} found" for key in parts if key not in wanted_parts]
    for tag, wanted in wanted_costs.items():
        if not np.allclose(wanted, costs.get(tag, [np.nan]), rtol=1e-9, atol=1e-9):
            off.append(f"costs of {tag}: {wanted} wanted, {costs.get(tag)} found")
    different = np.flatnonzero(~np.isclose(result.equity, equity, rtol=1e-10))
    return off + [f"equity at {i}: {result.equity[i]} wanted, {equity[i]} found" for i in different[:3]]


def _of_backtest(case: OrderCase, result: OrderBacktest) -> tuple[Counter[tuple[object, ...]], dict[int, np.ndarray]]:
    """The parts of trades, and by tag what those whose trade has ended have cost."""
    trades, parts = result.trades, Counter[tuple[object, ...]]()
    costs: dict[int, np.ndarray] = {}
    for k in range(len(trades)):
        tag = int(trades.tag[k])
        ended = (int(trades.exit_index[k]), float(trades.exit_price[k]), EXIT_NAMES[trades.reason[k]])
        parts[
            (tag, int(trades.side[k]), int(trades.units[k]), float(trades.entry_price[k]), int(trades.entry_index[k]), *ended)
        ] += 1
        costs[tag] = costs.get(tag, np.zeros(len(COSTS))) + [getattr(trades, name)[k] for name in COSTS]
    sizes = {int(tag): size for tag, size in zip(case.asked.tag, case.asked.size, strict=True) if size >= 1.0}
    closed = Counter(dict.fromkeys(costs, 0))
    for tag, units in zip(trades.tag, trades.units, strict=True):
        closed[int(tag)] += int(units)
    return parts, {tag: paid for tag, paid in costs.items() if closed[tag] == sizes[tag]}


def _of_paper(case: OrderCase, found: list[Fill]) -> tuple[Counter[tuple[object, ...]], dict[int, np.ndarray]]:
    index = {int(time): i for i, time in enumerate(case.candles.open_time_us)}
    entries = {fill.position_id: fill for fill in found if fill.reason == "entry"}
    parts, costs = Counter[tuple[object, ...]](), {}
    for fill in found:
        entry = entries[fill.position_id]
        tag = int(entry.client_order_id)
        costs[tag] = costs.get(tag, np.zeros(len(COSTS))) + [getattr(fill, name) for name in COSTS]
        if fill is not entry:
            begun = (tag, int(fill.side), fill.units, entry.price, index[entry.time_us])
            parts[(*begun, index[fill.time_us], fill.price, fill.reason)] += 1
    return parts, costs


def random_orders(seed: int, n: int = 160) -> OrderCase:
    """Hourly candles over rolls and a weekend, and orders of every kind.

    Every second account has little money, large moves and a broker who closes what its margin does not carry; there is no swap
    then, which the stop-out price of a position that is alone in the account does not know. Some of the others are in euros.
    """
    rng = np.random.default_rng(seed)
    times = expected_open_times(MONDAY_US, MONDAY_US + 30 * DAY_US, Timeframe.H1)[:n]
    close = 1.2 * np.exp(np.cumsum(rng.normal(0, 0.009 if seed % 2 else 0.002, n)))
    open_ = np.concatenate([[1.2], close[:-1]]) * np.exp(rng.normal(0, 0.0006, n))
    high = np.maximum(open_, close) * np.exp(np.abs(rng.normal(0, 0.001, n)))
    low = np.minimum(open_, close) * np.exp(-np.abs(rng.normal(0, 0.001, n)))
    spread = 1.2 * rng.uniform(0.00005, 0.0008, n)
    candles = CandleArrays(times, open_, high, low, close, np.ones(n), Timeframe.H1, spread)
    is_tight = seed % 2 == 1
    rows, open_tags = [], []
    for i in range(1, n - 1):
        if rng.random() < 0.4:
            rows.append(_order(rng, i, close[i], len(rows), 0.25 if is_tight else 0.8))
            open_tags.append(rows[-1].tag)
        if open_tags and rng.random() < 0.25:
            rows.append(_change(rng, i, close[i], int(rng.choice(open_tags))))
    swap = SwapRates(0.0, 0.0) if is_tight else SwapRates(0.09, -0.04)
    currency = "EUR" if seed % 3 == 0 and not is_tight else "USD"
    charges = Charges(account_currency=currency, commission_per_lot=3.0, depth=1e6, swap=swap, stop_out=0.5 if is_tight else 0.0)
    return OrderCase(candles, instructions(rows), charges, BacktestAccount(4_000.0 if is_tight else 1e6, 30.0))


def _order(rng: np.random.Generator, i: int, close: float, tag: int, bracketed: float) -> Instruction:
    buys = rng.random() < 0.5
    side = 1 if buys else -1
    limit = stop = level = math.nan
    kind = rng.integers(4)
    gap = abs(rng.normal(0, 0.003)) * close
    if kind == 1:
        limit = level = close - side * gap
    elif kind >= 2:
        stop = level = close + side * gap
    if kind == 3:
        limit = stop + side * rng.normal(0, 0.0005) * close
    base = close if math.isnan(level) else level
    stop_loss = base - side * close * (0.002 + abs(rng.normal(0, 0.004))) if rng.random() < bracketed else math.nan
    take_profit = base + side * close * (0.002 + abs(rng.normal(0, 0.004))) if rng.random() < bracketed else math.nan
    units = float(rng.integers(1_000, 40_000))
    return Instruction(i, BUY if buys else SELL, tag, units, limit, stop, stop_loss, take_profit)


def _change(rng: np.random.Generator, i: int, close: float, tag: int) -> Instruction:
    action = rng.choice([CLOSE, CLOSE, CANCEL, MOVE_STOP, MOVE_TARGET])
    if action == CLOSE:
        return Instruction(i, CLOSE, tag, float(rng.choice([0.3, 0.5, 1.0])))
    if action == CANCEL:
        return Instruction(i, CANCEL, tag)
    price = close * (1.0 + rng.choice([-1, 1]) * rng.uniform(0.001, 0.006)) if rng.random() < 0.8 else math.nan
    if action == MOVE_STOP:
        return Instruction(i, MOVE_STOP, tag, stop_loss=price)
    return Instruction(i, MOVE_TARGET, tag, take_profit=price)
