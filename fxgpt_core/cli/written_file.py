"""A file that a verb writes at its end, and refuses at its start where it could not."""

from pathlib import Path

from fxgpt_core.cli import machine
from fxgpt_core.errors import BadInputError, NotReadyError


def require_place(option: str, file: Path | None) -> None:
    """Refuse, before work that takes minutes, a file of an option that cannot be written after it; none is right."""
    if file is None:
        return
    if file.is_dir():
        raise BadInputError(f"{option} {file} is a directory; the name of a file is needed; name one in it")
    if not machine.may_write(file.parent):
        raise NotReadyError(f"{option} {file} cannot be written; a folder this user may write is needed; choose another one")
