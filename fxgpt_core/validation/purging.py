"""Which training rows may be used beside a test window: purge what reaches into it, skip an embargo after it.

Source: López de Prado, Advances in Financial Machine Learning (2018), chapter 7. Intervals are half open, [start, stop).
"""

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


def overlaps(known_at_us: IntArray, label_end_us: IntArray, start_us: int, stop_us: int) -> BoolArray:
    """True for each row whose label interval [known_at, label_end] touches the window [start, stop); all µs, shape [N]."""
    return (label_end_us >= start_us) & (known_at_us < stop_us)


def purged(known_at_us: IntArray, label_end_us: IntArray, start_us: int, stop_us: int, embargo_us: int = 0) -> BoolArray:
    """True for each row that may train beside the test window [start, stop): no overlap, and not within the embargo after it.

    The embargo keeps out rows known in [stop, stop + embargo): features there still look back into the test window.
    """
    embargoed = (known_at_us >= stop_us) & (known_at_us < stop_us + embargo_us)
    return ~overlaps(known_at_us, label_end_us, start_us, stop_us) & ~embargoed


def label_ends(known_at_us: IntArray, candles_ahead: int) -> IntArray:
    """When the label of each row [N] ends: the `known_at` of the candle `candles_ahead` later; the largest int64 when unknown.

    Counted in candles, so that a label over a weekend ends on Monday, not on Saturday.
    """
    ends = np.full(len(known_at_us), np.iinfo(np.int64).max, dtype=np.int64)
    if candles_ahead < len(known_at_us):
        ends[: len(known_at_us) - candles_ahead] = known_at_us[candles_ahead:]
    return ends
