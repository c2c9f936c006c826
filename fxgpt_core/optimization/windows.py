"""One parameter set on many windows in one compiled call: played by the kernel, measured as `performance.measures` does."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fxgpt_core.backtest.kernel import play
from fxgpt_core.backtest.tape import TRADE, TRADES, Log, Rules, Sums, Tape, TradeArray, Wishes
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.compiled import compiled, uncounted
from fxgpt_core.market.fills import Terms
from fxgpt_core.performance.daily import fx_days_a_year, last_rows
from fxgpt_core.performance.run_measures import Run, day_returns, run_measures

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_N_SUMS = len(Sums._fields)
N_MEASURES = 20


class Windows(NamedTuple):
    """F windows: `spans` int64[F,2], first row and last + 1; `days_a_year` float64[F].

    `day_ends` int64[P]: of one window after the other the last row of each FX day, counted from the window's first; those of
    window f are [`first_day`[f], `first_day`[f + 1]).
    """

    spans: IntArray
    days_a_year: FloatArray
    day_ends: IntArray
    first_day: IntArray


def windows_of(candles: CandleArrays, spans: Sequence[slice]) -> Windows:
    """The windows of slices of the candles; one may be empty."""
    days = [candles.fx_day[span] for span in spans]
    ends = [last_rows(each) for each in days]
    return Windows(
        spans=np.array([[span.start, span.stop] for span in spans], dtype=np.int64).reshape(-1, 2),
        days_a_year=np.array([fx_days_a_year(day[rows]) for day, rows in zip(days, ends, strict=True)]),
        day_ends=np.concatenate([np.empty(0, np.int64), *ends]),
        first_day=np.concatenate([[0], np.cumsum([len(rows) for rows in ends])]).astype(np.int64),
    )


def measured_windows(tape: Tape, wished: Wishes, rules: Rules, terms: Terms, windows: Windows) -> FloatArray:
    """float64[F,21]: the fields of `Metrics`, then the lowest return of an FX day, at most 0, of one set on each window.

    What is not finite is not judged here: then the first number is NaN.
    """
    bounds = np.searchsorted(wished.at, windows.spans)
    book = np.empty(int((bounds[:, 1] - bounds[:, 0]).max(initial=0)) + 1, TRADE)
    return _measured(tape, wished, rules, terms, windows, book)


@compiled
def _measured(tape: Tape, wished: Wishes, rules: Rules, terms: Terms, windows: Windows, book: TradeArray) -> FloatArray:
    found, sums = np.empty((len(windows.spans), N_MEASURES + 1)), np.empty(_N_SUMS)
    nothing, equity = np.empty(0), np.empty((windows.spans[:, 1] - windows.spans[:, 0]).max() if len(windows.spans) > 0 else 0)
    for f in range(len(windows.spans)):
        start, stop = windows.spans[f, 0], windows.spans[f, 1]
        sums[TRADES] = 0.0
        if stop > start:
            _play(tape, wished, rules, terms, (start, stop), Log(sums, book, equity, nothing))
        curve, n_trades = equity[: stop - start], int(sums[TRADES])
        profit, costs, held_us = _trades(tape, book, n_trades)
        day_ends = windows.day_ends[windows.first_day[f] : windows.first_day[f + 1]]
        run = Run(profit, costs, held_us, curve, terms.cash, day_ends, windows.days_a_year[f], 0.0)
        found[f, :N_MEASURES] = run_measures(run)
        found[f, N_MEASURES] = min(0.0, day_returns(curve, terms.cash, day_ends).min()) if len(day_ends) > 0 else 0.0
        if not np.isfinite(curve).all():
            found[f, 0] = np.nan
    return found


@uncounted
def _play(tape: Tape, wished: Wishes, rules: Rules, terms: Terms, span: tuple[int, int], log: Log) -> None:
    """Plays a window; the log's curve may be longer."""
    play(tape, wished, rules, terms, span, Log(log.sums, log.book, log.equity[: span[1] - span[0]], log.daily))


@compiled
def _trades(tape: Tape, book: TradeArray, n: int) -> tuple[FloatArray, FloatArray, IntArray]:
    """Profits, costs and times held of the first trades of a book."""
    profit, costs, held_us = np.empty(n), np.empty(n), np.empty(n, np.int64)
    for t in range(n):
        row = book[t]
        profit[t] = row.profit
        # In the order of `cost_parts`: another one might round differently.
        costs[t] = row.commission + row.spread_cost + row.slippage + row.impact + row.swap
        held_us[t] = tape.time_us[row.exit_index] - tape.time_us[row.entry_index]
    return profit, costs, held_us
