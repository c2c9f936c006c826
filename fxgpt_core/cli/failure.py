"""The one place that turns an exception into a line and an exit code. A traceback goes to a file, never to the screen."""

import errno
import json
import os
import sys
import tempfile
import traceback
from datetime import datetime
from pathlib import Path

import typer

from fxgpt_core.brokers.ctrader.redaction import scrubbed
from fxgpt_core.errors import FxgptError, NotReadyError

UNEXPECTED = 1
USAGE = 2
INTERRUPTED = 130
OF_THE_MACHINE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR, errno.ENAMETOOLONG)


def told(error: BaseException, as_json: bool, logs: Path, now: datetime) -> int:
    """Say what went wrong and return the exit code; what nobody foresaw is written below `logs` with its traceback."""
    message, code = _message(error, logs, now)
    message = scrubbed(message)
    if as_json:
        print(json.dumps({"error": message, "exit_code": code}, ensure_ascii=False))
    else:
        print(f"error: {message}", file=sys.stderr)
    return code


def _message(error: BaseException, logs: Path, now: datetime) -> tuple[str, int]:
    error = _foreseen(error)
    if isinstance(error, FxgptError):
        return str(error), error.exit_code
    if isinstance(error, typer.TyperException):
        return f"{error.format_message()} Run `fxgpt --help` for the commands.", error.exit_code
    if isinstance(error, typer.Abort | KeyboardInterrupt):
        return "interrupted; nothing half-done is left behind, run the command again", INTERRUPTED
    path = _write_log(error, logs, now)
    return (
        f"unexpected {type(error).__name__}: {_first_line(error)}. This is a defect of fxgpt; the details are in {path}",
        UNEXPECTED,
    )


def _foreseen(error: BaseException) -> BaseException:
    """What the machine's or the ledger's own complaint amounts to; the error itself when it is neither."""
    if isinstance(error, OSError) and error.errno in OF_THE_MACHINE:
        remedy = (
            "this user needs the right to read and write there, and the disk needs space; set FXGPT_DATA_ROOT to such a folder"
        )
        return NotReadyError(f"{error.filename or 'a file'}: {error.strerror}; {remedy}")
    from sqlalchemy.exc import DBAPIError

    if isinstance(error, DBAPIError):
        from fxgpt_core.registry.database_health import meaning

        return meaning(error) or error
    return error


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else "no message"


def _write_log(error: BaseException, logs: Path, now: datetime) -> Path:
    name = f"error-{now:%Y%m%dT%H%M%S}-{os.getpid()}.txt"
    text = scrubbed("".join(traceback.format_exception(error)))
    for folder in (logs, Path(tempfile.gettempdir())):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(f"{sys.argv}\n{text}")
        except OSError:
            # The data root may be what is broken; the temporary folder is the second choice.
            continue
        return folder / name
    return Path("(no folder could be written)")
