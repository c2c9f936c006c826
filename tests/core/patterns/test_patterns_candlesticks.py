"""Candlesticks: equal to TA-Lib where its rule is adopted, on real candles; each drawn by hand once."""

import numpy as np
import pytest
import talib
from pattern_examples import random_walk, sample

from fxgpt_core.patterns.candlesticks import CANDLES_OF, CANDLESTICK_REACH, FX_GAP_SLACK, candlesticks
from fxgpt_core.patterns.names import CANDLESTICKS

IN_TALIB = {
    "doji": "DOJI", "dragonfly_doji": "DRAGONFLYDOJI", "gravestone_doji": "GRAVESTONEDOJI", "hammer": "HAMMER",
    "hanging_man": "HANGINGMAN", "inverted_hammer": "INVERTEDHAMMER", "shooting_star": "SHOOTINGSTAR", "marubozu": "MARUBOZU",
    "engulfing": "ENGULFING", "harami": "HARAMI", "piercing_line": "PIERCING", "dark_cloud_cover": "DARKCLOUDCOVER",
    "morning_star": "MORNINGSTAR", "evening_star": "EVENINGSTAR", "three_white_soldiers": "3WHITESOLDIERS",
    "three_black_crows": "3BLACKCROWS", "three_inside": "3INSIDE", "three_outside": "3OUTSIDE",
}  # fmt: skip
GAPS = {"inverted_hammer", "shooting_star", "piercing_line", "dark_cloud_cover", "morning_star", "evening_star"}
# TA-Lib's sums run through the series: a value that lies on a limit can fall on the other side of it.
MOST_DIFFERENT = 2e-4
COLOURLESS = ("doji", "dragonfly_doji", "gravestone_doji", "hammer", "inverted_hammer", "harami")


def prices(candles):
    return candles.open, candles.high, candles.low, candles.close


@pytest.fixture(scope="module", params=["real", "random"])
def candles(request):
    return sample() if request.param == "real" else random_walk(20_000, seed=1)


@pytest.mark.parametrize("name", CANDLESTICKS)
def test_without_slack_every_rule_is_talibs(candles, name):
    mine = candlesticks(*prices(candles), 0.0)[:, CANDLESTICKS.index(name)].astype(int)
    theirs = np.sign(getattr(talib, f"CDL{IN_TALIB[name]}")(*prices(candles)))
    if name == "doji":
        # TA-Lib's has no side; ours is against the last ten candles, and is none where these did not move.
        moved = np.concatenate((np.zeros(10, dtype=bool), candles.close[10:] != candles.close[:-10]))
        mine, theirs = np.abs(mine), theirs * moved
    if name == "gravestone_doji":
        theirs = -theirs  # TA-Lib marks it 100 for being there
    assert np.mean(mine != theirs) <= MOST_DIFFERENT
    # Or nothing was compared. The sample has no dark cloud.
    assert np.count_nonzero(theirs) > 0 or (name == "dark_cloud_cover" and len(candles) == 5000)


@pytest.mark.parametrize("name", CANDLESTICKS)
def test_the_slack_adds_to_what_asks_for_a_gap_and_to_nothing_else(candles, name):
    column = CANDLESTICKS.index(name)
    strict, slack = (candlesticks(*prices(candles), one)[:, column] for one in (0.0, FX_GAP_SLACK))
    assert (slack[strict != 0] == strict[strict != 0]).all()
    assert (np.count_nonzero(slack) > np.count_nonzero(strict)) == (name in GAPS)


