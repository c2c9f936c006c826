"""Imported context on disk: what was put comes back, versions stay, and changed bytes are noticed."""

import json
from datetime import date

import pytest
from context_examples import series_of, utc

from fxgpt_core import atomic_file
from fxgpt_core.context.series import context_sha256
from fxgpt_core.context.store import ContextStore
from fxgpt_core.errors import BadInputError, CorruptArtifactError, MissingError, NotReadyError

FIRST = series_of((utc(2024, 1, 2), date(2024, 1, 1), 1.0), name="vix")
SECOND = series_of((utc(2024, 1, 2), date(2024, 1, 1), 1.0), (utc(2024, 1, 3), date(2024, 1, 2), None), name="vix")


@pytest.fixture
def store(tmp_path) -> ContextStore:
    return ContextStore(tmp_path / "context")


def test_what_is_put_is_what_is_read(store):
    stored = store.put(SECOND, "a file")
    assert (stored.kind, stored.rows, stored.first, stored.last, stored.source) == (
        "vix",
        2,
        utc(2024, 1, 2),
        utc(2024, 1, 3),
        "a file",
    )
    assert stored.sha256 == context_sha256(SECOND.frame)
    assert store.latest("vix") == stored
    assert store.read(stored).frame.equals(SECOND.frame)


def test_the_latest_counts_and_earlier_versions_stay(store):
    first, second = store.put(FIRST, "one"), store.put(SECOND, "two")
    assert store.latest("vix") == second
    assert {card.sha256 for card in store.list()} == {first.sha256, second.sha256}
    assert store.read(first).frame.equals(FIRST.frame)
    assert store.put(FIRST, "one") == first == store.latest("vix")
    assert len(store.list()) == 2


def test_kinds_are_those_that_were_imported(store):
    assert store.kinds() == () == store.list()
    store.put(series_of((utc(2024, 1, 2), date(2024, 1, 1), 1.0), name="news"), "x")
    store.put(FIRST, "x")
    assert store.kinds() == ("vix", "news")


def test_what_is_not_there_is_missing_and_what_is_no_kind_is_refused(store):
    with pytest.raises(MissingError, match="no context of kind spx is stored"):
        store.latest("spx")
    for call in (lambda: store.latest("../etc"), lambda: store.put(series_of((utc(2024, 1, 2), date(2024, 1, 1), 1.0)), "x")):
        with pytest.raises(BadInputError, match="is unknown; known: vix, spx"):
            call()


def test_changed_bytes_cards_and_files_that_are_gone_are_noticed(store):
    stored = store.put(FIRST, "x")
    SECOND.frame.write_parquet(stored.path)
    with pytest.raises(CorruptArtifactError, match=f"recorded is {stored.sha256}"):
        store.read(stored)
    stored.path.write_bytes(b"no parquet")
    with pytest.raises(CorruptArtifactError, match="cannot be read"):
        store.read(stored)
    stored.path.with_suffix(".json").write_text(json.dumps({"kind": "vix"}))
    with pytest.raises(CorruptArtifactError, match="does not describe stored context"):
        store.latest("vix")


def test_a_crash_at_any_file_leaves_the_earlier_version(store, monkeypatch):
    before = store.put(FIRST, "one")
    for n_written in range(3):
        files = iter(range(n_written))

        def crash(path, data, files=files):
            if next(files, None) is None:
                raise OSError(28, "No space left on device")
            atomic_file.write_atomically(path, data)

        monkeypatch.setattr("fxgpt_core.version_files.write_atomically", crash)
        with pytest.raises(NotReadyError, match="No space left on device"):
            store.put(SECOND, "two")
        assert store.latest("vix") == before
        assert store.read(before).frame.equals(FIRST.frame)
    monkeypatch.undo()
    store.put(SECOND, "two")
    assert store.latest("vix").rows == 2
