"""fxgpt gateway: the one long-lived process of an account that talks to its broker."""

import asyncio
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fxgpt_core.cli.answer import JsonFlag, answer, say
from fxgpt_core.errors import BadInputError
from fxgpt_core.settings import Settings, ctrader_access, read_settings

if TYPE_CHECKING:
    from fxgpt_core.live.gateway import Gateway
    from fxgpt_core.registry.lake import Lake

AccountOption = Annotated[str, typer.Option("--account", help="Account name; a broker has one gateway at a time.")]


BrokerOption = Annotated[str, typer.Option("--broker", help="Who trades the account: paper or ctrader.")]


LiveMoneyOption = Annotated[bool, typer.Option("--live", help="The account is one of real money, at the host of live accounts.")]


def gateway(
    account: AccountOption = "paper", broker: BrokerOption = "paper", live: LiveMoneyOption = False, json: JsonFlag = False
) -> None:
    """Turn signals into orders until interrupted: at most one order for each signal, reconciled before the first.

    A cTrader account is named by its id (`fxgpt ctrader accounts`); one of real money begins halted until `fxgpt live resume`.

    Example: fxgpt gateway --account paper
    """
    from fxgpt_core.cli.stored import opened_ledger, read_only_lake

    settings = read_settings()
    lake = read_only_lake(settings, opened_ledger(settings))
    process = _process(lake, settings, account, (broker, live))
    if not json:
        say(f"gateway of account {account}, on {broker}; interrupt it to stop (positions stay as they are)")
    asyncio.run(_until_interrupted(process))
    answer({"account": account, "stopped": True}, json, lambda: say(f"gateway of account {account} stopped"))


def _process(lake: "Lake", settings: Settings, account: str, place: tuple[str, bool]) -> "Gateway":
    """The gateway of an account at a broker, of real money or not, not started yet. Raises `BadInputError` for another broker."""
    from fxgpt_core.live.running import paper_gateway

    broker, is_live = place
    if broker == "ctrader":
        from fxgpt_core.live.ctrader_gateway import ctrader_gateway

        return ctrader_gateway(lake, settings.data_root, account, ctrader_access(settings), is_live)
    if broker != "paper" or is_live:
        raise BadInputError(
            f"broker {broker}{' with --live' if is_live else ''} found; it is paper, or ctrader with or without --live"
        )
    return paper_gateway(lake, settings.data_root, account)


VERBS: dict[str, Callable[..., Any]] = {"gateway": gateway}


async def _until_interrupted(process: "Gateway") -> None:
    from fxgpt_core.live.running import run

    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        # A step is never cut in half: the signal asks, and the loop ends after the step it is in.
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    await run(process, stop=stop)
