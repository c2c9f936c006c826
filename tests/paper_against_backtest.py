"""The same wishes over the same candles, once by the backtest in mode FX and once order by order through the paper broker."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from awaited import awaited

from fxgpt_core.backtest.engine import BacktestAccount, BacktestResult, ExecutionParameters, backtest
from fxgpt_core.brokers.paper import PaperBroker
from fxgpt_core.brokers.paper_quotes import PlayedCandle
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.market.charges import Charges, charged
from fxgpt_core.market.conversion import Closes, joining_symbol
from fxgpt_core.market.fills import REASON_NAMES, ExitPlan, tightened_stop
from fxgpt_core.market.orders import Fill, OrderRequest, Position, Side
from fxgpt_core.market.sessions import expected_open_times
from fxgpt_core.market.swaps import SwapRates
from fxgpt_core.market.symbols import symbol
from fxgpt_core.market.timeframes import DAY_US, Timeframe
from fxgpt_core.portfolio.sizing import position_units
from fxgpt_core.strategy.decision import Decisions

MONDAY_US = 1_515_362_400_000_000  # 2018-01-07 22:00 UTC, 17:00 New York: the week opens
PRICES = {"EURUSD": 1.2, "EURGBP": 0.88, "USDJPY": 110.0, "GBPUSD": 1.35, "AUDUSD": 0.75}
COSTS = ("commission", "spread_cost", "slippage", "impact", "swap")


@dataclass(frozen=True)
class Case:
    """A symbol's candles and wishes, what the account is charged, and the closes that convert into its currency."""

    name: str
    candles: CandleArrays
    decisions: Decisions
    execution: ExecutionParameters
    charges: Charges
    account: BacktestAccount
    cross: Closes | None

    def played(self, i: int) -> PlayedCandle:
        candles, spread = self.candles, self.candles.spread
        told = None if spread is None or math.isnan(spread[i]) else float(spread[i])
        prices = (float(getattr(candles, name)[i]) for name in ("open", "high", "low", "close"))
        times = (int(candles.open_time_us[i]), int(candles.known_at_us[i]))
        cross = self.cross
        if cross is not None:  # only what was known by then
            known = cross.known_at_us <= candles.known_at_us[i]
            cross = Closes(cross.symbol, cross.known_at_us[known], cross.close[known])
        return PlayedCandle(self.name, *times, *prices, spread=told, cross=cross)

    @property
    def closes(self) -> Closes:
        return Closes(symbol(self.name), self.candles.known_at_us, self.candles.close)

    def by_backtest(self) -> BacktestResult:
        costs = charged(self.closes, self.candles.open_time_us, self.charges, spread=self.candles.spread, cross=self.cross)
        return backtest(self.candles, self.decisions, self.execution, costs, self.account)

    def by_paper(self, path: Path) -> tuple[list[Fill], list[float]]:
        """All fills, and the equity at each close; nothing is wished at the first candle, as the backtest has it."""
        broker = PaperBroker(path, {self.name: self.charges}, self.account.cash, self.account.leverage)
        awaited(broker.connect())
        equity = []
        for i in range(len(self.candles)):
            broker.on_candle(self.played(i))
            equity.append(broker.account().equity)
            if 0 < i < len(self.candles) - 1 and equity[-1] > 0.0:
                self._decide(broker, i, equity[-1])
        found = [fill for _, fill in broker.fills_since(0)]
        awaited(broker.disconnect())
        return found, equity

    def _decide(self, broker: PaperBroker, i: int, equity: float) -> None:
        held, quote, close = broker.positions(), broker.quote(self.name), float(self.candles.close[i])
        assert quote is not None
        if held:
            self._manage(broker, held[0], i, close if held[0].side > 0 else close + quote.spread)
            return
        side = int(self.decisions.side[i])
        if side == 0:
            return
        stop_distance, target_distance = self.decisions.stop_distance[i], self.decisions.target_distance[i]
        entry = close + (quote.spread if side > 0 else 0.0)
        stop, target = close - side * stop_distance, close + side * target_distance
        between = min(stop, target) < entry < max(stop, target) and side * (entry - side * quote.spread - stop) > 0.0
        units = position_units(
            equity / quote.conversion, close, stop_distance, self.decisions.risk_fraction[i],
            self.execution.max_margin_fraction, self.account.usable_leverage,
        )  # fmt: skip
        if between and min(stop, target) > 0.0 and units > 0:
            awaited(
                broker.place(OrderRequest(f"o{i}", self.name, Side(side), units, stop, target, int(self.candles.known_at_us[i])))
            )

    def _manage(self, broker: PaperBroker, held: Position, i: int, close: float) -> None:
        since = int(np.searchsorted(self.candles.open_time_us, held.entry_time_us))
        if self.execution.max_candles and i - since + 1 >= self.execution.max_candles:
            awaited(broker.close(held.position_id, f"{held.client_order_id}-time", "time"))
            return
        assert held.stop_price is not None
        plan = self.execution.plan_of(self.decisions.numbers["pattern_led"][int(held.client_order_id[1:])] == 1.0)
        stop, _ = tightened_stop(int(held.side), held.entry_price, close, held.stop_price, 0, plan)
        if stop != held.stop_price:
            awaited(broker.amend(held.position_id, stop, held.target_price))


