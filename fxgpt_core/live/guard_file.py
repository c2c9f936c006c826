"""The guard settings of an account: a JSON file of what differs from the defaults, changed with a reason and a lineage entry."""

import json
from dataclasses import asdict
from pathlib import Path

from fxgpt_core.atomic_file import write_atomically
from fxgpt_core.errors import BadInputError
from fxgpt_core.live.account_folder import account_folder
from fxgpt_core.portfolio.guards.settings import GuardSettings
from fxgpt_core.registry import lineage
from fxgpt_core.registry.ledger import Ledger


def guard_file(data_root: Path, account: str) -> Path:
    """Where the settings of an account lie. Raises `BadInputError` for a name like a path."""
    return data_root / "guards" / f"{account_folder(data_root, account).name}.json"


def read_guard_settings(data_root: Path, account: str) -> GuardSettings:
    """The settings of an account; the defaults without a file. Raises `BadInputError` for a file that holds none."""
    file = guard_file(data_root, account)
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return GuardSettings()
    except (OSError, ValueError, RecursionError) as error:
        raise BadInputError(f"{file} cannot be read ({error}); correct it, or delete it to have the defaults") from error
    if not isinstance(values, dict):
        raise BadInputError(f"{file} holds a {type(values).__name__}; an object of names and values is needed")
    try:
        return GuardSettings.of(values)
    except BadInputError as error:
        raise BadInputError(f"{file}: {error}") from error


def write_guard_settings(
    data_root: Path, ledger: Ledger, account: str, settings: GuardSettings, *, by: str, reason: str
) -> GuardSettings:
    """Keep the settings of an account, as what differs from the defaults; returns those before. Raises `BadInputError` without
    a reason.

    The entry is committed after the file is whole, so that none tells of settings that never were.
    """
    if not reason.strip():
        raise BadInputError("a guard is changed with a reason; give one with --reason")
    before = read_guard_settings(data_root, account)
    old, new, defaults = asdict(before), asdict(settings), asdict(GuardSettings())
    changes = {name: {"from": old[name], "to": new[name]} for name in new if new[name] != old[name]}
    own = {name: value for name, value in new.items() if value != defaults[name]}
    with ledger.begin() as connection:
        detail = {"account": account, "changes": changes, "by": by, "reason": reason}
        lineage.append(connection, "guard_settings", detail, ledger.now())
        write_atomically(guard_file(data_root, account), json.dumps(own, indent=2, sort_keys=True).encode())
    return before
