"""fxgpt gateway: the one long-lived process of an account that talks to its broker."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from fxgpt_core.cli.answer import JsonFlag, answer, say
from fxgpt_core.settings import read_settings

AccountOption = Annotated[str, typer.Option("--account", help="Account name; one gateway holds it at a time.")]


def gateway(account: AccountOption = "paper", json: JsonFlag = False) -> None:
    """Turn signals into orders until interrupted: at most one order for each signal, reconciled before the first.

    Example: fxgpt gateway --account paper
    """
    from fxgpt_core.cli.stored import opened_ledger

    settings = read_settings()
    ledger = opened_ledger(settings)
    from fxgpt_core.live import gateway as trading

    played = trading.run(ledger, account, settings.data_root / "accounts" / f"{account}.db", _silent if json else say)
    answer({"account": account, **played}, json, lambda: say(f"gateway of account {account} stopped"))


VERBS: dict[str, Callable[..., Any]] = {"gateway": gateway}


def _silent(_: str) -> None:
    """Say nothing: with --json only the final object goes to stdout."""
