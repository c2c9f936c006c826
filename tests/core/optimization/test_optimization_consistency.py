"""Walk-forward consistency, by hand."""

import math
from types import SimpleNamespace

import pytest

from fxgpt_core.optimization.consistency import consistency


def fold(sharpe, earned):
    """A fold outcome as far as it is asked; without a result for None."""
    return SimpleNamespace(test=None if sharpe is None else SimpleNamespace(sharpe_ratio=sharpe, total_return_pct=earned))


def test_the_folds_that_were_measured_are_counted_by_hand():
    found = consistency([fold(2.0, 3.0), fold(None, 0.0), fold(-1.0, -2.0), fold(0.5, -0.1), fold(1.5, 1.0)])
    assert (found.n_folds, found.n_measured) == (5, 4)
    assert (found.earned, found.positive) == (0.5, 0.75)
    assert (found.median, found.lowest) == (1.0, -1.0)
    # Sharpe ratios 2, -1, 0.5, 1.5 have the mean 0.75 and squares 1.5625 + 3.0625 + 0.0625 + 0.5625
    assert found.dispersion == pytest.approx(math.sqrt(5.25 / 3))
    assert found.largest_share == 0.75


def test_one_good_fold_that_pays_for_all_is_seen():
    found = consistency([fold(9.0, 30.0), *[fold(-0.5, -1.0)] * 9])
    assert (found.positive, found.largest_share) == (0.1, 1.0)


def test_without_a_measured_fold_nothing_is_known():
    for folds in ([], [fold(None, 0.0)] * 3):
        found = consistency(folds)
        assert (found.n_folds, found.n_measured) == (len(folds), 0)
        assert found.to_json()["positive"] is None
    single = consistency([fold(1.0, -1.0)])
    assert (single.positive, single.earned) == (1.0, 0.0)
    assert single.to_json()["dispersion"] is None
    assert single.to_json()["largest_share"] is None
