"""The options that say by which rules a verb plays, and in whose currency."""

from typing import Annotated

import typer

from fxgpt_core.market.modes import Mode

MEANING = {
    Mode.PARITY: "mode parity: flat costs, by the rules of backtesting.py",
    Mode.FX: "mode fx: bid and ask, slippage, swap, stop-out",
}
ModeOption = Annotated[
    Mode,
    typer.Option(
        "--mode",
        help="parity: flat costs, by the rules of backtesting.py; fx: bid and ask, spread by session, slippage, swap, stop-out.",
    ),
]
AccountOption = Annotated[str, typer.Option("--account", metavar="CURRENCY", help="Currency of the account in mode fx.")]