def differences(case: Case, path: Path) -> list[str]:
    """What differs, of every trade that ended before the last candle and of the equity at every close before it; == only."""
    result, (found, equity) = case.by_backtest(), case.by_paper(path)
    trades, last_us = result.trades, int(case.candles.open_time_us[-1])
    wanted = [
        (
            (int(trades.entry_time_us[k]), int(trades.side[k]), int(trades.units[k]), trades.entry_price[k]),
            (int(trades.exit_time_us[k]), REASON_NAMES[trades.reason[k]], trades.exit_price[k]),
            tuple(getattr(trades, name)[k] for name in COSTS),
        )
        for k in range(len(trades))
        if trades.exit_time_us[k] < last_us
    ]
    got = []
    for entry in (fill for fill in found if fill.reason == "entry"):
        ends = [fill for fill in found if fill.position_id == entry.position_id and fill is not entry and fill.time_us < last_us]
        for end in ends:
            begun = (entry.time_us, int(entry.side), entry.units, entry.price)
            reason = "stop" if end.reason == "stop" else end.reason
            costs = tuple(getattr(entry, name) + getattr(end, name) for name in COSTS)
            got.append((begun, (end.time_us, reason, end.price), costs))
    # The broker does not know which rule had put a stop where it is.
    wanted = [(a, (b[0], "stop" if b[1] in {"breakeven", "trailing"} else b[1], b[2]), c) for a, b, c in wanted]
    found_here = [f"trade {k}: {one} != {other}" for k, (one, other) in enumerate(zip(wanted, got, strict=False)) if one != other]
    if len(wanted) != len(got):
        found_here.append(f"{len(wanted)} trades != {len(got)}")
    n = len(case.candles) - 1
    off = [i for i in range(n) if result.equity[i] != equity[i]]
    return found_here + [f"equity at {i}: {result.equity[i]} != {equity[i]}" for i in off[:3]]


def random_case(seed: int, name: str, currency: str, n: int = 200) -> Case:
    """Hourly candles over two weeks and their rolls, spreads told for half of them, orders large enough for stop-outs.

    Of every fourth seed prices jump and nothing is stopped out, so that some accounts end.
    """
    rng = np.random.default_rng(seed)
    times = expected_open_times(MONDAY_US, MONDAY_US + 30 * DAY_US, Timeframe.H1)[:n]
    price = PRICES[name]
    close = price * np.exp(np.cumsum(rng.normal(0, 0.002, n)))
    jumps = np.where(rng.random(n) < 0.03, rng.normal(0, 0.06, n), 0.0) if seed % 4 == 3 else np.zeros(n)
    close *= np.exp(np.cumsum(jumps))
    open_ = np.concatenate([[price], close[:-1]]) * np.exp(rng.normal(0, 0.0006, n) + jumps)
    high = np.maximum(open_, close) * np.exp(np.abs(rng.normal(0, 0.001, n)))
    low = np.minimum(open_, close) * np.exp(-np.abs(rng.normal(0, 0.001, n)))
    spread = np.where(rng.random(n) < 0.5, np.nan, price * rng.uniform(0.00005, 0.0008, n))
    candles = CandleArrays(times, open_, high, low, close, np.ones(n), Timeframe.H1, spread)
    side = rng.choice(np.array([-1, 0, 1], dtype=np.int8), n)
    side[0] = 0
    distance = price * np.abs(rng.normal(0.006, 0.003, n)) + price * 0.001
    risk = rng.choice([0.01, 0.2, 1.0], n)
    led = {"pattern_led": rng.choice([0.0, 1.0], n)}
    decisions = Decisions(candles.known_at_us, side, distance, 1.5 * distance, risk, np.zeros(n, np.int8), led)
    plan = ExitPlan(0.004, 0.005, 0.004) if seed % 2 else ExitPlan(math.inf, math.inf, 0.01)
    execution = ExecutionParameters(
        plan,
        max_candles=(0, 5, 40)[seed % 3],
        daily_loss_limit=1.0,
        max_margin_fraction=(0.97, 1.0)[seed // 2 % 2],
        pattern_plan=ExitPlan(math.inf, 0.003, 0.002, trailing_step=0.001),
    )
    stop_out, swap = (0.5, 0.9, 0.5, 0.0)[seed % 4], SwapRates(0.09, -0.04)
    charges = Charges(account_currency=currency, commission_per_lot=3.0, depth=1e6, swap=swap, stop_out=stop_out)
    joining, cross = joining_symbol(symbol(name), currency), None
    if joining is not None:
        known = np.arange(times[0] - DAY_US, times[-1] + DAY_US, Timeframe.H1.us) + 7
        cross = Closes(joining, known, PRICES[joining.name] * np.exp(np.cumsum(rng.normal(0, 0.001, len(known)))))
    return Case(name, candles, decisions, execution, charges, BacktestAccount(50_000.0, 30.0), cross)
