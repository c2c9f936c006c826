"""Chart shapes drawn by hand are found at the right candles, at the right prices, and with the fate they had."""

import numpy as np
import polars as pl
import pytest
from pattern_examples import candles_of, drawn, random_walk, upside_down

from fxgpt_core.patterns.events import events
from fxgpt_core.patterns.names import CHART_SHAPES
from fxgpt_core.patterns.parameters import PatternParameters
from fxgpt_core.patterns.signals import patterns_of

PLAIN = PatternParameters(false_breakout_filter=False, lookback_period=60, min_pattern_size=6)
MIRROR = dict(zip(CHART_SHAPES[::2], CHART_SHAPES[1::2], strict=True))
AROUND = 128.0

# Falls to 100, turns at 110, bottoms again at 101, rises through 110 at row 51: 109.5 + 2 × 0.5 > 110.
DOUBLE_BOTTOM = [(0, 120.0), (20, 120.0), (30, 100.0), (36, 110.0), (42, 101.0), (62, 121.0)]
# Shoulders at 104 and 105, the head at 96, turns at 112 and 111.
HEADS = [(0, 130.0), (20, 130.0), (35, 104.0), (42, 112.0), (49, 96.0), (57, 111.0), (64, 104.5), (84, 124.5)]
BREAKOUT = [(0, 100.0), (10, 110.0), (30, 100.0), (45, 105.0), (90, 100.0), (100, 115.0)]


def found(corners, parameters=PLAIN, *, shadow=0.0, mirror=False) -> pl.DataFrame:
    candles = candles_of(drawn(corners), shadow)
    return events(upside_down(candles, AROUND) if mirror else candles, parameters)


def only(table: pl.DataFrame, kind: str) -> dict:
    rows = table.filter(pl.col("kind") == kind).to_dicts()
    assert len(rows) == 1, rows
    return rows[0]


def test_a_double_bottom_is_found_with_its_points_level_and_break():
    shape = only(found(DOUBLE_BOTTOM), "double_bottom")
    assert shape["point_rows"] == [30, 36, 42]
    assert shape["point_prices"] == pytest.approx([100.0, 110.0, 101.0])
    assert (shape["side"], shape["level"], shape["height"]) == (1, pytest.approx(110.0), pytest.approx(10.0))
    # 101 at row 42, one a candle: 110 is not above the level, 111 at row 52 is.
    assert (shape["completed_row"], shape["confirmed_row"], shape["fate"]) == (52, 52, "confirmed")
    # Bottoms a tenth of the height apart, a quarter is allowed; the height over four ranges: true ranges of the last fourteen
    # rows of the first leg are 2, then six of 10/6 and six of 9/6.
    mean_range = (2 * 2.0 + 6 * 10 / 6 + 6 * 9 / 6) / 14
    assert shape["quality"] == pytest.approx(0.5 * (1 - 0.1 / 0.25) + 0.5 * min(1.0, 10 / (4 * mean_range)))


def test_an_inverse_head_and_shoulders_is_found_at_the_candle_that_breaks_the_higher_turn():
    shape = only(found(HEADS), "inverse_head_and_shoulders")
    assert shape["point_rows"] == [35, 42, 49, 57, 64]
    assert shape["point_prices"] == pytest.approx([104.0, 112.0, 96.0, 111.0, 104.5])
    assert (shape["level"], shape["height"]) == (pytest.approx(112.0), pytest.approx(16.0))
    assert shape["completed_row"] == 72  # 104.5 + 8 = 112.5


def test_a_breakout_is_the_first_close_above_the_highest_high_of_the_lookback():
    shape = only(found(BREAKOUT), "upward_breakout")
    assert shape["point_rows"] == [45]
    assert shape["level"] == pytest.approx(105.0)
    assert shape["completed_row"] == 94  # 106.0
    assert shape["height"] == pytest.approx(104.5 - 100.0)  # of the fifteen candles before


