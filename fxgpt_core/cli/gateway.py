"""fxgpt gateway: the one long-lived process of an account that talks to its broker."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from fxgpt_core.cli.answer import JsonFlag

AccountOption = Annotated[str, typer.Option("--account", help="Account name; one gateway holds it at a time.")]


def gateway(account: AccountOption = "paper", json: JsonFlag = False) -> None:
    """Turn signals into orders until interrupted: at most one order for each signal, reconciled before the first.

    Example: fxgpt gateway --account paper
    """
    raise NotImplementedError


VERBS: dict[str, Callable[..., Any]] = {"gateway": gateway}
