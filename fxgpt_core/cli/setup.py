"""fxgpt setup: make the ledger, or bring it to the newest revision."""

from collections.abc import Callable
from typing import Any

from fxgpt_core.cli import machine
from fxgpt_core.cli.answer import JsonFlag, answer, say
from fxgpt_core.errors import NotReadyError
from fxgpt_core.settings import read_settings


def setup(json: JsonFlag = False) -> None:
    """Make the ledger or migrate it; what is in it stays, and a second time changes nothing.

    Example: fxgpt setup
    """
    settings = read_settings()
    if not machine.may_write(settings.data_root):
        raise NotReadyError(
            f"the data root {settings.data_root} cannot be written; a folder this user may write is needed; set FXGPT_DATA_ROOT"
        )
    from fxgpt_core.registry import migration
    from fxgpt_core.registry.database_health import explained
    from fxgpt_core.registry.ledger import Ledger

    ledger = Ledger(settings.ledger_url)
    with explained(settings.ledger_url):
        before = migration.current(ledger)
        migration.upgrade(ledger)
        after = migration.current(ledger)
    payload = {"data_root": settings.data_root, "ledger": ledger.shown_url, "revision_before": before, "revision": after}
    ledger.close()

    def tell() -> None:
        was = "made" if before is None else "unchanged" if before == after else f"migrated from {before}"
        say(f"ledger {payload['ledger']}: {was}, at revision {after}")
        say("next: `make demo`, or `fxgpt candles import FILE --symbol EURUSD --timeframe 1h`")

    answer(payload, json, tell)


VERBS: dict[str, Callable[..., Any]] = {"setup": setup}
