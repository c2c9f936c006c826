"""One parameter set on many windows in one compiled call: played by the kernel, measured as `performance.measures` does."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fxgpt_core.backtest.kernel import play
from fxgpt_core.backtest.tape import TRADE, TRADES, Log, Sums, Tape, TradeArray, Wishes
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.compiled import compiled, uncounted
from fxgpt_core.market.fills import Terms
from fxgpt_core.performance.daily import fx_days_a_year, last_rows
from fxgpt_core.performance.run_measures import Run, day_returns, run_measures

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

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


class Sheet(NamedTuple):
    """What windows leave, one behind the other: equity at closes, and of each trade profit, costs and µs held, float64[T,3].

    `n_trades` int64[F]; `sums` and `book` are those of the window that is played.
    """

    sums: FloatArray
    book: TradeArray
    equity: FloatArray
    trades: FloatArray
    n_trades: IntArray
    nothing: FloatArray


def measured_windows(tape: Tape, wished: Wishes, rules: FloatArray, terms: Terms, windows: Windows) -> FloatArray:
    """float64[F,21]: the fields of `Metrics`, then the lowest return of an FX day, at most 0, of one set on each window.

    What is not finite is not judged here: then the first number is NaN.
    """
    bounds = np.searchsorted(wished.at, windows.spans)
    room = bounds[:, 1] - bounds[:, 0] + 1
    sheet = Sheet(
        sums=np.empty(len(Sums._fields)),
        book=np.empty(int(room.max(initial=1)), TRADE),
        equity=np.empty(int((windows.spans[:, 1] - windows.spans[:, 0]).sum())),
        trades=np.empty((int(room.sum()), 3)),
        n_trades=np.zeros(len(windows.spans), dtype=np.int64),
        nothing=np.empty(0),
    )
    _play_all(tape, wished, rules, terms, windows.spans, sheet)
    return _measure_all(sheet, windows, terms.cash)


@uncounted
def _play_all(tape: Tape, wished: Wishes, rules: FloatArray, terms: Terms, spans: IntArray, sheet: Sheet) -> None:
    first, n = 0, 0
    for f in range(len(spans)):
        start, stop = spans[f]
        if stop > start:
            curve = sheet.equity[first : first + stop - start]
            play(tape, wished, rules, terms, (start, stop), Log(sheet.sums, sheet.book, curve, sheet.nothing))
            sheet.n_trades[f] = int(sheet.sums[TRADES])
        for t in range(sheet.n_trades[f]):
            row = sheet.book[t]
            sheet.trades[n, 0] = row.profit
            # In the order of `cost_parts`: another one might round differently.
            sheet.trades[n, 1] = row.commission + row.spread_cost + row.slippage + row.impact + row.swap
            sheet.trades[n, 2] = tape.time_us[row.exit_index] - tape.time_us[row.entry_index]
            n += 1
        first += stop - start


@compiled
def _measure_all(sheet: Sheet, windows: Windows, cash: float) -> FloatArray:
    found = np.empty((len(windows.spans), N_MEASURES + 1))
    first, n = 0, 0
    for f in range(len(windows.spans)):
        rows, trades = windows.spans[f, 1] - windows.spans[f, 0], sheet.n_trades[f]
        curve = sheet.equity[first : first + rows]
        profit, costs = sheet.trades[n : n + trades, 0].copy(), sheet.trades[n : n + trades, 1].copy()
        held_us = sheet.trades[n : n + trades, 2].astype(np.int64)
        day_ends = windows.day_ends[windows.first_day[f] : windows.first_day[f + 1]]
        run = Run(profit, costs, held_us, curve, cash, day_ends, windows.days_a_year[f], 0.0)
        found[f, :N_MEASURES] = run_measures(run)
        found[f, N_MEASURES] = 0.0
        for change in day_returns(curve, cash, day_ends):
            found[f, N_MEASURES] = min(found[f, N_MEASURES], change)
        if not np.isfinite(curve).all():
            found[f, 0] = np.nan
        first, n = first + rows, n + trades
    return found
