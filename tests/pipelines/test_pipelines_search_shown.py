"""A search on the page of its asset: tables and pictures of what there is, and nothing of what there is not."""

import base64

import pytest
from optimization_examples import by_hand, empty, importances, large

from fxgpt_pipelines.pictures import MAX_BYTES
from fxgpt_pipelines.search_shown import metadata

PICTURES = ("history", "pareto", "hypervolume", "importance")
HEAD = "data:image/png;base64,"


@pytest.fixture(scope="module")
def shown():
    return metadata(by_hand())


def rows(value):
    return [dict(record.data) for record in value.records]


def test_every_search_is_a_row(shown):
    found = {row["search"]: row for row in rows(shown["searches"])}
    assert list(found) == ["fold 0", "final"]
    assert (found["final"]["chosen trial"], found["final"]["ended"]) == ("11", "its budget was spent")


def test_pictures_are_small_enough_for_an_event_even_of_ten_thousand_trials():
    shown = metadata(large())
    for name in PICTURES:
        _, _, data = shown[name].value.partition(HEAD)
        png = base64.b64decode(data.removesuffix(")"))
        assert png.startswith(b"\x89PNG")
        assert len(png) <= MAX_BYTES


def test_regimes_are_a_table(shown):
    assert [row["traded with"] for row in rows(shown["regimes"])] == ["its own", "the global set"]


def test_another_run_has_other_pictures(shown):
    other = metadata(by_hand(importances=importances(5)))
    assert other["importance"].value != shown["importance"].value
    assert other["pareto"].value == shown["pareto"].value


def test_what_there_is_nothing_of_is_left_out():
    assert set(metadata(empty())) == {"searches"}
    without = metadata(by_hand(importances={}, regimes=()))
    assert set(without) == {"searches", "history", "pareto", "hypervolume"}