@pytest.mark.parametrize(
    ("corners", "kind"),
    [(DOUBLE_BOTTOM, "double_bottom"), (HEADS, "inverse_head_and_shoulders"), (BREAKOUT, "upward_breakout")],
)
def test_upside_down_it_is_the_shape_of_the_other_side(corners, kind):
    up, down = only(found(corners), kind), only(found(corners, mirror=True), MIRROR[kind])
    assert down["side"] == -1
    for name in ("point_rows", "completed_row", "confirmed_row", "fate"):
        assert up[name] == down[name]
    assert down["point_prices"] == pytest.approx([2 * AROUND - price for price in up["point_prices"]])
    assert (down["height"], down["confidence"]) == (pytest.approx(up["height"]), pytest.approx(up["confidence"]))


def bent(corners, row, price):
    """The corners with another at a row."""
    return sorted([corner for corner in corners if corner[0] != row] + [(row, price)])


@pytest.mark.parametrize(
    "corners",
    [
        bent(DOUBLE_BOTTOM, 42, 103.5),  # the bottoms are a third of the height apart
        bent(DOUBLE_BOTTOM, 33, 99.0),  # what lies between undercuts both
        [(0, 105.0), (20, 105.0), *DOUBLE_BOTTOM[2:]],  # nothing to turn: the price came from below the level
    ],
)
def test_what_is_not_quite_a_double_bottom_is_none(corners):
    assert "double_bottom" not in set(found(corners).filter(pl.col("first_row") == 30)["kind"])


@pytest.mark.parametrize(
    "corners",
    [
        bent(HEADS, 49, 103.5),  # a head no lower than the shoulders
        bent(HEADS, 64, 110.0),  # uneven shoulders
        bent(HEADS, 42, 105.0),  # the turns are not even
    ],
)
def test_what_is_not_quite_a_head_and_shoulders_is_none(corners):
    assert "inverse_head_and_shoulders" not in set(found(corners)["kind"])


def test_sizes_bound_the_candles_between_bottoms_and_the_lookback_the_whole():
    for changed in ({"min_pattern_size": 10, "max_pattern_size": 11}, {"max_pattern_size": 11}):
        assert "double_bottom" not in set(found(DOUBLE_BOTTOM, PatternParameters(**changed))["kind"])
    assert "double_bottom" in set(found(DOUBLE_BOTTOM, PatternParameters(max_pattern_size=12))["kind"])
    assert "inverse_head_and_shoulders" not in set(found(HEADS, PatternParameters(lookback_period=28))["kind"])
    assert "inverse_head_and_shoulders" in set(found(HEADS, PatternParameters(lookback_period=29))["kind"])


BACK_INSIDE = [*DOUBLE_BOTTOM[:-1], (52, 111.0), (53, 109.0), (70, 108.0)]
RETEST = [*DOUBLE_BOTTOM[:-1], (53, 112.0), (54, 110.1), (70, 126.1)]


def filtered(bars: int) -> PatternParameters:
    return PatternParameters(lookback_period=60, min_pattern_size=6, breakout_retest_bars=bars)


def test_a_breakout_that_fails_is_filtered_and_without_the_filter_it_counts():
    shape = only(found(BACK_INSIDE, filtered(3)), "double_bottom")
    assert (shape["fate"], shape["completed_row"], shape["confirmed_row"]) == ("false breakout", 52, None)
    assert only(found(BACK_INSIDE), "double_bottom")["fate"] == "confirmed"


def test_so_many_closes_beyond_the_level_confirm_a_break_and_a_retest_that_holds_does_sooner():
    assert only(found(DOUBLE_BOTTOM, filtered(2)), "double_bottom")["confirmed_row"] == 53
    assert only(found(DOUBLE_BOTTOM, filtered(8)), "double_bottom")["confirmed_row"] == 59
    # Row 54 comes back to 110.1, within a tenth of the range of 110, and closes above it.
    assert only(found(RETEST, filtered(8)), "double_bottom")["confirmed_row"] == 54


