"""Walk-forward folds in calendar days: a train window, a purge, a test window, and step on."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from fxgpt_core.errors import BadInputError
from fxgpt_core.market.timeframes import Timeframe

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

DAY_US = 86_400_000_000


@dataclass(frozen=True)
class Window:
    """A half-open span of time [start_us, stop_us), microseconds since the epoch; a row belongs by its `known_at`."""

    start_us: int
    stop_us: int

    def mask(self, known_at_us: IntArray) -> BoolArray:
        """True for the rows [N] known within the window."""
        return (known_at_us >= self.start_us) & (known_at_us < self.stop_us)

    def slice(self, known_at_us: IntArray) -> slice:
        """The rows of an ascending `known_at_us` [N] that are known within the window."""
        start, stop = np.searchsorted(known_at_us, [self.start_us, self.stop_us])
        return slice(int(start), int(stop))

    def __str__(self) -> str:
        return f"{_iso(self.start_us)} .. {_iso(self.stop_us)}"


@dataclass(frozen=True)
class Fold:
    """One train and one test window; `train` is already purged: no label of it reaches into `test`."""

    index: int
    train: Window
    test: Window


@dataclass(frozen=True)
class FoldParameters:
    """Lengths of the walk forward in calendar days, and what keeps train and test apart, in candles.

    `purge_candles`: the longest label, that is the longest forecast horizon or holding time; `embargo_candles`: further
    candles left out, against what features remember. Both are counted in candles, so that a weekend cannot hide a leak.
    """

    train_days: float = 30.0
    test_days: float = 7.0
    step_days: float = 7.0
    purge_candles: int = 48
    embargo_candles: int = 0


def walk_forward(known_at_us: IntArray, parameters: FoldParameters) -> list[Fold]:
    """Every fold whose train and test window both lie whole inside an ascending series [N], and hold a candle each.

    The label of the last train row ends before the first test row. Test windows do not overlap.
    Raises `BadInputError` when lengths are not positive, a step is shorter than a test window, or not one fold fits.
    """
    _check(parameters)
    folds = list(_folds(known_at_us, parameters)) if len(known_at_us) else []
    if not folds:
        span = "no rows" if len(known_at_us) == 0 else str(Window(int(known_at_us[0]), int(known_at_us[-1])))
        raise BadInputError(
            f"{span}: not one fold of {parameters.train_days:g} + {parameters.test_days:g} days, less a purge of "
            f"{parameters.purge_candles} candles, fits; add candles or change the lengths"
        )
    return folds


def fold_parameters(
    timeframe: Timeframe,
    train_days: float | None = None,
    test_days: float | None = None,
    step_days: float | None = None,
    purge_candles: int = 48,
) -> FoldParameters:
    """Fold lengths; those not given are 30, 7 and 7 days, and twelve times that (a year, twelve weeks) for daily candles.

    `purge_candles`: the longest label, as in `FoldParameters`.
    """
    usual = FoldParameters()
    scale = 12.0 if timeframe is Timeframe.D1 else 1.0
    test = usual.test_days * scale if test_days is None else test_days
    return FoldParameters(
        train_days=usual.train_days * scale if train_days is None else train_days,
        test_days=test,
        step_days=max(usual.step_days * scale, test) if step_days is None else step_days,
        purge_candles=purge_candles,
    )


def _folds(known_at_us: IntArray, parameters: FoldParameters) -> Iterator[Fold]:
    lengths = (parameters.train_days, parameters.test_days, parameters.step_days)
    train_us, test_us, step_us = (round(days * DAY_US) for days in lengths)
    start, last = int(known_at_us[0]), int(known_at_us[-1])
    index = 0
    while start + train_us + test_us <= last + 1:
        test = Window(start + train_us, start + train_us + test_us)
        stop_row = test.slice(known_at_us).start - parameters.purge_candles - parameters.embargo_candles
        train = Window(start, min(test.start_us, int(known_at_us[max(0, stop_row)])))
        if train.mask(known_at_us).any() and test.mask(known_at_us).any():
            yield Fold(index, train, test)
            index += 1
        start += step_us


def latest_train(known_at_us: IntArray, parameters: FoldParameters) -> Window:
    """The train window that ends with the series: what a parameter set to be deployed now is searched on.

    It is not purged, because no test window follows it; labels that are not known yet are simply absent.
    """
    if len(known_at_us) == 0:
        raise BadInputError("no rows: a train window needs at least one candle; materialize the candles first")
    stop = int(known_at_us[-1]) + 1
    return Window(stop - round(parameters.train_days * DAY_US), stop)


def _check(parameters: FoldParameters) -> None:
    days = (parameters.train_days, parameters.test_days, parameters.step_days)
    if min(days) <= 0.0:
        raise BadInputError(f"train, test and step of {days} days found; all three must be positive; correct the fold parameters")
    if parameters.step_days < parameters.test_days:
        raise BadInputError(
            f"steps of {parameters.step_days:g} days are shorter than test windows of {parameters.test_days:g}: the same days "
            "would count several times; step at least a test window"
        )
    if min(parameters.purge_candles, parameters.embargo_candles) < 0:
        raise BadInputError(
            f"purge {parameters.purge_candles} and embargo {parameters.embargo_candles} candles found; "
            "neither may be negative; correct the fold parameters"
        )


def _iso(time_us: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)).strftime("%Y-%m-%d %H:%M")
