"""fxgpt live chaos: prove on this machine that a killed gateway loses nothing and does nothing twice."""

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fxgpt_core.cli.answer import JsonFlag, answer, tell_pairs
from fxgpt_core.cli.countdown import on_terminal
from fxgpt_core.errors import BrokenLineageError

if TYPE_CHECKING:
    from fxgpt_core.live.chaos.run import Ended
    from fxgpt_core.live.chaos.settings import ChaosSettings

OrdersOption = Annotated[int, typer.Option("--orders", min=1, help="How many orders are sent.")]
KillsOption = Annotated[int, typer.Option("--kills", min=0, help="How often the gateway is killed in between.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Draws wishes, prices, faults and kills.")]
BrokerOption = Annotated[str, typer.Option("--broker", help="Where the orders go: ctrader (simulated) or paper.")]
FaultsOption = Annotated[
    str, typer.Option("--faults", help="all, none, or NAME=PROBABILITY,... as `fxgpt ctrader simulate` has.")
]
WrongOption = Annotated[
    str, typer.Option("--wrong", help="Plant a defect: no_write_ahead, no_deal_key or resend_at_once; the run must fail then.")
]
LedgerOption = Annotated[str, typer.Option("--ledger", help="URL of an empty PostgreSQL database; else SQLite is used.")]


def chaos(
    *,
    orders: OrdersOption = 1000,
    kills: KillsOption = 5,
    seed: SeedOption = 7,
    broker: BrokerOption = "ctrader",
    faults: FaultsOption = "all",
    wrong: WrongOption = "",
    ledger: LedgerOption = "",
    json: JsonFlag = False,
) -> None:
    """Orders through a gateway that is killed again and again, at a venue where everything goes wrong; then books are compared.

    On a throw-away ledger and a simulated venue: nothing of yours is touched. Exit 6 if something was lost, doubled or invented.

    Example: fxgpt live chaos --orders 1000 --kills 5 --seed 7 --json
    """
    from fxgpt_core.live.chaos.settings import ChaosSettings

    settings = ChaosSettings(orders, kills, seed, broker, ledger, wrong, faults)
    with tempfile.TemporaryDirectory(prefix="fxgpt-chaos-") as folder:
        ended = asyncio.run(_played(settings, Path(folder)))
    payload = ended.verdict.to_json() | {"kills": ended.kills, "faults": ended.faults, "seed": seed, "broker": broker}
    answer(payload, json, lambda: tell_pairs({name: value for name, value in payload.items() if name != "faults"}))
    if not ended.verdict.holds:
        raise typer.Exit(BrokenLineageError.exit_code)


async def _played(settings: "ChaosSettings", folder: Path) -> "Ended":
    from fxgpt_core.live.chaos.paper_venue import paper_venue
    from fxgpt_core.live.chaos.run import chaos_run
    from fxgpt_core.live.chaos.simulated_venue import simulated_venue

    if settings.broker == "paper":
        return await chaos_run(settings, folder, paper_venue, on_terminal("orders"))
    return await chaos_run(settings, folder, simulated_venue, on_terminal("orders"))
