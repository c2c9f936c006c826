"""Spans: train, calibration and test lie apart by the embargo."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxgpt_core.errors import BadInputError
from fxgpt_core.market.sessions import expected_open_times
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.validation.folds import Window
from fxgpt_core.validation.purging import label_ends
from fxgpt_core.validation.spans import SpanParameters, Spans, begin_for_test, split_spans

KNOWN = np.arange(1000, dtype=np.int64) * 7


def test_the_shares_and_the_embargo_are_counted_in_candles() -> None:
    spans = split_spans(KNOWN, SpanParameters(train_share=0.5, calibration_share=0.2, embargo_candles=24))
    assert spans.train.slice(KNOWN) == slice(0, 500)
    assert spans.calibration.slice(KNOWN) == slice(524, 700)
    assert spans.test.slice(KNOWN) == slice(724, 1000)
    spans.check(KNOWN)


@given(
    n=st.integers(100, 2000),
    embargo=st.integers(0, 48),
    train=st.floats(0.1, 0.6),
    calibration=st.floats(0.1, 0.35),
)
def test_a_label_as_long_as_the_embargo_never_reaches_the_next_span(
    n: int, embargo: int, train: float, calibration: float
) -> None:
    known = np.cumsum(np.random.default_rng(n).integers(1, 50, n)).astype(np.int64)
    try:
        spans = split_spans(known, SpanParameters(train, calibration, embargo))
    except BadInputError:
        return
    ends = label_ends(known, embargo)
    for left, right in ((spans.train, spans.calibration), (spans.calibration, spans.test)):
        assert ends[left.slice(known)].max() < right.start_us
    spans.check(known)


def test_a_calibration_span_that_is_not_between_train_and_test_is_refused() -> None:
    with pytest.raises(BadInputError, match="strictly between train and test"):
        Spans(Window(0, 100), Window(90, 200), Window(210, 300), embargo_candles=0)
    with pytest.raises(BadInputError, match="strictly between train and test"):
        Spans(Window(0, 100), Window(110, 110), Window(210, 300), embargo_candles=0)


def test_spans_nearer_than_the_embargo_are_refused_for_the_series() -> None:
    known = np.arange(300, dtype=np.int64)
    spans = Spans(Window(0, 100), Window(110, 200), Window(224, 300), embargo_candles=24)
    with pytest.raises(BadInputError, match="10 candles lie between"):
        spans.check(known)


@pytest.mark.parametrize(
    ("n", "parameters"),
    [
        (30, SpanParameters()),
        (1000, SpanParameters(train_share=0.0)),
        (1000, SpanParameters(train_share=0.9, calibration_share=0.1)),
    ],
)
def test_a_series_or_share_that_leaves_a_span_empty_is_refused(n: int, parameters: SpanParameters) -> None:
    with pytest.raises(BadInputError, match=r"cannot be split|shares must be positive"):
        split_spans(np.arange(n, dtype=np.int64), parameters)


@pytest.mark.parametrize("timeframe", [Timeframe.M5, Timeframe.H1, Timeframe.D1])
@pytest.mark.parametrize(("wanted", "stop"), [("2020-02-20", "2021-03-03"), ("2022-11-11", "2023-02-01")])
def test_candles_from_the_day_that_is_told_on_put_a_moment_just_into_the_test_span(timeframe, wanted, stop) -> None:
    wanted_us, stop_us = (int(np.datetime64(day, "us").astype(np.int64)) for day in (wanted, stop))
    begin_us = begin_for_test(wanted_us, stop_us, timeframe)
    known = expected_open_times(begin_us, stop_us - timeframe.us, timeframe) + timeframe.us
    test_us = split_spans(known, SpanParameters()).test.start_us
    assert test_us <= wanted_us
    # No more than it must be: half of a week's candles, or what an embargo of days spares by its weekends.
    assert wanted_us - test_us <= 14 * 86_400_000_000
