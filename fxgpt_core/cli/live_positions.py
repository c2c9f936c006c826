"""fxgpt live adopt | write-off: a position that only the broker has, or only the ledger; a person says what it is."""

import asyncio
import getpass
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fxgpt_core.cli.answer import JsonFlag, answer, say
from fxgpt_core.cli.gateway import BrokerOption, LiveMoneyOption
from fxgpt_core.cli.live import PAPER, AccountOption, ReasonOption
from fxgpt_core.errors import BadInputError
from fxgpt_core.settings import Settings, ctrader_access, read_settings

if TYPE_CHECKING:
    from fxgpt_core.brokers.broker import Broker
    from fxgpt_core.registry.ledger import Ledger

PositionArgument = Annotated[
    str, typer.Argument(metavar="POSITION", help="Position id, as `fxgpt live status` or its alert shows it.")
]


def adopt(
    position: PositionArgument,
    reason: ReasonOption,
    account: AccountOption = PAPER,
    broker: BrokerOption = PAPER,
    live: LiveMoneyOption = False,
    json: JsonFlag = False,
) -> None:
    """Put a position that only the broker has into the ledger. Refused while the gateway runs.

    No deployment manages it: its stop and target stay, and a stop that goes missing is put back.

    Example: fxgpt live adopt 81723 --account 4001 --broker ctrader --reason "I opened it by hand"
    """
    from fxgpt_core.live.adopt import adopt as adopted

    settings = read_settings()
    ledger = _ledger(settings)
    venue = _broker(settings, ledger, account, (broker, live))
    asyncio.run(adopted(ledger, venue, account, position, by=getpass.getuser(), reason=reason))
    payload = {"account": account, "position_id": position, "state": "open", "reason": reason, "at": ledger.now()}
    answer(payload, json, lambda: say(f"position {position} is in the books of {account}; start the gateway"))


def write_off(
    position: PositionArgument,
    reason: ReasonOption,
    account: AccountOption = PAPER,
    broker: BrokerOption = PAPER,
    live: LiveMoneyOption = False,
    json: JsonFlag = False,
) -> None:
    """End a position that only the ledger has. Refused while the broker has it, and while the gateway runs.

    Example: fxgpt live write-off paper-fx1-3c32f7fb --reason "the paper book was lost"
    """
    from fxgpt_core.live.write_off import write_off as written_off

    settings = read_settings()
    ledger = _ledger(settings)
    venue = _broker(settings, ledger, account, (broker, live))
    asyncio.run(written_off(ledger, venue, account, position, by=getpass.getuser(), reason=reason))
    payload = {"account": account, "position_id": position, "state": "written_off", "reason": reason, "at": ledger.now()}
    answer(payload, json, lambda: say(f"position {position} is written off; start the gateway, then `fxgpt live resume`"))


VERBS: dict[str, Callable[..., Any]] = {"adopt": adopt, "write-off": write_off}


def _ledger(settings: Settings) -> "Ledger":
    from fxgpt_core.cli.stored import opened_ledger

    return opened_ledger(settings)


def _broker(settings: Settings, ledger: "Ledger", account: str, place: tuple[str, bool]) -> "Broker":
    """The broker of an account, not connected; `place`: its name, and whether it is of real money."""
    name, is_live = place
    if name == "ctrader":
        from fxgpt_core.live.ctrader_gateway import account_id, ctrader_broker
        from fxgpt_core.live.told import Told

        number, told = account_id(account), Told(account, name)
        return ctrader_broker(ctrader_access(settings), number, is_live, told, lambda: int(ledger.now().timestamp() * 1_000_000))
    if name != PAPER or is_live:
        raise BadInputError(
            f"broker {name}{' with --live' if is_live else ''} found; it is paper, or ctrader with or without --live"
        )
    from fxgpt_core.live.running import paper_broker

    return paper_broker(settings.data_root, account)
