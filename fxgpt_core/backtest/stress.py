"""A strategy under stress: dearer trading, the crises of the past, and shocks while it holds a position; a verdict on each.

Everything is read off whole runs of a caller's `Play`: the unstressed one, one for each multiple of the costs, and one for each
shock at each place. A stress that could not be made says why; it never becomes a zero.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from fxgpt_core.backtest.conditions import Conditions, Play
from fxgpt_core.backtest.crises import Concern, Crisis
from fxgpt_core.backtest.engine import BacktestResult
from fxgpt_core.backtest.stress_measures import StressNumbers, equity_before, numbers_in
from fxgpt_core.backtest.stress_parameters import Shock, StressParameters
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.symbols import Symbol
from fxgpt_core.market.timeframes import DAY_US
from fxgpt_core.validation.folds import Window

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Run = tuple[CandleArrays, BacktestResult]


class StressKind(StrEnum):
    """What was done: trading made dearer, a crisis of the past looked at, a synthetic shock added."""

    COST = "cost"
    CRISIS = "crisis"
    SHOCK = "shock"


@dataclass(frozen=True)
class StressResult:
    """One stress: what the strategy did in the `window`, and `unstressed` in the same one (None for a crisis: it was as it was).

    `survived` is None where nothing was proved; `why` says so, or why not survived. `numbers` is None where the stress could not
    be made. `place`, of shocks, is "worst of n" or "median of n", by what the account kept. `concern`, of crises. `course` is the
    equity at the M closes of the window in percent of that before it, for a picture.
    """

    kind: StressKind
    name: str
    survived: bool | None = None
    why: str = ""
    window: Window | None = None
    numbers: StressNumbers | None = None
    unstressed: StressNumbers | None = None
    place: str = ""
    concern: Concern | None = None
    course: FloatArray = field(default_factory=lambda: np.zeros(0), compare=False, repr=False)

    @property
    def label(self) -> str:
        """Name and place, for people."""
        return f"{self.name}, {self.place}" if self.place else self.name

    def to_json(self) -> dict[str, object]:
        """Every field but the course; numbers by name, what is not known as null."""
        return {name: value for name, value in dataclasses.asdict(self).items() if name != "course"}


def stress(
    play: Play,
    conditions: Conditions,
    symbol: Symbol,
    rng: np.random.Generator | None,
    parameters: StressParameters | None = None,
) -> tuple[StressResult, ...]:
    """Every stress of the parameters, each judged; `rng` draws the places of the shocks, the same for all of them.

    Without `rng` there are costs and crises only, which take no more plays than there are multiples of the costs, and one.

    Raises `BadInputError` when the play did not trade the past before a shock as it does without: it sees what comes, or
    is not the same twice.
    """
    parameters = parameters or StressParameters()
    unstressed = play(conditions)
    if len(unstressed[0]) == 0:
        raise BadInputError(f"the play of {len(conditions.candles)} candles played none; it must play at least one")
    return (
        *_cost_rows(play, conditions, unstressed, parameters),
        *(_crisis_row(crisis, unstressed, symbol, parameters) for crisis in parameters.crises),
        *(_shock_rows(play, conditions, unstressed, rng, parameters) if rng else ()),
    )


def _cost_rows(play: Play, conditions: Conditions, unstressed: Run, parameters: StressParameters) -> Iterator[StressResult]:
    known_at = unstressed[0].known_at_us
    window = Window(int(known_at[0]), int(known_at[-1]) + 1)
    usual = _numbers(unstressed, window)
    for multiplier in parameters.cost_multipliers:
        dearer = play(conditions.times(multiplier))
        numbers, course = _numbers(dearer, window), _course(dearer, window)
        survived, why = _verdict(numbers, parameters)
        yield StressResult(StressKind.COST, f"costs_x{multiplier:g}", survived, why, window, numbers, usual, course=course)


def _crisis_row(crisis: Crisis, unstressed: Run, symbol: Symbol, parameters: StressParameters) -> StressResult:
    candles, result = unstressed
    rows, concern = crisis.window.slice(candles.known_at_us), crisis.concern(symbol)
    span = f"candles begin {_iso(int(candles.open_time_us[0]))} and end {_iso(int(candles.known_at_us[-1]))}"
    why = ""
    if rows.start == rows.stop:
        why = f"no candle in it: {span}"
    elif equity_before(result, rows.start) <= 0.0:
        why = "the account had lost everything before"
    if why:
        return StressResult(StressKind.CRISIS, crisis.name, why=why, window=crisis.window, concern=concern)
    numbers = numbers_in(candles, result, rows)
    survived, why = _verdict(numbers, parameters)
    coverage = crisis.coverage(candles.open_time_us, candles.timeframe)
    if survived and coverage < parameters.least_coverage:
        survived, why = None, f"{coverage:.0%} of its candles found, {parameters.least_coverage:.0%} needed: {span}"
    course = _course(unstressed, crisis.window)
    return StressResult(StressKind.CRISIS, crisis.name, survived, why, crisis.window, numbers, concern=concern, course=course)


def _shock_rows(
    play: Play, conditions: Conditions, unstressed: Run, rng: np.random.Generator, parameters: StressParameters
) -> Iterator[StressResult]:
    possible = _places(conditions, unstressed, parameters)
    places = np.sort(rng.choice(possible, min(parameters.places, len(possible)), replace=False))
    for shock in parameters.shocks(conditions.candles.timeframe):
        if len(places) == 0:
            between = f"{parameters.range_days} FX days after the first candle and {parameters.days_after} days before the last"
            yield StressResult(StressKind.SHOCK, shock.name, why=f"no position was held {between}")
        elif shock.needs_quotes and isinstance(conditions.costs, Costs):
            yield StressResult(
                StressKind.SHOCK, shock.name, why="flat costs have one spread for all candles; only mode fx can widen it in some"
            )
        else:
            yield from _worst_and_median(play, conditions, unstressed, shock, places, parameters)


def _places(conditions: Conditions, unstressed: Run, parameters: StressParameters) -> IntArray:
    """int64[P]: rows of the given candles at whose open a position is held, with days enough before and behind them."""
    candles, result = unstressed
    change = np.zeros(len(candles) + 1, dtype=np.int64)
    np.add.at(change, result.trades.entry_index + 1, 1)
    np.add.at(change, result.trades.exit_index + 1, -1)
    is_held = np.cumsum(change[:-1]) > 0
    fits = candles.known_at_us + parameters.days_after * DAY_US <= candles.known_at_us[-1]
    rows = np.searchsorted(conditions.candles.open_time_us, candles.open_time_us[is_held & fits])
    day = conditions.candles.fx_day
    days_before = np.cumsum(np.diff(day, prepend=day[:1]) != 0)
    places: IntArray = rows[days_before[rows] >= parameters.range_days]
    return places


def _worst_and_median(
    play: Play, conditions: Conditions, unstressed: Run, shock: Shock, places: IntArray, parameters: StressParameters
) -> Iterator[StressResult]:
    runs = []
    for row in places.tolist():
        first = int(conditions.candles.known_at_us[row])
        window, shocked = Window(first, first + parameters.days_after * DAY_US), play(shock.on(conditions, row))
        _check_same_past(unstressed, shocked, first)
        numbers, usual = _numbers(shocked, window), _numbers(unstressed, window)
        survived, why = _verdict(numbers, parameters)
        course = _course(shocked, window)
        runs.append(StressResult(StressKind.SHOCK, shock.name, survived, why, window, numbers, usual, course=course))
    runs.sort(key=_what_was_kept)
    for place, run in (("worst", runs[0]), ("median", runs[(len(runs) - 1) // 2])):
        yield dataclasses.replace(run, place=f"{place} of {len(runs)}")


def _what_was_kept(shocked: StressResult) -> tuple[float, float]:
    return (shocked.numbers.kept_pct, shocked.numbers.net_profit) if shocked.numbers else (0.0, 0.0)


def _numbers(run: Run, window: Window) -> StressNumbers:
    return numbers_in(*run, window.slice(run[0].known_at_us))


def _course(run: Run, window: Window) -> FloatArray:
    rows = window.slice(run[0].known_at_us)
    course: FloatArray = 100.0 * run[1].equity[rows] / equity_before(run[1], rows.start)
    return course


def _check_same_past(unstressed: Run, shocked: Run, first_us: int) -> None:
    """What was traded before the first shocked candle cannot depend on it.

    The close right before it may: a play by windows closes its position in the last candle of one, and a missing candle makes
    the one before it the last.
    """
    ours, theirs = (
        result.equity[: np.searchsorted(candles.known_at_us, first_us) - 1] for candles, result in (unstressed, shocked)
    )
    if not np.array_equal(ours, theirs):
        raise BadInputError(
            f"a shock at {_iso(first_us)} changed the equity before it; a play decides by what is known at each candle, the same "
            "each time; look for what sees the future or draws at random"
        )


def _verdict(numbers: StressNumbers, parameters: StressParameters) -> tuple[bool | None, str]:
    if numbers.bust:
        return False, "the account lost everything"
    if numbers.kept_pct < parameters.least_kept_pct:
        return False, f"the account kept {numbers.kept_pct:.1f} %, {parameters.least_kept_pct:g} % are needed"
    return (True, "") if numbers.was_held else (None, "no position was held: nothing was proved")


def _iso(time_us: int) -> str:
    return datetime.fromtimestamp(time_us / 1e6, tz=UTC).strftime("%Y-%m-%d %H:%M")
