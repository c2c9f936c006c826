"""Compiled functions and their cache: a change in one file reaches what was compiled from others."""

import os
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest

import fxgpt_core
from fxgpt_core.compiled import cache_folder, compiled, inlined, uncounted

SOURCES = Path(fxgpt_core.__file__).parent
INNER = "{imported}\nfrom {package}.added import ADDED\n\n@{mark}\ndef inner(x):\n    return x + ADDED\n"
OUTER = "{imported}\nfrom {package}.inner import inner\n\n@{mark}\ndef outer(x):\n    return 10 * inner(x)\n"


def written(folder: Path, imported: str, mark: str, added: int) -> None:
    """A package of three files: a number, a compiled function that adds it, and another that calls this one."""
    folder.mkdir(exist_ok=True)
    (folder / "added.py").write_text(f"ADDED = {added}\n")
    if not (folder / "outer.py").exists():
        (folder / "__init__.py").touch()
        for name, source in (("inner", INNER), ("outer", OUTER)):
            (folder / f"{name}.py").write_text(source.format(imported=imported, package=folder.name, mark=mark))


def said(folder: Path) -> int:
    """What a fresh process gets from the outer function of 1."""
    code = f"from {folder.name}.outer import outer; print(outer(1))"
    environment = {**os.environ, "PYTHONPATH": str(folder.parent)}
    command = [sys.executable, "-c", code]
    return int(subprocess.run(command, cwd=folder.parent, env=environment, capture_output=True, text=True, check=True).stdout)


def test_a_change_in_another_file_is_noticed_where_numba_alone_goes_on_with_what_it_was(tmp_path: Path) -> None:
    ours, plain = tmp_path / "fxgpt_core", tmp_path / "plain"
    ours.mkdir()
    for name in ("compiled.py", "content_hash.py"):
        (ours / name).write_bytes((SOURCES / name).read_bytes())
    imports = {
        ours: ("from fxgpt_core.compiled import compiled", "compiled"),
        plain: ("from numba import njit", "njit(cache=True)"),
    }
    found = {}
    for added in (1, 2):
        for folder, (imported, mark) in imports.items():
            written(folder, imported, mark, added)
            found[folder.name, added] = said(folder)
    assert (found["fxgpt_core", 1], found["fxgpt_core", 2]) == (20, 30)
    # If this fails, numba has learnt to follow calls, and fxgpt_core.compiled is no longer needed.
    assert (found["plain", 1], found["plain", 2]) == (20, 20)


def test_the_folder_is_named_by_the_contents_of_every_source(tmp_path: Path) -> None:
    names = []
    for number, source in enumerate(("x = 1", "x = 2", "x = 1")):
        package = tmp_path / str(number)
        (package / "room").mkdir(parents=True)
        (package / "room" / "constants.py").write_text(source)
        names.append(cache_folder(package).name)
    assert names[0] == names[2] != names[1]


def test_a_read_only_package_is_kept_in_the_user_s_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder(tmp_path).parent == tmp_path / "home" / ".cache" / "fxgpt"


def test_every_compiled_function_of_the_library_is_kept_this_way() -> None:
    strangers = [
        path.name for path in SOURCES.rglob("*.py") if path.name != "compiled.py" and "njit" in path.read_text(encoding="utf-8")
    ]
    assert strangers == []


def test_decorated_functions_are_numba_s_and_its_settings_are_as_before() -> None:
    before = numba.config.CACHE_DIR  # type: ignore[attr-defined]
    added, doubled = compiled(lambda x: x + 1), inlined(lambda x: 2 * x)
    assert (added(2), doubled(2)) == (3, 4)
    assert added.py_func(2) == 3
    assert before == numba.config.CACHE_DIR  # type: ignore[attr-defined]


def test_an_uncounted_function_works_on_given_arrays_holds_none_and_cannot_make_one() -> None:
    def first_doubled(values):
        values[0] *= 2.0
        return values[0]

    function, given = uncounted(first_doubled), np.ones(3)
    before = sys.getrefcount(given)
    assert [function(given) for _ in range(3)] == [2.0, 4.0, 8.0]
    assert sys.getrefcount(given) == before
    with pytest.raises(numba.core.errors.TypingError, match="zeros"):
        uncounted(lambda n: np.zeros(n))(3)
