"""Eight real daily series: our methods reproduce what the research measured with code of its own."""

from pathlib import Path

import numpy as np
import pytest
from exchange_rates import measured

from fxgpt_core.conformal.split import Split
from fxgpt_core.conformal.tracker import Tracker

pytestmark = pytest.mark.shared_data
COVERAGE, WORST, WIDTH, UNCALIBRATED = range(4)


def test_the_tracker_covers_as_measured_and_no_band_is_flagged(shared_data: Path) -> None:
    table = measured(shared_data, Tracker())
    assert table[:, COVERAGE] == pytest.approx([0.949, 0.948, 0.947], abs=0.003)
    assert table[:, WORST] == pytest.approx([0.856, 0.812, 0.740], abs=0.01)
    assert table[:, WIDTH] == pytest.approx([2.03, 1.96, 2.21], abs=0.02)
    assert (table[:, UNCALIBRATED] == 0.0).all()


def test_a_fixed_split_loses_a_regime_as_measured(shared_data: Path) -> None:
    table = measured(shared_data, Split())
    assert table[:, COVERAGE] == pytest.approx([0.937, 0.922, 0.888], abs=0.003)
    assert table[:, WORST] == pytest.approx([0.772, 0.440, 0.092], abs=0.01)


def test_without_calibration_coverage_is_as_measured(shared_data: Path) -> None:
    assert measured(shared_data, None)[:, COVERAGE] == pytest.approx([0.940, 0.948, 0.939], abs=0.001)


def test_a_volatility_a_third_too_small_is_repaired_by_the_tracker(shared_data: Path) -> None:
    assert np.max(measured(shared_data, None, 0.7)[:, COVERAGE]) < 0.87
    assert measured(shared_data, Tracker(), 0.7)[:, COVERAGE] == pytest.approx([0.949, 0.948, 0.947], abs=0.003)
