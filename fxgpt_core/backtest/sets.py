"""Many parameter sets over many windows in one call: the kernel's sums of each, on all cores, no list of trades.

A set's run on a window is what `engine.backtest` gives on the slices of candles and decisions: flat at its start, closed at its
end, with indicators that were warm before it began, because the decisions were made on the whole series.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from fxgpt_core.backtest.checks import check_ranges, check_resolution, check_same_times, check_sets
from fxgpt_core.backtest.engine import BacktestAccount, Execution, executions, rules_rows, tape_of, terms_of, wishes_of
from fxgpt_core.backtest.kernel import play
from fxgpt_core.backtest.tape import DAY, RULES_COLUMNS, TRADE, FloatArray, IntArray, Log, Sums, Tape, TradeArray, Wishes
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.compiled import uncounted
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.costs import Costs, FxCosts
from fxgpt_core.market.fills import Terms
from fxgpt_core.strategy.decision import Decisions

SETS_A_CALL = 32
"""Sets of one call into compiled code: enough for the call to cost nothing, few enough for all cores to end together."""


@dataclass(frozen=True, eq=False)
class SummedSets:
    """What K sets did on F windows: `sums` float64[K,F,S], by the fields of `tape.Sums`, of accounts that began with `cash`.

    `daily` float64[K,D] is the return of each FX day of the whole series, 0 where no window lies; empty unless asked for. Where
    windows overlap the later one counts.
    """

    sums: FloatArray
    daily: FloatArray
    cash: float

    def of(self, name: str) -> FloatArray:
        """float64[K,F]: one of the sums by its name, such as "final_equity"."""
        column: FloatArray = self.sums[:, :, Sums._fields.index(name)]
        return column


@dataclass(frozen=True, eq=False)
class ParameterSet:
    """One set: which of the decisions it trades, and how it runs its positions, as `engine.backtest` takes it."""

    decisions: int
    execution: Execution


@dataclass(frozen=True, eq=False)
class Replay:
    """What all runs have in common: candles, costs, the account, and `finer` candles or none."""

    candles: CandleArrays
    costs: Costs | FxCosts
    account: BacktestAccount = field(default_factory=BacktestAccount)
    finer: CandleArrays | None = None


def play_sets(
    replay: Replay,
    decisions: Sequence[Decisions],
    sets: Sequence[ParameterSet],
    windows: IntArray | None = None,
    *,
    threads: int | None = None,
    daily: bool = False,
) -> SummedSets:
    """The sums of each parameter set on each window; `decisions` are those of the whole series, shared by sets that name them.

    `windows` int64[F,2] are first and last row + 1 of each, the whole series by default. `threads` None takes every core. The
    result does not depend on the number of threads. Raises `BadInputError` for windows outside of the series or shorter than a
    candle.
    """
    candles = replay.candles
    spans = np.array([[0, len(candles)]]) if windows is None else np.ascontiguousarray(windows, np.int64)
    _check(replay, decisions, sets, spans)
    tape, terms = tape_of(candles, replay.costs, replay.finer), terms_of(replay.costs, replay.account)
    rules = _rules(sets)
    n_days = int(candles.rows[-1, DAY]) + 1 if daily else 0
    sheet = Sheet(
        np.empty((len(sets), len(spans), len(Sums._fields))), np.zeros((len(sets), n_days)), np.empty(0, TRADE), np.empty(0)
    )
    calls = []
    for which, members in _by_decisions(sets):
        wishes = wishes_of(decisions[which])
        calls += [(wishes, part) for part in _parts(members)]

    def run(call: tuple[Wishes, IntArray]) -> None:
        _play_members(tape, call[0], terms, (rules, call[1], spans), sheet)

    if len(calls) == 1:
        run(calls[0])  # to start a thread takes longer than a short run
    else:
        with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
            list(pool.map(run, calls))  # list() raises what a thread raised
    return SummedSets(sheet.sums, sheet.daily, replay.account.cash)


class Sheet(NamedTuple):
    """The arrays that `SummedSets` holds, as compiled code fills them, and the empty book and curve of runs that keep neither."""

    sums: FloatArray
    daily: FloatArray
    book: TradeArray
    curve: FloatArray


def _by_decisions(sets: Sequence[ParameterSet]) -> Iterator[tuple[int, IntArray]]:
    """The numbers of the sets that share their decisions."""
    which = np.array([each.decisions for each in sets], dtype=np.int64)
    for number in np.unique(which):
        yield int(number), np.flatnonzero(which == number)


def _parts(members: IntArray) -> list[IntArray]:
    return [members[start : start + SETS_A_CALL] for start in range(0, len(members), SETS_A_CALL)]


def _rules(sets: Sequence[ParameterSet]) -> FloatArray:
    """float64[K,R,16]: the rules of each of K sets, of which one has at most R; of others the last rows are never asked for."""
    given = [rules_rows(each.execution) for each in sets]
    rules = np.zeros((len(sets), max(map(len, given)), RULES_COLUMNS))
    for row, each in zip(rules, given, strict=True):
        row[: len(each)] = each
    return rules


@uncounted
def _play_members(tape: Tape, wishes: Wishes, terms: Terms, plays: tuple[FloatArray, IntArray, IntArray], sheet: Sheet) -> None:
    """Plays some of the sets, by their numbers, on each window; `plays` are the rules of all sets, those numbers, the windows."""
    rules, members, windows = plays
    for k in members:
        for f in range(len(windows)):
            start, stop = windows[f]
            first, last = int(tape.rows[start, DAY]), int(tape.rows[stop - 1, DAY])
            log = Log(sheet.sums[k, f], sheet.book, sheet.curve, sheet.daily[k, first : last + 1])
            play(tape, wishes, rules[k], terms, (start, stop), log)


def _check(replay: Replay, decisions: Sequence[Decisions], sets: Sequence[ParameterSet], windows: IntArray) -> None:
    unknown = sorted({each.decisions for each in sets} - set(range(len(decisions))))
    if unknown:
        raise BadInputError(f"sets name the decisions {unknown[:5]}, but there are {len(decisions)}; count them from 0")
    for number, each in enumerate(decisions):
        check_same_times(replay.candles, each)
        check_resolution(replay.candles, each, replay.costs, replay.finer)
        runs = [executions(one.execution) for one in sets if one.decisions == number]
        for n_sets in {len(run) for run in runs}:
            check_sets(each, n_sets)
        check_ranges(each, max((one.trailing_atr for run in runs for one in run), default=0.0))
    astray = windows[(windows[:, 0] < 0) | (windows[:, 1] > len(replay.candles)) | (windows[:, 0] >= windows[:, 1])]
    if len(astray) or not len(sets):
        example = f", such as {astray[0].tolist()}" if len(astray) else ""
        raise BadInputError(
            f"{len(sets)} sets and {len(windows)} windows found, {len(astray)} of them empty or outside of the "
            f"{len(replay.candles)} candles{example}; give at least one set, and windows as first row and last row + 1"
        )
