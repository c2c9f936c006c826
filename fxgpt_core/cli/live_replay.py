"""fxgpt live replay: recorded candles for the paper account, at any speed."""

import json as json_text
import subprocess
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from fxgpt_core.cli.answer import JsonFlag

PROGRAM = "fxgpt_pipelines.live_replay"

SymbolArgument = Annotated[str, typer.Argument(metavar="SYMBOL", help="A deployed symbol, such as EURUSD.")]
TimeframeArgument = Annotated[str, typer.Argument(metavar="TIMEFRAME", help="Its timeframe: 1m, 5m, 15m, 30m, 1h, 4h or 1d.")]
FromOption = Annotated[
    str | None,
    typer.Option("--from", metavar="MOMENT", help="First open time, UTC: 2020-01-31 or …T17:00; without it, where it stopped."),
]
ToOption = Annotated[str | None, typer.Option("--to", metavar="MOMENT", help="Open times before this moment; without it, all.")]
SpeedOption = Annotated[float, typer.Option("--speed", help="60: a minute of the market a second; 0: all at once.")]


def replay(
    symbol: SymbolArgument,
    timeframe: TimeframeArgument,
    from_: FromOption = None,
    to: ToOption = None,
    speed: SpeedOption = 60.0,
    json: JsonFlag = False,
) -> None:
    """Release the recorded candles that a deployment on paper has not seen, as if they closed now; cut off, it goes on later.

    The daemon decides on each and the gateway plays it: let `make ui` and `fxgpt gateway` run. They are the candles of the same
    provider behind those that the deployment was made with; spreads come with them where they are recorded.

    Example: fxgpt live replay EURUSD 1h --speed 3600
    """
    asked = {"symbol": symbol, "timeframe": timeframe, "from": from_, "to": to, "speed": speed, "json": json}
    # In a program of its own: the pipelines know from which provider a symbol's candles come, and the core knows no pipelines.
    done = subprocess.run([sys.executable, "-m", PROGRAM, json_text.dumps(asked)], check=False)  # noqa: S603
    if done.returncode:
        raise typer.Exit(done.returncode)


VERBS: dict[str, Callable[..., Any]] = {"replay": replay}
