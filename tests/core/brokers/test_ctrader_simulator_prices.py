"""Prices of a rehearsal: crosses that fit together, candles played in their own order behind their own past."""

import numpy as np
import pytest

from fxgpt_core.brokers.ctrader_simulator.prices import CandlePlay, CurrencyWalk
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.market.symbols import SYMBOLS
from fxgpt_core.market.timeframes import Timeframe

WEDNESDAY_US = 1_790_172_000_000_000
HOUR_US = 3_600_000_000
WEEK_US = 168 * HOUR_US


def candles(first_us: int, rows: list[tuple[float, float, float, float]], spread: float | None = None) -> CandleArrays:
    columns = [np.ascontiguousarray(column) for column in np.array(rows).T]
    times = first_us + np.arange(len(rows), dtype=np.int64) * HOUR_US
    told = None if spread is None else np.full(len(rows), spread)
    return CandleArrays(times, *columns, volume=np.full(len(rows), 7.0), timeframe=Timeframe.H1, spread=told)


def test_a_walk_follows_its_seed_and_its_crosses_fit_together() -> None:
    names = ("EURUSD", "GBPUSD", "EURGBP")
    walks = [CurrencyWalk(names, seed) for seed in (3, 3, 4)]
    found = [[walk.after(60.0, WEDNESDAY_US) for _ in range(500)] for walk in walks]
    assert found[0] == found[1] != found[2]
    for euro, pound, cross in found[0]:
        assert cross.bid == pytest.approx(euro.bid / pound.bid, abs=2e-5)
        assert cross.ask > cross.bid
    steps = np.diff(np.log([prices[0].bid for prices in found[0]]))
    # 500 minutes at 0.012 % a minute; the standard error of a deviation is a 32nd of it.
    assert steps.std() == pytest.approx(0.00012, rel=0.15)


def test_more_time_moves_a_walk_further() -> None:
    def deviation(seconds: float) -> float:
        walk = CurrencyWalk(("EURUSD",), 5)
        return float(np.diff(np.log([walk.after(seconds, WEDNESDAY_US)[0].bid for _ in range(500)])).std())

    assert deviation(240.0) == pytest.approx(2.0 * deviation(60.0), rel=0.1)


def test_candles_are_played_in_their_order_behind_their_past() -> None:
    rows = [(1.0, 1.1, 0.9, 1.05), (1.05, 1.06, 0.95, 1.0), (1.0, 1.3, 0.99, 1.2)]
    # Three weeks and an hour ago: the second candle is the one that opens now.
    play = CandlePlay(SYMBOLS["EURUSD"], candles(WEDNESDAY_US - 3 * WEEK_US - HOUR_US, rows, spread=0.001), WEDNESDAY_US)
    past = play.past()
    assert past.time.tolist() == [(WEDNESDAY_US - HOUR_US) // 60_000_000]
    assert (past.prices.tolist(), past.ticks.tolist()) == ([list(rows[0])], [7])
    assert play.remaining == 2
    first = play.after(0.0, WEDNESDAY_US)
    assert [(price.bid, price.ask) for price in first] == [(1.05, pytest.approx(1.051))]
    # The extreme nearer to the open comes first: of the second candle the high, of the third the low.
    bids = [price.bid for _ in range(7) for price in play.after(900.0, WEDNESDAY_US)]
    assert bids == [1.06, 0.95, 1.0, 1.0, 0.99, 1.3, 1.2]
    assert [price.bid for price in play.after(7200.0, WEDNESDAY_US)] == [1.2]
    assert play.remaining == 0


def test_prices_that_came_due_together_all_come() -> None:
    rows = [(1.0, 1.1, 0.7, 1.05), (1.05, 1.06, 0.95, 1.0)]
    play = CandlePlay(SYMBOLS["EURUSD"], candles(WEDNESDAY_US, rows), WEDNESDAY_US)
    assert [price.bid for price in play.after(0.0, WEDNESDAY_US)] == [1.0]
    assert [price.bid for price in play.after(6000.0, WEDNESDAY_US)] == [1.1, 0.7, 1.05, 1.05, 1.06, 0.95]
