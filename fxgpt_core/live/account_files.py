"""Where the files of an account lie below the data root."""

import re
from pathlib import Path

from fxgpt_core.errors import BadInputError

ACCOUNT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")


def account_folder(data_root: Path, account: str) -> Path:
    """The folder with the files of an account's kill switch. Raises `BadInputError` for a name like a path."""
    return data_root / "live" / _checked(account)


def guard_file(data_root: Path, account: str) -> Path:
    """The file with the guard settings of an account. Raises `BadInputError` for a name like a path."""
    return data_root / "guards" / f"{_checked(account)}.json"


def _checked(account: str) -> str:
    if not ACCOUNT_NAME.fullmatch(account):
        raise BadInputError(f"account {account!r} cannot name a book; use 1 to 32 letters, digits, _ and -, as in paper")
    return account
