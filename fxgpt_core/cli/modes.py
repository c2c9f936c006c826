"""The options that say by which rules a verb plays, and what the account is charged."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fxgpt_core.errors import BadInputError
from fxgpt_core.market.modes import Mode

if TYPE_CHECKING:
    from fxgpt_core.market.charges import Charges

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
AsSearchedOption = Annotated[
    Mode | None, typer.Option("--mode", help="parity or fx; without it as the set was searched, parity where that is not stored.")
]
AccountOption = Annotated[
    str | None, typer.Option("--account", metavar="CURRENCY", help="Currency of the account in mode fx; USD by default.")
]
ChargesOption = Annotated[
    Path | None,
    typer.Option(
        "--charges",
        metavar="FILE",
        help='JSON object of what the account is charged in mode fx, such as {"commission": 0, "commission_per_lot": 3.5}; '
        "others stay at default.",
    ),
]


def chosen_charges(mode: Mode, account: str | None, file: Path | None) -> "Charges | None":
    """What the account is charged by these options; None in mode parity, whose costs are flat.

    Raises `BadInputError` where they are given without mode fx, name two currencies, or the file does not hold charges.
    """
    if mode is Mode.PARITY:
        given = [name for name, value in (("--account", account), ("--charges", file)) if value is not None]
        if given:
            raise BadInputError(
                f"{' and '.join(given)} without --mode fx: costs of mode parity are flat, and no account's; add --mode fx, or "
                f"remove {' and '.join(given)}"
            )
        return None
    from fxgpt_core.cli.stored import read_object
    from fxgpt_core.market.charges import account_charges

    if file is None:
        return account_charges(account, None)
    values = read_object(file)
    try:
        return account_charges(account, values)
    except BadInputError as error:
        raise BadInputError(f"{file}: {error}") from error
