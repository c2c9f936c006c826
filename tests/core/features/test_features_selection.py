"""The choice of features: planted columns that inform, repeat, stand still or were lucky once, and no look at later rows."""

import math
import time
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from forecast_examples import H1, real_candles, real_features
from sklearn.metrics import mutual_info_score

from fxgpt_core.candles.arrays import candle_arrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.features.labels import labels
from fxgpt_core.features.matrix import FEATURES, features
from fxgpt_core.features.selection import Finding, Selection, SelectionParameters, select_features
from fxgpt_core.forecasts.volatility import fit_volatility

N = 3000
NOISE = tuple(f"noise_{i}" for i in range(12))
BEST_TWO = SelectionParameters(n_features=2)


def stamps(n: int) -> pl.Series:
    return pl.Series("open_time", np.arange(n) * 3_600_000_000).cast(pl.Datetime("us", "UTC"))


def slow(rng: np.random.Generator, n: int, memory: float = 0.98) -> np.ndarray:
    """A series that remembers."""
    shocks = rng.normal(size=n)
    for t in range(1, n):
        shocks[t] += memory * shocks[t - 1]
    return shocks


@cache
def planted() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Features and labels: `sign` tells where the price goes, `size` whether it goes, `lucky` both in the first fifth only."""
    rng = np.random.default_rng(0)
    sign, size = rng.normal(size=N), rng.normal(size=N)
    moved = (0.5 * sign + rng.normal(size=N)) * np.exp(0.5 * size)
    direction = np.sign(moved) * (np.abs(moved) > 0.5)
    columns = {
        "sign": sign,
        "sign_again": np.exp(sign),
        "size": size,
        "lucky": np.where(np.arange(N) < N // 5, moved, rng.normal(size=N)),
        "still": np.full(N, 0.25),
        **{name: slow(rng, N) if i % 2 else rng.normal(size=N) for i, name in enumerate(NOISE)},
    }
    return pl.DataFrame({"open_time": stamps(N), **columns}), labelled(direction)


def labelled(direction: np.ndarray) -> pl.DataFrame:
    return pl.DataFrame({"open_time": stamps(len(direction)), "label_direction_1": direction}).with_columns(
        pl.col("label_direction_1").cast(pl.Int8)
    )


CANDIDATES = ("sign", "sign_again", "size", "lucky", "still", *NOISE)


def chosen(parameters: SelectionParameters = BEST_TWO, seed: int = 1) -> Selection:
    return select_features(*planted(), CANDIDATES, parameters, seed=seed)


def about(name: str, selection: Selection) -> Finding:
    return next(found for found in selection.findings if found.feature == name)


def test_what_informs_is_kept_and_what_repeats_stands_still_or_was_lucky_once_is_not() -> None:
    selection = chosen()
    assert selection.names == ("sign", "size")
    assert selection.n_rows == N
    assert about("sign_again", selection).why == "repeats sign (rank correlation 1.000)"
    assert about("still", selection) == Finding("still", "does not vary")
    assert about("lucky", selection).why == "tells less than the best 2"
    assert about("sign", selection).informative_blocks == about("size", selection).informative_blocks == 5
    assert about("lucky", selection).informative_blocks <= 2
    assert about("sign", selection).rank < about("size", selection).rank + 2 < about("lucky", selection).rank


def test_lucky_once_tells_more_than_any_other_by_its_mean_and_still_comes_behind() -> None:
    selection = chosen()
    means = {name: float(np.mean(about(name, selection).information)) for name in ("sign", "size", "lucky")}
    assert means["lucky"] == max(means.values())


def test_names_are_in_the_order_of_the_candidates_and_every_candidate_has_a_finding() -> None:
    backwards = select_features(*planted(), CANDIDATES[::-1], BEST_TWO, seed=1)
    assert backwards.names == ("size", "sign_again")
    assert [found.feature for found in backwards.findings] == list(CANDIDATES[::-1])
    assert {found.feature for found in backwards.findings if not found.why} == set(backwards.names)


def test_slow_noise_looks_no_more_informative_than_chance_allows_even_with_overlapping_outcomes() -> None:
    rng = np.random.default_rng(3)
    move = np.convolve(rng.normal(size=N + 23), np.ones(24), "valid")
    names = [f"walk_{i}" for i in range(30)]
    table = pl.DataFrame({"open_time": stamps(N), **{name: slow(rng, N, 0.99) for name in names}})
    direction = labelled(np.sign(move) * (np.abs(move) > 2.5))
    found = select_features(table, direction, names, SelectionParameters(largest_correlation=1.0), seed=0).findings
    # 150 blocks of noise, of which one in 51 may be above all that chance gave.
    assert sum(each.informative_blocks for each in found) <= 9
    assert abs(np.mean([each.information for each in found])) < 0.005


def test_information_is_that_of_an_independent_formula() -> None:
    rng = np.random.default_rng(5)
    direction = rng.permutation(np.repeat([-1, 0, 1], N // 3))
    table = pl.DataFrame({"open_time": stamps(N), "all": direction + 0.1 * rng.random(N), "part": direction + rng.normal(size=N)})
    parameters = SelectionParameters(n_blocks=1, n_bins=3, n_shifts=200)
    found = select_features(table, labelled(direction), ("all", "part"), parameters, seed=0).findings
    by_chance = (3 - 1) * (3 - 1) / (2 * N)
    for each in found:
        values = table[each.feature].to_numpy()
        bins = np.digitize(values, np.quantile(values, [1 / 3, 2 / 3]))
        assert each.information[0] == pytest.approx(mutual_info_score(direction, bins) - by_chance, abs=3e-4)
    assert found[0].information[0] == pytest.approx(math.log(3), abs=0.01)


def test_the_same_seed_gives_the_same_selection_and_another_seed_other_chance() -> None:
    assert chosen() == chosen()
    assert chosen(seed=2).findings != chosen().findings
    assert chosen(seed=2).names == chosen().names


@pytest.mark.parametrize(
    "change", [{"n_features": 3}, {"largest_correlation": 1.0}, {"n_blocks": 4}, {"n_bins": 3}, {"n_shifts": 9}]
)
def test_every_parameter_moves_the_findings(change: dict[str, float]) -> None:
    assert chosen(replace(BEST_TWO, **change)).findings != chosen().findings


@cache
def real_selection(stop: int = 1500, changed_after: int | None = None, price: float = 1.0) -> Selection:
    """The selection of the real candles before `stop`, when closes from `changed_after` on are others."""
    candles, table = real_candles(), real_features()
    names = [name for name in table.columns if name not in ("open_time", "known_at")]
    if changed_after is not None:
        close = np.where(np.arange(len(candles)) >= changed_after, candles.close * price, candles.close)
        candles = replace(candles, close=close)
        later = pl.int_range(pl.len()) >= changed_after
        table = table.with_columns(pl.when(later).then(pl.col(name) * 3.0).otherwise(pl.col(name)) for name in names)
    span = candles.slice(0, stop)
    known = labels(span, fit_volatility(span))
    return select_features(table.head(stop), known, names, SelectionParameters(n_features=10), seed=4)


def test_a_selection_does_not_change_when_later_rows_do() -> None:
    assert len(real_selection().names) == 10
    assert real_selection(1500, 1500, 1.5) == real_selection()
    assert real_selection(1500, 1400, 1.5) != real_selection()


def test_real_columns_that_are_kept_do_not_repeat_each_other() -> None:
    kept = real_features().head(1500).select(real_selection().names).drop_nulls()
    ranks = kept.select(pl.all().rank()).to_numpy()
    between = np.abs(np.corrcoef(ranks, rowvar=False)) - np.eye(len(real_selection().names))
    assert between.max() < 0.96


def test_rows_still_warming_up_do_not_count_and_a_column_that_begins_late_is_left_out() -> None:
    features, known = planted()
    row = pl.int_range(pl.len())
    blanked = features.with_columns(pl.when(row >= 200).then(pl.col(name)).alias(name) for name in CANDIDATES)
    late = blanked.with_columns(pl.when(row >= 1600).then(pl.col("size")).alias("size"))
    selection = select_features(late, known, CANDIDATES, BEST_TWO, seed=1)
    assert selection.n_rows == N - 200
    assert about("size", selection) == Finding("size", "known in 50% of the rows only")
    assert "sign" in selection.names


def test_rows_whose_direction_is_not_known_yet_do_not_count() -> None:
    features, known = planted()
    unknown = known.with_columns(pl.when(pl.int_range(pl.len()) < N - 24).then(pl.col("label_direction_1")))
    assert select_features(features, unknown, CANDIDATES, BEST_TWO, seed=1).n_rows == N - 24


def test_too_few_rows_are_refused() -> None:
    features, known = planted()
    with pytest.raises(BadInputError, match="249 of 249 rows have all features and labels; a choice of features needs 250"):
        select_features(features.head(249), known.head(249), CANDIDATES, BEST_TWO, seed=1)
    assert select_features(features.head(250), known.head(250), CANDIDATES, BEST_TWO, seed=1).n_rows == 250


def test_columns_that_are_not_there_or_stand_still_and_other_candles_are_refused() -> None:
    features, known = planted()
    with pytest.raises(BadInputError, match="the features lack nobody; 2 columns"):
        select_features(features, known, ("sign", "nobody"), BEST_TWO, seed=1)
    with pytest.raises(BadInputError, match="the features lack every column"):
        select_features(features, known, (), BEST_TWO, seed=1)
    with pytest.raises(BadInputError, match="none of the 1 columns varies over 3000 rows"):
        select_features(features, known, ("still",), BEST_TWO, seed=1)
    with pytest.raises(BadInputError, match="2999 rows of features and 3000 of labels are not of the same candles"):
        select_features(features.head(N - 1), known, CANDIDATES, BEST_TWO, seed=1)


@pytest.mark.parametrize(
    "change", [{"n_features": 0}, {"n_blocks": 0}, {"n_shifts": 0}, {"n_bins": 1}, {"largest_correlation": 0.0}]
)
def test_impossible_parameters_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(BadInputError, match="at least 1, bins at least 2"):
        SelectionParameters(**change)  # type: ignore[arg-type]


def test_sixty_columns_of_six_thousand_candles_take_seconds() -> None:
    rng = np.random.default_rng(0)
    names = [f"column_{i}" for i in range(60)]
    table = pl.DataFrame({"open_time": stamps(6000), **{name: rng.normal(size=6000) for name in names}})
    known = labelled(rng.integers(-1, 2, 6000))
    began = time.process_time()
    assert len(select_features(table, known, names, SelectionParameters(), seed=0).names) == 40
    assert time.process_time() - began < 15.0


@pytest.mark.shared_data
@pytest.mark.parametrize("symbol", ["EURUSD", "USDJPY"])
def test_six_years_of_hours_take_seconds_and_say_that_the_clock_tells_most(shared_data: Path, symbol: str) -> None:
    frame = pl.read_parquet(shared_data / "fx" / "oanda_h1" / f"{symbol}_h1.parquet").rename({"ts": "open_time"})
    frame = frame.with_columns(pl.col("volume").cast(pl.Float64))
    candles, table = candle_arrays(frame, H1), features(frame, H1)
    known = labels(candles, fit_volatility(candles))
    began = time.process_time()
    selection = select_features(table, known, FEATURES, SelectionParameters(), seed=0)
    assert time.process_time() - began < 60.0
    assert 35 <= len(selection.names) <= 40
    found = {each.feature: each for each in selection.findings}
    assert min(found["hour_cos"].informative_blocks, found["to_roll"].informative_blocks) >= 3
    assert found["garman_klass_20"].why.startswith("repeats parkinson_20") or found["parkinson_20"].why
