"""Expanding folds, counted by hand and held apart by the purge."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxgpt_core.errors import BadInputError
from fxgpt_core.validation.expanding import ExpandingParameters, expanding_folds

KNOWN = np.arange(100, dtype=np.int64) * 10 + 1_000


def test_each_fold_trains_on_all_before_its_purge_and_tests_the_next_stretch() -> None:
    folds = expanding_folds(KNOWN, ExpandingParameters(n_folds=3, initial_share=0.4, purge_candles=5))
    rows = [(fold.train.slice(KNOWN), fold.test.slice(KNOWN)) for fold in folds]
    assert rows == [
        (slice(0, 35), slice(40, 60)),
        (slice(0, 55), slice(60, 80)),
        (slice(0, 75), slice(80, 100)),
    ]
    assert [fold.index for fold in folds] == [0, 1, 2]


@settings(max_examples=60, deadline=None)
@given(st.integers(60, 400), st.integers(1, 8), st.floats(0.2, 0.8), st.integers(0, 10))
def test_tests_follow_each_other_and_no_label_of_a_train_window_reaches_its_test(
    n: int, n_folds: int, share: float, purge: int
) -> None:
    known = np.cumsum(np.random.default_rng(n).integers(1, 9, n)).astype(np.int64)
    folds = expanding_folds(known, ExpandingParameters(n_folds, share, purge))
    tested = np.concatenate([np.arange(n)[fold.test.slice(known)] for fold in folds])
    assert tested.tolist() == list(range(int(n * share), n))
    for fold in folds:
        train, test = fold.train.slice(known), fold.test.slice(known)
        assert train.start == 0
        assert test.start - train.stop == purge


@pytest.mark.parametrize("wrong", [{"n_folds": 0}, {"initial_share": 0.0}, {"initial_share": 1.0}, {"purge_candles": -1}])
def test_parameters_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(BadInputError, match="at least one fold, an initial share between 0 and 1"):
        ExpandingParameters(**wrong)  # type: ignore[arg-type]


def test_a_series_too_short_for_its_folds_is_refused() -> None:
    with pytest.raises(BadInputError, match="100 candles found: 0 to train on and 10 to test in each of 5 folds"):
        expanding_folds(KNOWN, ExpandingParameters(purge_candles=60))
    with pytest.raises(BadInputError, match="4 candles found: 2 to train on and 0 to test"):
        expanding_folds(KNOWN[:4], ExpandingParameters())
