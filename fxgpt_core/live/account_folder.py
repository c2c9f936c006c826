"""Where the files of an account lie."""

import re
from pathlib import Path

from fxgpt_core.errors import BadInputError

ACCOUNT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")


def account_folder(data_root: Path, account: str) -> Path:
    """The folder with the files of an account's kill switch. Raises `BadInputError` for a name like a path."""
    if not ACCOUNT_NAME.fullmatch(account):
        raise BadInputError(f"account {account!r} cannot name a book; use 1 to 32 letters, digits, _ and -, as in paper")
    return data_root / "live" / account
