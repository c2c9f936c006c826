"""numba's compiler for the loops of this library, with a cache on disk that knows all their sources.

By itself numba knows a cached function by its own file alone: one that uses a function or a constant of another file that has
changed since would go on with what it was (numba's developer manual, "Notes on Caching"). So the cache of this library lies in a
folder that is named by the contents of all its files.
"""

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import numba

from fxgpt_core import content_hash

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """The function compiled when it is first called, and kept on disk; other threads run while it does."""
    return _kept(function, "never")


def inlined(function: Function) -> Function:
    """`compiled`, and written out where another compiled function calls it."""
    return _kept(function, "always")


def borrowing(function: Function) -> Function:
    """`compiled`, for a function that makes no arrays: it uses those it is given without counting who else does.

    Where arrays travel in tuples numba counts them, all of them and by atomic operations, wherever the tuple is handed on. The
    caller keeps them alive meanwhile; a function that makes an array is refused when it is compiled.
    """
    return _kept(function, "never", _nrt=False)


def _kept(function: Function, inline: Literal["never", "always"], **options: Any) -> Function:
    settings: Any = numba.config
    before, settings.CACHE_DIR = settings.CACHE_DIR, str(cache_folder(Path(__file__).parent))
    try:
        # What numba gives back is called like the function.
        return cast(Function, numba.njit(cache=True, nogil=True, inline=inline, **options)(function))
    finally:
        settings.CACHE_DIR = before


@cache
def cache_folder(package: Path) -> Path:
    """Where the compiled functions of a package are kept: beside its sources, or in the user's cache where that is read-only."""
    sources = {str(path.relative_to(package)): content_hash.of_file(path) for path in package.rglob("*.py")}
    writable = package / "__pycache__" if os.access(package, os.W_OK) else Path.home() / ".cache" / "fxgpt"
    return writable / f"compiled-{content_hash.of_json(sources)[:16]}"
