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
from fxgpt_core.validation.folds import Window

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


def windows_of(candles: CandleArrays, windows: Sequence[Window]) -> Windows:
    """The windows as rows of the candles; one may be empty."""
    spans = [window.slice(candles.known_at_us) for window in windows]
    days = [candles.fx_day[span] for span in spans]
    ends = [last_rows(each) for each in days]
    return Windows(
        spans=np.array([[span.start, span.stop] for span in spans], dtype=np.int64).reshape(-1, 2),
        days_a_year=np.array([fx_days_a_year(day[rows]) for day, rows in zip(days, ends, strict=True)]),
        day_ends=np.concatenate([np.empty(0, np.int64), *ends]),
        first_day=np.concatenate([[0], np.cumsum([len(rows) for rows in ends])]).astype(np.int64),
    )


class Sheet(NamedTuple):
    """What the window that is played leaves: `sums`, `book` and `curve` as `tape.Log`, whose `daily` is `nothing`; `trades`
    float64[3,T] are profit, costs and µs held of each. Each window writes over what the one before left, near the processor.
    """

    sums: FloatArray
    book: TradeArray
    curve: FloatArray
    nothing: FloatArray
    trades: FloatArray


def measured_windows(tape: Tape, wished: Wishes, rules: FloatArray, terms: Terms, windows: Windows) -> FloatArray:
    """float64[F,21]: the fields of `Metrics`, then the lowest return of an FX day, at most 0, of one set on each window.

    What is not finite is not judged here: then the first number is NaN.
    """
    bounds = np.searchsorted(wished.at, windows.spans)
    trades = int((bounds[:, 1] - bounds[:, 0]).max(initial=0)) + 1
    candles = int((windows.spans[:, 1] - windows.spans[:, 0]).max(initial=0))
    sheet = Sheet(np.empty(len(Sums._fields)), np.empty(trades, TRADE), np.empty(candles), np.empty(0), np.empty((3, trades)))
    return _measured(tape, wished, rules, terms, windows, sheet)


@compiled
def _measured(tape: Tape, wished: Wishes, rules: FloatArray, terms: Terms, windows: Windows, sheet: Sheet) -> FloatArray:
    found = np.empty((len(windows.spans), N_MEASURES + 1))
    for f in range(len(windows.spans)):
        start, stop = windows.spans[f]
        curve, n = sheet.curve[: stop - start], 0
        if stop > start:
            play(tape, wished, rules, terms, (start, stop), Log(sheet.sums, sheet.book, curve, sheet.nothing))
            n = int(sheet.sums[TRADES])
            _told(tape.time_us, sheet.book, n, sheet.trades)
        day_ends = windows.day_ends[windows.first_day[f] : windows.first_day[f + 1]]
        profit, costs, held_us = sheet.trades[0, :n], sheet.trades[1, :n], sheet.trades[2, :n].astype(np.int64)
        run = Run(profit, costs, held_us, curve, terms.cash, day_ends, windows.days_a_year[f], 0.0)
        found[f, :N_MEASURES], found[f, N_MEASURES] = run_measures(run), 0.0
        for change in day_returns(curve, terms.cash, day_ends):
            found[f, N_MEASURES] = min(found[f, N_MEASURES], change)
        if not np.isfinite(curve).all():
            found[f, 0] = np.nan
    return found


@uncounted
def _told(time_us: IntArray, book: TradeArray, n: int, trades: FloatArray) -> None:
    for t in range(n):
        row = book[t]
        trades[0, t] = row.profit
        # In the order of `cost_parts`: another one might round differently.
        trades[1, t] = row.commission + row.spread_cost + row.slippage + row.impact + row.swap
        trades[2, t] = time_us[row.exit_index] - time_us[row.entry_index]
