"""fxgpt live up: the gateway of an account, started again whenever it dies or hangs."""

import asyncio
import signal
import sys
from typing import TYPE_CHECKING

import typer

from fxgpt_core.cli.answer import JsonFlag, answer, say
from fxgpt_core.cli.gateway import AccountOption, BrokerOption, LiveMoneyOption
from fxgpt_core.settings import read_settings

if TYPE_CHECKING:
    from fxgpt_core.live.supervisor import Supervisor


def up(
    account: AccountOption = "paper", broker: BrokerOption = "paper", live: LiveMoneyOption = False, json: JsonFlag = False
) -> None:
    """Keep the gateway of an account running until interrupted; a gateway that dies or hangs is started again, slower each time.

    Three starts within ten minutes without an orderly end halt the account. It ends by itself when the gateway does in order, or
    refuses to run because another process holds the account.

    Example: fxgpt live up --account paper
    """
    from fxgpt_core.cli.stored import opened_ledger
    from fxgpt_core.live.supervisor import Supervisor

    ledger = opened_ledger(read_settings())
    command = [sys.executable, "-m", "fxgpt_core.cli.main", "gateway", "--account", account, "--broker", broker]
    command += ["--live"] if live else []
    supervisor = Supervisor(ledger, account, command, (lambda line: None) if json else say)
    code = asyncio.run(_until_interrupted(supervisor))
    answer({"account": account, "exit_code": code}, json, lambda: say(f"the gateway of {account} ended with {code}"))
    if code:
        raise typer.Exit(code if code > 0 else 1)


async def _until_interrupted(supervisor: "Supervisor") -> int:
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    return await supervisor.run(stop)
