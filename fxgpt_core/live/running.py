"""A gateway made ready and run until it is asked to stop."""

import asyncio
from pathlib import Path

from fxgpt_core.brokers.paper import PaperBroker
from fxgpt_core.errors import FxgptError
from fxgpt_core.live.account_folder import account_folder
from fxgpt_core.live.gateway import Gateway
from fxgpt_core.live.gateway_settings import GatewaySettings
from fxgpt_core.registry.lake import Lake

PAUSE_S = 0.2
PAPER_CASH, PAPER_LEVERAGE = 100_000.0, 30.0


async def run(gateway: Gateway, *, stop: asyncio.Event, pause_s: float = PAUSE_S) -> None:
    """Start a gateway and keep stepping until `stop` is set. Raises what `Gateway.start` and `step` raise.

    One that ends by an error without a name has crashed; one that says what is wrong has ended in order.
    """
    in_order = False
    try:
        await gateway.start()
        while not stop.is_set():
            if not await gateway.step():
                await _pause(gateway, stop, pause_s)
            else:
                await asyncio.sleep(0)
        in_order = True
    except FxgptError:
        in_order = True
        raise
    finally:
        await gateway.stop(in_order)


def paper_gateway(lake: Lake, data_root: Path, account: str) -> Gateway:
    """The gateway of a paper account."""
    broker = paper_broker(data_root, account)
    return Gateway(lake, broker, account, settings=GatewaySettings(folder=account_folder(data_root, account)))


def paper_broker(data_root: Path, account: str) -> PaperBroker:
    """The broker of a paper account, whose book is a file below the data root. Raises `BadInputError` for a name like a path."""
    account_folder(data_root, account)
    return PaperBroker(data_root / "paper" / f"{account}.db", {}, PAPER_CASH, PAPER_LEVERAGE)


async def _pause(gateway: Gateway, stop: asyncio.Event, pause_s: float) -> None:
    """Until the broker tells something, `stop` is set, or the time is over."""
    waiting = {asyncio.create_task(gateway.rest(pause_s)), asyncio.create_task(stop.wait())}
    _, left = await asyncio.wait(waiting, timeout=pause_s, return_when=asyncio.FIRST_COMPLETED)
    for task in left:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
