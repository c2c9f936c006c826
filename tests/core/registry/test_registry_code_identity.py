"""The identity of the code says which commit ran and whether anything was changed since."""

import hashlib
import subprocess

import pytest

from fxgpt_core.errors import NotReadyError
from fxgpt_core.registry.code_identity import UNKNOWN, CodeIdentity, code_diff, code_identity


@pytest.fixture
def tree(tmp_path):
    def git(*arguments):
        command = ["git", "-c", "user.name=t", "-c", "user.email=t@t", *arguments]
        return subprocess.run(command, cwd=tmp_path, check=True, capture_output=True).stdout.decode().strip()

    (tmp_path / "code.py").write_text("x = 1\n")
    (tmp_path / "requirements.lock").write_text("numpy==2\n")
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "first")
    code_identity.cache_clear()
    yield tmp_path, git
    code_identity.cache_clear()


def fresh(root):
    code_identity.cache_clear()
    return code_identity(root)


def test_a_clean_tree_is_its_commit_and_its_lock(tree):
    root, git = tree
    lock = hashlib.sha256(b"numpy==2\n").hexdigest()
    assert code_identity(root) == CodeIdentity(git("rev-parse", "HEAD"), None, lock)


def test_each_kind_of_change_has_its_own_hash_and_undoing_it_is_clean_again(tree):
    root, git = tree
    (root / "code.py").write_text("x = 2\n")
    edited = fresh(root).dirty_sha256
    git("add", ".")
    assert fresh(root).dirty_sha256 == edited
    (root / "new.py").write_text("y = 1\n")
    added = fresh(root).dirty_sha256
    (root / "new.py").write_text("y = 2\n")
    added_otherwise = fresh(root).dirty_sha256
    assert len({None, edited, added, added_otherwise}) == 4
    (root / "new.py").unlink()
    (root / "code.py").write_text("x = 1\n")
    git("add", ".")
    assert fresh(root).dirty_sha256 is None


def test_notes_and_ignored_files_do_not_make_the_code_dirty(tree):
    root, _ = tree
    (root / ".git" / "info" / "exclude").write_text("ignored.py\n")
    (root / "ignored.py").write_text("x = 1\n")
    (root / "notes.txt").write_text("hello")
    assert fresh(root).dirty_sha256 is None


def test_the_diff_holds_what_was_changed_and_what_git_does_not_know_yet(tree):
    root, _ = tree
    assert code_diff(root) == b""
    (root / "code.py").write_text("changed = 1\n")
    (root / "new.py").write_text("new = 2\n")
    told = code_diff(root).decode()
    assert "+changed = 1" in told
    assert "--- /dev/null\n+++ b/new.py\n" in told
    assert "+new = 2" in told


def test_an_installed_package_has_no_diff(tmp_path):
    assert code_diff(tmp_path) == b""


def test_the_identity_is_taken_once_in_a_process(tree):
    root, _ = tree
    before = code_identity(root)
    (root / "code.py").write_text("x = 3\n")
    assert code_identity(root) is before


def test_an_installed_package_states_that_its_commit_is_unknown(tmp_path):
    assert fresh(tmp_path) == CodeIdentity(UNKNOWN, None, UNKNOWN)


def test_a_broken_repository_is_an_error_and_not_an_unknown_commit(tree):
    root, _ = tree
    (root / ".git" / "HEAD").write_text("ref: refs/heads/gone\n")
    with pytest.raises(NotReadyError, match="rev-parse HEAD"):
        fresh(root)
