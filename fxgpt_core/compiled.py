"""numba's compiler for the loops of this library, with a cache on disk that knows all their sources.

By itself numba knows a cached function by its own file alone: one that uses a function or a constant of another file that has
changed since would go on with what it was (numba's developer manual, "Notes on Caching"). So the cache of this library lies in a
folder that is named by the contents of all its files.
"""

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

from fxgpt_core import content_hash

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """The function compiled when it is first called, and kept on disk; other threads run while it does."""
    return _kept(function)


def inlined(function: Function) -> Function:
    """`compiled`, and written out where another compiled function calls it."""
    return _kept(function, inline="always")


def uncounted(function: Function) -> Function:
    """`compiled` without counting references to arrays, and so unable to make one: numba refuses it then.

    For the many small functions of a loop that hand the same arrays on: counting costs more than their work.
    """
    return _kept(function, _nrt=False)


def _kept(function: Function, **options: Any) -> Function:
    settings: Any = numba.config
    before, settings.CACHE_DIR = settings.CACHE_DIR, str(cache_folder(Path(__file__).parent))
    try:
        # What numba gives back is called like the function.
        return cast(Function, numba.njit(cache=True, nogil=True, **options)(function))
    finally:
        settings.CACHE_DIR = before


@cache
def cache_folder(package: Path) -> Path:
    """Where the compiled functions of a package are kept: beside its sources, or in the user's cache where that is read-only."""
    sources = {str(path.relative_to(package)): content_hash.of_file(path) for path in package.rglob("*.py")}
    writable = package / "__pycache__" if os.access(package, os.W_OK) else Path.home() / ".cache" / "fxgpt"
    return writable / f"compiled-{content_hash.of_json(sources)[:16]}"
