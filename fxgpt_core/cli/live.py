"""fxgpt live status | halt | reduce | resume: what trades now, and the switch."""

import getpass
import time
from typing import Annotated, Any

import typer

from fxgpt_core.cli.answer import JsonFlag, answer, say, tell_table
from fxgpt_core.errors import RefusedError
from fxgpt_core.settings import read_settings

app = typer.Typer(help="What trades now, and the switch.", no_args_is_help=True, rich_markup_mode=None)

AccountOption = Annotated[str, typer.Option("--account", help="Account name.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; kept with your name in the ledger.")]
FlattenFlag = Annotated[bool, typer.Option("--flatten", help="Also close every position and cancel every order.")]
WaitOption = Annotated[float, typer.Option("--wait", min=0.0, help="How many seconds to wait until the account is flat.")]
PAPER = "paper"


@app.command("status")
def status(json: JsonFlag = False) -> None:
    """Trading states, processes, positions, orders of unknown outcome, paused and waiting series, open alerts.

    Example: fxgpt live status --json
    """
    from fxgpt_core.cli.stored import opened_ledger
    from fxgpt_core.live import state_of_trading

    ledger = opened_ledger(read_settings())
    found = state_of_trading.snapshot(ledger)
    answer({**found, "at": ledger.now()}, json, lambda: _tell(found))


@app.command("halt")
def halt(
    reason: ReasonOption,
    account: AccountOption = PAPER,
    flatten: FlattenFlag = False,
    wait: WaitOption = 60.0,
    json: JsonFlag = False,
) -> None:
    """Send nothing any more, no entry and no exit, until somebody resumes; stops and targets at the broker stay.

    With --flatten the gateway also cancels every order and closes every position of the account, and the command waits until the
    broker, asked anew, has none (exit 5 if it still has). Without a ledger the file `halt` (or `flatten`) in the account's folder
    of the data root does the same.

    Example: fxgpt live halt --flatten --reason "the model has gone wild"
    """
    if flatten:
        _flatten(account, reason, wait, json)
    else:
        _change("halted", account, reason, json)


@app.command("reduce")
def reduce(reason: ReasonOption, account: AccountOption = PAPER, json: JsonFlag = False) -> None:
    """Enter nothing; positions are still closed and their stops tightened by their rules.

    Example: fxgpt live reduce --reason "the weekend begins"
    """
    _change("reducing", account, reason, json)


@app.command("resume")
def resume(reason: ReasonOption, account: AccountOption = PAPER, json: JsonFlag = False) -> None:
    """Trade again. Refused while the outcome of an order is unknown.

    Example: fxgpt live resume --reason "spread is back to normal"
    """
    _change("active", account, reason, json)


def _flatten(account: str, reason: str, wait: float, json: bool) -> None:
    from fxgpt_core.cli.stored import opened_ledger
    from fxgpt_core.live import kill_switch, state_of_trading

    ledger = opened_ledger(read_settings())
    if account != PAPER:
        state_of_trading.require_account(ledger, account)
    number = kill_switch.ask_to_flatten(ledger, account, by=getpass.getuser(), reason=reason)
    deadline = time.monotonic() + wait
    request = kill_switch.flatten_request(ledger, number)
    while request.done_at is None and time.monotonic() < deadline:
        time.sleep(min(0.1, wait))
        request = kill_switch.flatten_request(ledger, number)
    if request.done_at is None:
        raise RefusedError(
            f"account {account} is halted and not flat after {wait:g} s; the request stays, and the gateway closes on as long as "
            "it runs: see `fxgpt live status` whether it does, or close at the broker"
        )
    payload = {"account": account, "state": "halted", "flat": True, "reason": reason, "at": request.done_at}
    answer(payload, json, lambda: say(f"account {account} is halted and {request.detail}"))


def _change(wanted: str, account: str, reason: str, json: bool) -> None:
    from fxgpt_core.cli.stored import opened_ledger
    from fxgpt_core.live import state_of_trading
    from fxgpt_core.portfolio.trading_state import TradingState

    ledger = opened_ledger(read_settings())
    if account != PAPER:  # the gateway's own default may be halted before its first start
        state_of_trading.require_account(ledger, account)
    state = state_of_trading.change(ledger, account, TradingState(wanted), by=getpass.getuser(), reason=reason)
    payload: dict[str, Any] = {"account": account, "state": str(state), "reason": reason, "at": ledger.now()}
    answer(payload, json, lambda: say(f"account {account} is {state}"))


def _tell(found: dict[str, list[dict[str, Any]]]) -> None:
    tables = {title: rows for title, rows in found.items() if title not in ("waiting_series", "paused_series", "open_alerts")}
    for title, rows in tables.items():
        say(title.replace("_", " "))
        tell_table(rows, "none")
        say()
    for row in found["paused_series"]:
        say(
            f"{row['symbol']} {row['timeframe']} is paused since {row['paused_at']:%Y-%m-%d %H:%M} UTC by {row['paused_by']}: "
            f"{row['reason']}; `fxgpt resume` ends it"
        )
    for row in found["waiting_series"]:
        say(
            f"{row['symbol']} {row['timeframe']} waits since {row['waiting_since']:%Y-%m-%d %H:%M} UTC for the decision of "
            f"deployment {row['deployment_id']} on the candle known at {row['known_at']:%Y-%m-%d %H:%M} UTC"
        )
    # In lines: what went wrong and what to do about it are too long for a table.
    say("open alerts" if found["open_alerts"] else "no open alert")
    for row in found["open_alerts"]:
        say(f"{row['created_at']:%Y-%m-%d %H:%M} UTC  {row['kind']}: {row['message']}")
        say(f"  what to do: {row['remedy']}")
