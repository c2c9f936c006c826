"""fxgpt replay: the decision of an order made again from what is stored."""

import json as json_text
import subprocess
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from fxgpt_core.cli.answer import JsonFlag

PROGRAM = "fxgpt_pipelines.replay_order"
OrderArgument = Annotated[str, typer.Argument(metavar="ORDER", help="Order id or client order id, as `fxgpt orders` shows it.")]


def replay(order: OrderArgument, json: JsonFlag = False) -> None:
    """Make the decision of an order again from its stored inputs: equal to the bit, or the fields that differ (6 if one does).

    Example: fxgpt replay fx1-0123456789abcdef0123456789abcdef --json
    """
    # In a program of its own: a forecast needs torch, and the command line starts without it.
    asked = json_text.dumps({"order": order, "json": json})
    done = subprocess.run([sys.executable, "-m", PROGRAM, asked], check=False)  # noqa: S603
    if done.returncode:
        raise typer.Exit(done.returncode)


VERBS: dict[str, Callable[..., Any]] = {"replay": replay}
