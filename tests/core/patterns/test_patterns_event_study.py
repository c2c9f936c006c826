"""The event study: numbers by hand, an edge that was planted is found, and noise is not, at the rate it says."""

import numpy as np
import polars as pl
import pytest
from pattern_examples import candles_of, random_walk
from statsmodels.stats.multitest import multipletests

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.timeframes import HOUR_US
from fxgpt_core.patterns.event_study import StudyParameters, event_study
from fxgpt_core.patterns.events import events
from fxgpt_core.patterns.parameters import PatternParameters
from fxgpt_core.validation.folds import Window

QUICK = StudyParameters(draws=500)


def everything(candles: CandleArrays) -> Window:
    return Window(int(candles.known_at_us[0]), int(candles.known_at_us[-1]) + 1)


def table(kinds, sides, rows) -> pl.DataFrame:
    return pl.DataFrame(
        {"kind": kinds, "side": pl.Series(sides, dtype=pl.Int8), "confirmed_row": pl.Series(rows, dtype=pl.Int64)}
    )


def planted(n: int, edge: float, seed: int) -> tuple[CandleArrays, pl.DataFrame]:
    """A random walk, and 150 "hammers" whose way the price drifts for four candles, by `edge` deviations each."""
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.choice(np.arange(200, n - 10, 10), 150, replace=False))
    sides = rng.choice([-1, 1], len(rows))
    moves = 0.001 * rng.standard_normal(n)
    for row, side in zip(rows, sides, strict=True):
        moves[row + 1 : row + 5] += 0.001 * edge * side
    return candles_of(np.exp(np.cumsum(moves))), table(["hammer"] * len(rows), sides, rows)


def test_a_planted_drift_is_found_and_where_it_is():
    candles, hammers = planted(6000, 0.5, seed=0)
    found = event_study(candles, hammers, everything(candles), QUICK, 0)
    four = found.row(by_predicate=pl.col("horizon") == 4, named=True)
    assert four["patterns"] == 150
    # Four half deviations over a random walk of four: 4 · 0.5 / √4 = 1, but for the deviation's own 1/√150.
    assert four["mean"] == pytest.approx(1.0, abs=0.25)
    assert four["p_holm"] < 0.01
    assert abs(four["random"]) < 0.1
    against = hammers.with_columns(-pl.col("side"))
    assert event_study(candles, against, everything(candles), QUICK, 0)["p_value"].min() > 0.9


def test_noise_is_found_at_the_rate_of_the_level():
    p_values, found_by_holm = [], 0
    for seed in range(6):
        candles = random_walk(6000, seed)
        study = event_study(candles, events(candles, PatternParameters()), everything(candles), QUICK, seed)
        p_values += study["p_value"].to_list()
        found_by_holm += int(study["p_holm"].min() < 0.05)
    share = np.mean(np.array(p_values) < 0.05)
    assert len(p_values) > 200
    assert 0.02 < share < 0.09
    assert abs(np.mean(p_values) - 0.5) < 0.05
    assert found_by_holm <= 1


def test_the_numbers_are_those_of_the_formula():
    candles = random_walk(400, seed=5)
    rows = [150, 160, 163, 170, 380, 397]
    study = event_study(
        candles, table(["doji"] * 6, [1, -1, 1, 1, -1, 1], rows), everything(candles), StudyParameters((4,), 50, 1), 0
    )
    logs = np.log(candles.close)

    def of(row: int, side: int) -> float:
        deviation = np.sqrt(np.mean(np.diff(logs[row - 100 : row + 1]) ** 2))
        return side * (logs[row + 4] - logs[row]) / (deviation * 2.0)

    # 163 lies within the four candles of 160, and 397 has no candle four behind it.
    expected = [of(150, 1), of(160, -1), of(170, 1), of(380, -1)]
    assert study.row(0, named=True)["patterns"] == 4
    assert study.row(0, named=True)["mean"] == pytest.approx(np.mean(expected))


def test_random_entries_are_of_the_same_hours():
    # At eight o'clock the price rises by one deviation, at all other hours it does nothing but noise a thousand times smaller.
    n = 960  # eight weeks of winter: New York's clock does not change
    hour = np.arange(n) % 24
    candles = candles_of(np.exp(np.cumsum(np.where(hour == 8, 1e-3, 1e-6 * np.random.default_rng(0).standard_normal(n)))))
    rows = np.flatnonzero(hour == 7)[5:38]
    study = event_study(
        candles, table(["doji"] * len(rows), [1] * len(rows), rows), everything(candles), StudyParameters((1,), 200, 1), 0
    ).row(0, named=True)
    assert study["mean"] == pytest.approx(study["random"], rel=0.01)
    assert abs(study["difference"]) < 0.05


def test_what_ends_outside_of_the_window_or_lies_across_a_hole_does_not_count():
    candles = random_walk(1000, seed=2)
    every = table(["doji"] * 80, [1] * 80, np.arange(150, 950, 10))
    half = Window(int(candles.known_at_us[0]), int(candles.known_at_us[499]) + 1)
    assert event_study(candles, every, half, StudyParameters((4,), 50, 1), 0)["patterns"].to_list() == [35]
    # The row 490 is the last one whose return ends inside; what happens later changes nothing.
    late = CandleArrays(
        candles.open_time_us, candles.open, candles.high, candles.low,
        np.concatenate((candles.close[:500], candles.close[500:] * 1.5)), candles.volume, candles.timeframe,
    )  # fmt: skip
    one, two = (event_study(each, every, half, StudyParameters((4,), 50, 1), 0) for each in (candles, late))
    assert one.equals(two)
    apart = CandleArrays(
        np.concatenate((candles.open_time_us[:600], candles.open_time_us[600:] + 20 * 7 * 24 * HOUR_US)),
        candles.open, candles.high, candles.low, candles.close, candles.volume, candles.timeframe,
    )  # fmt: skip
    # Of 150 to 590 all 45, and of 700 on, whose volatility is known again, 25.
    assert event_study(apart, every, everything(apart), StudyParameters((10,), 50, 1), 0)["patterns"].to_list() == [45 + 24]


def test_the_corrections_are_those_of_statsmodels_and_a_seed_repeats_them():
    candles = random_walk(4000, seed=9)
    found = events(candles, PatternParameters())
    one, two = (event_study(candles, found, everything(candles), QUICK, 3) for _ in range(2))
    assert one.equals(two)
    assert not one.equals(event_study(candles, found, everything(candles), QUICK, 4))
    for column, method in (("p_holm", "holm"), ("p_bh", "fdr_bh")):
        assert one[column].to_numpy() == pytest.approx(multipletests(one["p_value"].to_numpy(), method=method)[1])


def test_kinds_with_too_few_patterns_are_left_out_and_nothing_at_all_is_an_empty_table():
    candles = random_walk(1000, seed=2)
    rare = table(["doji"] * 3, [1, 1, 1], [200, 300, 400])
    study = event_study(candles, rare, everything(candles), QUICK, 0)
    assert study.is_empty()
    assert {"kind", "horizon", "patterns", "difference", "p_value", "p_holm", "p_bh"} <= set(study.columns)


def test_what_cannot_be_studied_is_refused():
    for wrong in ({"horizons": ()}, {"horizons": (0,)}, {"draws": 0}, {"least_patterns": 0}):
        with pytest.raises(BadInputError, match="whole numbers of at least 1"):
            StudyParameters(**wrong)
