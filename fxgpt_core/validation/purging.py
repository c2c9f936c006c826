"""Which training rows may be used beside a test window: purge what reaches into it, skip an embargo after it.

Source: López de Prado, Advances in Financial Machine Learning (2018), chapter 7. Intervals are half open, [start, stop).
"""

import numpy as np
import numpy.typing as npt

from fxgpt_core.errors import BadInputError

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


def overlaps(known_at_us: IntArray, label_end_us: IntArray, start_us: int, stop_us: int) -> BoolArray:
    """True for each row whose label interval [known_at, label_end] touches the window [start, stop); all µs, shape [N]."""
    return (label_end_us >= start_us) & (known_at_us < stop_us)


def label_ends(known_at_us: IntArray, candles_ahead: int) -> IntArray:
    """When the label of each row [N] ends: the `known_at` of the candle `candles_ahead` later; the largest int64 when unknown.

    Counted in candles, so that a label over a weekend ends on Monday, not on Saturday.
    """
    ends = np.full(len(known_at_us), np.iinfo(np.int64).max, dtype=np.int64)
    if candles_ahead < len(known_at_us):
        ends[: len(known_at_us) - candles_ahead] = known_at_us[candles_ahead:]
    return ends


def interval_ends(known_at_us: IntArray, horizon: int, max_holding: int) -> IntArray:
    """When all that a row [N] leads to has ended: a label of `horizon` candles, and a trade held for at most `max_holding`.

    A trade decided on a row is entered at the next open, and is closed at the latest at the open behind the last candle it may be
    held: before the candle of that open is known, as a label of as many candles. Raises `BadInputError` for a holding time below
    1, the fill rule's word for no limit: then pass the larger of `label_ends` and the times at which the trades were closed.
    """
    if horizon < 0 or max_holding < 1:
        raise BadInputError(
            f"a horizon of {horizon} and a holding time of {max_holding} candles found; at least 0 and 1 are needed; without a "
            "limit purge by the times at which the trades were closed"
        )
    return label_ends(known_at_us, max(horizon, max_holding))


def beside_test(known_at_us: IntArray, end_us: IntArray, test: slice, embargo_candles: int = 0) -> BoolArray:
    """True for each row [N] that may train beside the test rows: its interval [known_at, end] meets none of theirs.

    Nor is it one of the `embargo_candles` rows after the last interval of the test has ended. Test rows are never among them.
    """
    free = int(np.searchsorted(known_at_us, end_us[test].max(), side="right")) + embargo_candles
    stop_us = known_at_us[free] if free < len(known_at_us) else known_at_us[-1] + 1
    return ~overlaps(known_at_us, end_us, int(known_at_us[test.start]), int(stop_us))