# After ten candles of body 4 and range 8 that rise and fall in turn: a body is long above 4, tiny and a very short shadow below
# 0.8, near is 1.6. Open, high, low, close; then the side.
DRAWN = {
    "doji": ([(100.0, 104.0, 96.0, 100.5)], -1),
    "dragonfly_doji": ([(104.0, 104.5, 96.0, 104.5)], 1),
    "gravestone_doji": ([(100.0, 108.0, 99.9, 100.0)], -1),
    "hammer": ([(99.0, 100.0, 90.0, 100.0)], 1),
    "hanging_man": ([(108.0, 109.0, 104.0, 109.0)], -1),
    "inverted_hammer": ([(99.0, 105.0, 99.0, 98.9)], 1),
    "shooting_star": ([(105.0, 110.0, 104.9, 104.9)], -1),
    "marubozu": ([(100.0, 110.0, 100.0, 110.0)], 1),
    "engulfing": ([(99.0, 106.0, 98.0, 105.0)], 1),
    "harami": ([(104.0, 104.0, 94.0, 94.0), (97.0, 100.0, 96.0, 99.0)], 1),
    "piercing_line": ([(104.0, 104.0, 93.5, 94.0), (93.0, 101.0, 93.0, 100.0)], 1),
    "dark_cloud_cover": ([(100.0, 110.2, 100.0, 110.0), (111.0, 111.0, 103.0, 104.0)], -1),
    "morning_star": ([(104.0, 104.0, 93.5, 94.0), (92.0, 94.0, 90.0, 93.0), (94.0, 101.0, 93.0, 100.0)], 1),
    "evening_star": ([(100.0, 110.2, 100.0, 110.0), (111.0, 114.0, 110.5, 112.0), (110.0, 111.0, 103.0, 104.0)], -1),
    "three_white_soldiers": ([(100.0, 105.2, 99.0, 105.0), (104.0, 109.2, 103.0, 109.0), (108.0, 113.2, 107.0, 113.0)], 1),
    "three_black_crows": ([(104.0, 105.0, 98.9, 99.0), (100.0, 101.0, 94.9, 95.0), (96.0, 97.0, 90.9, 91.0)], -1),
    "three_inside": ([(104.0, 104.0, 94.0, 94.0), (97.0, 100.0, 96.0, 99.0), (99.0, 106.0, 98.0, 105.0)], 1),
    "three_outside": ([(104.0, 104.5, 99.5, 100.0), (99.0, 106.0, 98.0, 105.0), (105.0, 108.0, 104.0, 107.0)], 1),
}


def ending(name: str) -> np.ndarray:
    """float64[N,4]: fourteen plain candles, then the drawn ones; the last plain one falls, unless crows need one that rises."""
    rising, falling = (100.0, 106.0, 98.0, 104.0), (104.0, 106.0, 98.0, 100.0)
    plain = [rising, falling] * 7
    if name == "doji":
        plain[4:6] = [(90.0, 96.0, 88.0, 94.0), (94.0, 96.0, 88.0, 90.0)]  # the price has risen over ten candles
    if name == "three_black_crows":
        plain.append(rising)
    return np.array([*plain, *DRAWN[name][0]])


@pytest.mark.parametrize("name", DRAWN)
def test_a_drawn_candlestick_is_marked_at_its_last_candle(name):
    candles, side = ending(name), DRAWN[name][1]
    marks = candlesticks(*candles.T, 0.0)
    assert marks[-1, CANDLESTICKS.index(name)] == side
    assert len(DRAWN[name][0]) >= CANDLES_OF[name] - 1


@pytest.mark.parametrize("name", [name for name in DRAWN if name not in COLOURLESS])
def test_a_drawn_candlestick_without_its_last_body_is_none(name):
    candles = ending(name)
    candles[-1, 3] = candles[-1, 0] - 0.5 * DRAWN[name][1]  # closes on the wrong side of its open
    candles[-1, 1], candles[-1, 2] = candles[-1].max() + 3.0, candles[-1].min() - 3.0
    assert candlesticks(*candles.T, 0.0)[-1, CANDLESTICKS.index(name)] == 0


def test_a_row_depends_on_the_candles_of_its_reach_and_no_others():
    candles = sample(2000)
    whole = candlesticks(*prices(candles), FX_GAP_SLACK)
    for row in range(CANDLESTICK_REACH, 2000, 61):
        part = candlesticks(*prices(candles.slice(row - CANDLESTICK_REACH, row + 1)), FX_GAP_SLACK)
        assert (part[-1] == whole[row]).all()


def test_too_few_candles_have_no_candlestick():
    assert not candlesticks(*prices(sample(CANDLESTICK_REACH)), FX_GAP_SLACK).any()
