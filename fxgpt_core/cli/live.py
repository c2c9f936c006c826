"""fxgpt live status | halt | resume: what trades now, and the switch."""

import getpass
from datetime import datetime
from typing import Annotated, Any

import typer

from fxgpt_core.cli.answer import JsonFlag, answer, say, tell_table
from fxgpt_core.settings import read_settings

app = typer.Typer(help="What trades now, and the switch.", no_args_is_help=True, rich_markup_mode=None)

AccountOption = Annotated[str, typer.Option("--account", help="Account name.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; kept with your name in the ledger.")]
PAPER = "paper"


@app.command("status")
def status(json: JsonFlag = False) -> None:
    """Trading states, processes, open positions, orders of unknown outcome, open alerts.

    Example: fxgpt live status --json
    """
    from fxgpt_core.cli.stored import opened_ledger
    from fxgpt_core.live import state_of_trading

    ledger = opened_ledger(read_settings())
    found = state_of_trading.snapshot(ledger)

    def tell() -> None:
        for title, rows in found.items():
            say(title.replace("_", " "))
            tell_table(rows, "none")
            say()

    answer({**found, "at": ledger.now()}, json, tell)


@app.command("halt")
def halt(reason: ReasonOption, account: AccountOption = PAPER, json: JsonFlag = False) -> None:
    """Stop trading at once: nothing is sent any more until somebody resumes it.

    Example: fxgpt live halt --reason "spread is ten times the usual"
    """
    _change("halted", account, reason, json)


@app.command("resume")
def resume(reason: ReasonOption, account: AccountOption = PAPER, json: JsonFlag = False) -> None:
    """Trade again. Refused while the outcome of an order is unknown.

    Example: fxgpt live resume --reason "spread is back to normal"
    """
    _change("active", account, reason, json)


def _change(wanted: str, account: str, reason: str, json: bool) -> None:
    from fxgpt_core.cli.stored import opened_ledger
    from fxgpt_core.live import state_of_trading
    from fxgpt_core.portfolio.trading_state import TradingState

    ledger = opened_ledger(read_settings())
    state = state_of_trading.change(ledger, account, TradingState(wanted), by=getpass.getuser(), reason=reason)
    payload: dict[str, Any] = {"account": account, "state": str(state), "reason": reason, "at": _stamp(ledger.now())}
    answer(payload, json, lambda: say(f"account {account} is {state}"))


def _stamp(now: datetime) -> str:
    return now.isoformat()
