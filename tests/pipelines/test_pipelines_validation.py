"""The expanding validation: folds that never see their test, all of them together, and horizons that contradict each other."""

from types import SimpleNamespace

import polars as pl
import pytest
from tiny_line import Line

from fxgpt_core.errors import BadInputError, RefusedError
from fxgpt_core.forecasts.horizons import longest_step
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.training.checkpoints import description_of
from fxgpt_pipelines import folding
from fxgpt_pipelines.assets.validation import N_FOLDS
from fxgpt_pipelines.folding import fold_name

QUICK = {"preset": "tiny", "every": 40, "n_paths": 8, "n_steps": 1}
SERIES = ("EURUSD", "1h")


@pytest.fixture(scope="module")
def folds(line: Line):
    """All folds and what they are together; what was shown by asset."""
    made = {fold_name(index): line.at.runner.materialize(fold_name(index), QUICK) for index in range(N_FOLDS)}
    made["horizon_validation"] = line.at.runner.materialize("horizon_validation")
    return SimpleNamespace(made=made, lake=line.at.lake, runner=line.at.runner)


def test_each_fold_is_trained_on_all_before_it_and_tested_a_longest_horizon_later(folds):
    known_at = folds.lake.latest("candles", *SERIES).frame()["open_time"].to_physical() + Timeframe.H1.us
    stop = None
    for index in range(N_FOLDS):
        fold = folds.lake.latest(fold_name(index), *SERIES)
        (train_start, train_stop), (test_start, test_stop) = fold.summary["train"], fold.summary["test"]
        between = known_at.filter((known_at >= train_stop) & (known_at < test_start))
        assert len(between) == longest_step(Timeframe.H1)
        assert train_start == known_at[0]
        assert stop is None or stop == known_at.filter(known_at < test_start)[-1] + 1
        assert description_of(fold.bytes())["symbol"] == "EURUSD"
        stop = test_stop
    assert stop == known_at[-1] + 1


def test_a_fold_knows_nothing_of_what_comes_after_its_training(folds):
    first = folds.lake.latest(fold_name(0), *SERIES)
    frame = folds.lake.latest("candles", *SERIES).frame()
    later = pl.col("open_time").to_physical() + Timeframe.H1.us >= first.summary["train"][1]
    prices = ("open", "high", "low", "close")
    changed = frame.with_columns(pl.when(later).then(pl.col(name) * 1.1).otherwise(pl.col(name)) for name in prices)
    settings = QUICK | {"n_folds": N_FOLDS, "seed": 7, "initial_share": 0.5, "start": "retrain"}
    models = [folding.folded(_making(candles), 0, settings, lambda _: None)[0] for candles in (frame, changed)]
    assert models[0] == models[1] == first.bytes()


def _making(candles: pl.DataFrame) -> SimpleNamespace:
    """What a fold reads and writes, from candles that are not stored."""
    from fxgpt_core.features.matrix import features

    table = features(candles, Timeframe.H1)
    stored = {
        "candles": SimpleNamespace(symbol="EURUSD", timeframe="1h", frame=lambda: candles),
        "features": SimpleNamespace(frame=lambda: table),
    }
    return SimpleNamespace(read=stored.__getitem__, write_bytes=lambda data, suffix, summary: (data, summary))


def test_together_they_weigh_by_outcomes_and_show_every_horizon(folds):
    together = folds.lake.latest("horizon_validation", *SERIES).json()
    scores = [score for index in range(N_FOLDS) for score in folds.lake.latest(fold_name(index), *SERIES).summary["scores"]]
    by_horizon = {row["horizon"]: row for row in together["horizons"]}
    assert set(by_horizon) == {score["horizon"] for score in scores} >= {"1h", "4h", "1d"}
    hour = [score for score in scores if score["horizon"] == "1h"]
    n = sum(score["n"] for score in hour)
    assert by_horizon["1h"]["n"] == n
    assert by_horizon["1h"]["crps"] == pytest.approx(sum(score["n"] * score["crps"] for score in hour) / n)
    assert by_horizon["1h"]["folds_better"] == sum(score["crps"] < score["crps_random_walk"] for score in hour)
    shown = folds.made["horizon_validation"].metadata
    assert shown["skill"].startswith("![CRPS skill on unseen folds]")
    assert [record.data["horizon"] for record in shown["horizons"].records] == list(by_horizon)


def test_a_fold_that_is_tuned_goes_on_from_the_one_before_and_says_so_in_its_lineage(folds):
    before = folds.lake.latest(fold_name(0), *SERIES)
    folds.runner.materialize(fold_name(1), QUICK | {"start": "fine_tune"})
    tuned = folds.lake.latest(fold_name(1), *SERIES)
    assert before.id in {edge.parent.id for edge in folds.lake.inputs(tuned.id)}
    assert description_of(tuned.bytes())["columns"] == description_of(before.bytes())["columns"]
    folds.runner.materialize(fold_name(1), QUICK)
    retrained = folds.lake.latest(fold_name(1), *SERIES)
    assert before.id not in {edge.parent.id for edge in folds.lake.inputs(retrained.id)}
    assert retrained.sha256 != tuned.sha256


def test_folds_made_otherwise_are_not_put_together(folds):
    made = [folds.lake.latest(fold_name(index), *SERIES) for index in range(2)]
    other = SimpleNamespace(settings={**made[1].settings, "preset": "base"}, summary=made[1].summary)
    with pytest.raises(RefusedError, match="the folds were made with preset of base, tiny; materialize all with the same"):
        folding.together([made[0], other])


def test_horizons_that_often_point_opposite_ways_are_flagged(folds):
    base = folds.lake.latest(fold_name(0), *SERIES)

    def with_share(share: float) -> SimpleNamespace:
        row = {"shorter": "1h", "longer": "1d", "n": 50, "share": share}
        return SimpleNamespace(settings=base.settings, summary={**base.summary, "contradictions": [row]})

    (often,) = folding.together([with_share(0.2), with_share(0.5)])["contradictions"]
    assert (often["n"], often["share"], often["flagged"]) == (100, pytest.approx(0.35), True)
    (seldom,) = folding.together([with_share(0.1), with_share(0.2)])["contradictions"]
    assert not seldom["flagged"]


def test_a_start_that_is_none_is_refused_with_the_known_ones(folds):
    settings = QUICK | {"n_folds": N_FOLDS, "seed": 7, "initial_share": 0.5, "start": "guess"}
    with pytest.raises(BadInputError, match="start 'guess' is unknown; known: retrain, fine_tune"):
        folding.folded(_making(folds.lake.latest("candles", *SERIES).frame()), 0, settings, lambda _: None)
