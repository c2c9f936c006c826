"""The tests of luck on the page of robustness: every number beside its limit, and pictures where something could be judged."""

from types import SimpleNamespace

import numpy as np
import pytest

from fxgpt_core.optimization.judged_luck import JudgedLuck
from fxgpt_core.optimization.luck_of_search import LuckOfSearch, TrialsEver
from fxgpt_core.optimization.other_histories import OtherHistories
from fxgpt_core.performance.luck import LuckParameters, luck, unjudged
from fxgpt_core.performance.trials import Trials
from fxgpt_core.registry.gate_evidence import LUCK_TESTS
from fxgpt_pipelines.luck_shown import metadata

OTHERS = tuple(
    OtherHistories(name, 1.5, 110.0, np.linspace(-2.0, 2.0, 50), np.linspace(90.0, 111.0, 50), np.linspace(0.1, 0.2, 50))
    for name in ("other_times", "other_candles")
)


def judged(missing=""):
    tried = np.random.default_rng(1).normal(0.0002, 0.005, (64, 5))
    returns = tried[:, 0] + 0.002
    found = luck(returns, Trials(5, 1 / 64, 64), tried, LuckParameters(resamples=50), np.random.default_rng(1))
    searched = SimpleNamespace(returns=tried)
    search = LuckOfSearch(unjudged(64) if missing else found, TrialsEver(240, 0.04), searched, returns, LuckParameters(), missing)
    return JudgedLuck(search, histories=OTHERS)


def rows(value):
    return [dict(record.data) for record in value.records]


@pytest.fixture(scope="module")
def shown():
    return metadata(judged())


def test_every_test_is_a_row_with_its_number_limit_and_question(shown):
    told = {row["test"]: row for row in rows(shown["luck"])}
    assert list(told) == [*LUCK_TESTS, "other_times", "other_candles"]
    for test in judged().tests:
        row = told[test.name]
        assert (row["passed"], row["value"]) == ("yes" if test.passed else "NO", f"{test.value:.4g}")
        assert (row["must be"], row["asks"]) == (f"{test.comparison} {test.limit:.4g}", test.asks)


def test_what_the_numbers_rest_on_is_told(shown):
    told = {row["name"]: row["value"] for row in rows(shown["luck_rests_on"])}
    assert (told["trials ever made"], told["parameter sets of this search"], told["days it saw"]) == ("240", "5", "64")
    assert told["dispersion of all trials' Sharpe ratios"] == "0.2"


def test_there_is_a_picture_of_the_choices_and_one_of_other_histories(shown):
    share = judged().search.luck.pbo
    assert f"{share:.0%} of the choices made on half of the days" in shown["overfitting"].value
    assert all("data:image/png" in shown[name].value for name in ("overfitting", "other_histories"))


def test_what_could_not_be_judged_is_told_so_and_has_no_picture():
    shown = metadata(judged("11 days found; search more folds"))
    assert {row["value"] for row in rows(shown["luck"])[:5]} == {"not judged"}
    assert {row["passed"] for row in rows(shown["luck"])[:5]} == {"NO"}
    assert {row["name"]: row["value"] for row in rows(shown["luck_rests_on"])}["not judged"] == "11 days found; search more folds"
    assert "overfitting" not in shown


def test_without_other_histories_there_is_no_picture_of_them():
    assert "other_histories" not in metadata(JudgedLuck(judged().search))