def test_a_shape_waits_for_its_break_and_expires_without_it():
    waiting = found(bent(DOUBLE_BOTTOM[:-1], 49, 105.0))
    assert only(waiting, "double_bottom")["fate"] == "waiting"
    late = [*DOUBLE_BOTTOM[:-1], (57, 108.0), (60, 120.0)]
    assert only(found(late), "double_bottom")["fate"] == "expired"
    undercut = [*DOUBLE_BOTTOM[:-1], (46, 105.0), (49, 99.0), (60, 120.0)]
    assert only(found(undercut).filter(pl.col("first_row") == 30), "double_bottom")["fate"] == "expired"


def test_a_shape_signals_from_the_candle_that_confirms_it_for_its_life():
    quiet = PatternParameters(
        lookback_period=60, min_pattern_size=6, use_volume_confirmation=False, timeframe_alignment=False, max_age_bars=12,
        momentum_confirmation=False, confidence_threshold=0.5, target_multiplier=3.0, stop_loss_multiplier=1.5,
        support_resistance_weight=0.0, trend_alignment_weight=0.0,
    )  # fmt: skip
    # With shadows of 0.4, or each candle were a marubozu. Row 73 comes back to the level of 112.4 and closes above it.
    candles = candles_of(drawn(HEADS), 0.4)
    signals = patterns_of(candles, quiet)
    shape = only(events(candles, quiet), "inverse_head_and_shoulders")
    at = np.flatnonzero(signals.kind == CHART_SHAPES.index("inverse_head_and_shoulders"))
    assert at[0] == shape["confirmed_row"] == 73
    assert signals.age[at].tolist() == [row - 72 for row in at]
    assert (signals.side[at] == 1).all()
    assert signals.stop_distance[at] == pytest.approx(1.5 * 16.8)
    assert signals.target_distance[at] == pytest.approx(3.0 * 16.8)
    # Alone, it is believed as its quality says, less what half a life takes in its twelve candles.
    assert signals.confidence[at] == pytest.approx([shape["quality"] * (1 - 0.5 * (row - 72) / 12) for row in at])


def test_straight_lines_have_no_shape_that_turns():
    for corners in ([(0, 100.0), (200, 200.0)], [(0, 100.0), (200, 100.0)]):
        table = found(corners)
        assert set(table["kind"]) & set(CHART_SHAPES) == set()


def test_noise_has_few_confirmed_shapes():
    candles = random_walk(20_000, seed=3)
    confirmed = events(candles, PatternParameters()).filter(pl.col("fate") == "confirmed")
    a_thousand = {kind: confirmed.filter(pl.col("kind") == kind).height / 20.0 for kind in CHART_SHAPES}
    assert all(a_thousand[kind] < 3.0 for kind in CHART_SHAPES if "head" in kind), a_thousand
    assert all(a_thousand[kind] < 12.0 for kind in CHART_SHAPES), a_thousand


def test_a_shape_is_not_found_again_with_a_later_last_point():
    # A second bottom at row 42, and at 54 one that is nearer in price to the first.
    thrice = [*DOUBLE_BOTTOM[:-1], (48, 109.5), (54, 100.1), (70, 116.1)]
    table = found(thrice, PatternParameters(lookback_period=60, min_pattern_size=6, max_pattern_size=30))
    assert table.filter(pl.col("kind") == "double_bottom")["point_rows"].to_list() == [[30, 36, 42]]
    # Nor a head and shoulders with a later right shoulder.
    twice = [*HEADS[:-1], (67, 110.0), (70, 104.0), (90, 124.0)]
    table = found(twice, PatternParameters(lookback_period=60, min_pattern_size=6, max_pattern_size=30))
    heads = table.filter(pl.col("kind") == "inverse_head_and_shoulders")["point_rows"].to_list()
    assert [35, 42, 49, 57, 64] in heads
    assert len({(rows[0], rows[2]) for rows in heads}) == len(heads)
