"""Train, calibration and test span of one candle series, with an embargo between them, counted in candles."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fxgpt_core.errors import BadInputError
from fxgpt_core.market.timeframes import DAY_US, Timeframe
from fxgpt_core.validation.folds import Window

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SpanParameters:
    """How a series is divided.

    `train_share`, `calibration_share`: shares of all candles, the test span gets the rest. `embargo_candles`: candles left
    unused between two spans; at least the longest horizon, so that no label of one span ends in the next.
    """

    train_share: float = 0.5
    calibration_share: float = 0.15
    embargo_candles: int = 24


@dataclass(frozen=True)
class Spans:
    """The three spans of a series of `known_at` times, in order and apart by the embargo.

    A label of `embargo_candles` candles made on the last row of a span ends before the first row of the next one.
    """

    train: Window
    calibration: Window
    test: Window
    embargo_candles: int

    def __post_init__(self) -> None:
        bounds = [edge for span in (self.train, self.calibration, self.test) for edge in (span.start_us, span.stop_us)]
        if bounds != sorted(bounds) or any(span.start_us >= span.stop_us for span in (self.train, self.calibration, self.test)):
            raise BadInputError(
                f"train {self.train}, calibration {self.calibration}, test {self.test}: "
                "the calibration span lies strictly between train and test and none is empty; split the series with split_spans"
            )

    def check(self, known_at_us: IntArray) -> None:
        """Raise `BadInputError` when fewer than the embargo's candles lie between two spans of this series."""
        for left, right in ((self.train, self.calibration), (self.calibration, self.test)):
            gap = right.slice(known_at_us).start - left.slice(known_at_us).stop
            if gap < self.embargo_candles:
                raise BadInputError(
                    f"{gap} candles lie between {left} and {right}; the embargo is {self.embargo_candles}: "
                    "a label would reach into the next span; split the series with split_spans"
                )


def split_spans(known_at_us: IntArray, parameters: SpanParameters) -> Spans:
    """Divide an ascending series [N] of `known_at` times into train, calibration and test span.

    Raises `BadInputError` when the shares are impossible or the series is too short to leave each span a candle.
    """
    if not (parameters.train_share > 0.0 and parameters.calibration_share > 0.0 and parameters.embargo_candles >= 0):
        raise BadInputError(f"{parameters} found; both shares must be positive and the embargo not negative")
    n, embargo = len(known_at_us), parameters.embargo_candles
    train_stop = int(n * parameters.train_share)
    calibration_start = train_stop + embargo
    calibration_stop = int(n * (parameters.train_share + parameters.calibration_share))
    test_start = calibration_stop + embargo
    if train_stop < 1 or calibration_stop <= calibration_start or n <= test_start:
        sizes = (train_stop, max(0, calibration_stop - calibration_start), max(0, n - test_start))
        raise BadInputError(
            f"{n} candles cannot be split into {parameters}: train, calibration and test would be {sizes} candles; "
            "add candles or change the shares"
        )
    return Spans(
        train=_window(known_at_us, 0, train_stop),
        calibration=_window(known_at_us, calibration_start, calibration_stop),
        test=_window(known_at_us, test_start, n),
        embargo_candles=embargo,
    )


def begin_for_test(test_start_us: int, stop_us: int, timeframe: Timeframe, parameters: SpanParameters | None = None) -> int:
    """From when on candles up to `stop_us` are needed for their test span to begin at `test_start_us` or before it.

    A week is added for weekends and holidays, which do not lie evenly.
    """
    parameters = parameters or SpanParameters()
    share = 1.0 - parameters.train_share - parameters.calibration_share
    # Of seven days five are open.
    embargo_us = parameters.embargo_candles * timeframe.us * 7 // 5
    return stop_us - int((stop_us - test_start_us + embargo_us) / share) - 7 * DAY_US


def _window(known_at_us: IntArray, start: int, stop: int) -> Window:
    return Window(int(known_at_us[start]), int(known_at_us[stop - 1]) + 1)
