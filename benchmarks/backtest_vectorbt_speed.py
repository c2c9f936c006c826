"""Seconds of vectorbt's engines and of ours on the part of a backtest that both play (see `benchmarks.backtest_vectorbt`)."""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.backtest_material import Crossing, crossings, drawn_rules
from benchmarks.backtest_timing import THREADS, side_by_side
from benchmarks.backtest_vectorbt import (
    ACCOUNT,
    COSTS,
    ENGINES,
    EXECUTION,
    OURS,
    THEIRS,
    Table,
    all_identical,
    by_rules,
    expressible,
    identical,
    portfolio,
    signals_of,
    table_of_trades,
    table_of_vectorbt,
)
from fxgpt_core.backtest.engine import backtest
from fxgpt_core.backtest.sets import ParameterSet, Replay, play_sets
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.performance.summed import measures_of_sums
from fxgpt_core.strategy.decision import Decisions

_NOWHERE = np.empty(0, np.int64)


def with_vectorbt(candles: CandleArrays, n_columns: int, rounds: int, seed: int) -> dict[str, Any]:
    """One column and many, without and with measures; ratios are to the faster of its engines.

    Raises `AssertionError` where a trade differs for another reason than its two rules for stops.
    """
    rng = np.random.default_rng(seed)
    one = expressible(candles, crossings(candles, Crossing()))
    many = [expressible(candles, crossings(candles, rule)) for rule in drawn_rules(rng, n_columns)]
    return {"vectorbt_engines": ENGINES} | _agreement(candles, one) | _one(candles, one, rounds) | _many(candles, many, rounds)


def _agreement(candles: CandleArrays, decisions: Decisions) -> dict[str, Any]:
    """What share of our trades vectorbt has too, once it is shown that its two rules for stops explain all the others."""
    ours = table_of_trades(backtest(candles, decisions, EXECUTION, COSTS, ACCOUNT).trades)
    assert all_identical(ours, by_rules(candles, decisions, OURS))
    expected = by_rules(candles, decisions, THEIRS)
    signals, theirs = signals_of(candles, [decisions]), Table(_NOWHERE, _NOWHERE, _NOWHERE, np.empty(0), np.empty(0))
    for engine in ENGINES:
        theirs = table_of_vectorbt(portfolio(candles, signals, engine))
        assert all_identical(theirs, expected), engine
    in_entry_candle = int((ours.entry == ours.exit).sum())
    return {
        "vectorbt_trades": len(theirs),
        "vectorbt_identical": len(identical(ours, theirs)) / len(ours),
        "trades_left_in_entry_candle": in_entry_candle / len(ours),
    }


def _one(candles: CandleArrays, decisions: Decisions, rounds: int) -> dict[str, Any]:
    signals = signals_of(candles, [decisions])
    calls: dict[str, Callable[[], Any]] = {"ours": lambda: backtest(candles, decisions, EXECUTION, COSTS, ACCOUNT)}
    calls |= {engine: lambda engine=engine: portfolio(candles, signals, engine) for engine in ENGINES}  # type: ignore[misc]
    taken = side_by_side(calls, rounds)
    return {
        "vectorbt_one_s": {engine: taken[engine] for engine in ENGINES},
        "ours_simplified_s": taken["ours"],
        "ratio_vectorbt": min(taken[engine] for engine in ENGINES) / taken["ours"],
    }


def _many(candles: CandleArrays, columns: list[Decisions], rounds: int) -> dict[str, Any]:
    """Every column its own decisions; ours by two threads, and by one."""
    signals, replay = signals_of(candles, columns), Replay(candles, COSTS, ACCOUNT)
    sets, whole = [ParameterSet(k, EXECUTION) for k in range(len(columns))], np.array([[0, len(candles)]])

    def ours(threads: int) -> Any:
        played = play_sets(replay, columns, sets, threads=threads)
        return played, measures_of_sums(played, candles, whole)

    played, _ = ours(THREADS)
    first = backtest(candles, columns[0], EXECUTION, COSTS, ACCOUNT)
    assert played.of("final_equity")[0, 0] == first.final_equity
    calls: dict[str, Callable[[], Any]] = {"2 threads": lambda: ours(THREADS), "1 thread": lambda: ours(1)}
    for engine in ENGINES:
        calls[engine] = lambda engine=engine: portfolio(candles, signals, engine)  # type: ignore[misc]
        calls[f"{engine} measured"] = lambda engine=engine: _measured(portfolio(candles, signals, engine))  # type: ignore[misc]
    taken = side_by_side(calls, rounds)
    fastest = min(taken[engine] for engine in ENGINES)
    return {
        "vectorbt_columns": len(columns),
        "vectorbt_many_s": {name: taken[name] for name in calls if "thread" not in name},
        "ours_many_s": {name: taken[name] for name in calls if "thread" in name},
        f"ratio_batch_vectorbt_{len(columns)}": fastest / taken["2 threads"],
        f"ratio_batch_vectorbt_{len(columns)}_one_thread": fastest / taken["1 thread"],
        f"ratio_batch_vectorbt_{len(columns)}_measured": min(taken[f"{each} measured"] for each in ENGINES) / taken["2 threads"],
    }


def _measured(played: Any) -> list[Any]:
    """Four of the measures that ours always include."""
    return [played.total_return(), played.sharpe_ratio(), played.max_drawdown(), played.trades.profit_factor()]
