"""All faults at once, an hour on a virtual clock: the simulator itself never fails, and its books stay right."""

import asyncio
import random
from pathlib import Path

import pytest
from simulator_client import WEDNESDAY_US, PlainClient, Rehearsal, rehearsal
from virtual_time import loop_clock_us, run_in_virtual_time

from fxgpt_core.brokers.ctrader_simulator.faults import FAULTS, Faults
from fxgpt_core.errors import FxgptError

SILENCE_S = 35.0
OFTEN = {"tls_hang": 0.05, "truncated_frame": 0.004, "garbage_payload": 0.004, "oversized_frame": 0.002, "stop_out": 0.002}


async def visit(rehearsed: Rehearsal, chance: random.Random) -> None:
    """Come in, trade and look around until something breaks."""
    client = await asyncio.wait_for(rehearsed.authorised(), SILENCE_S)
    account = {"ctidTraderAccountId": rehearsed.account_id}
    for _ in range(40):
        act = chance.random()
        held = sorted(rehearsed.venue.book.open)
        if act < 0.5 or not held:
            await rehearsed.order(client, relativeStopLoss=chance.randrange(50, 900), clientOrderId=f"c{chance.random()}")
        elif act < 0.8:
            number = chance.choice(held)
            volume = rehearsed.venue.book.positions[number].volume
            client.send("ProtoOAClosePositionReq", positionId=number, volume=volume, **account)
        else:
            client.send(chance.choice(["ProtoOADealListReq", "ProtoOAOrderListReq", "ProtoOAReconcileReq"]), **account)
        await read_for(client, chance.uniform(0.05, 4.0))


async def read_for(client: PlainClient, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            while True:
                await client.read()
    except TimeoutError:
        return


@pytest.mark.parametrize("seed", [1, 2])
def test_a_storm_of_all_faults_leaves_the_books_right(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)  # noqa: S311
    faults = Faults({name: min(0.2, OFTEN.get(name, kind.probability * 4)) for name, kind in FAULTS.items()}, seed)

    async def storm() -> set[str]:
        async with rehearsal(tmp_path, faults, now_us=loop_clock_us(WEDNESDAY_US)) as rehearsed:
            price = 1.1
            for _ in range(60):
                price *= 1.0 + chance.gauss(0.0, 0.0005)
                rehearsed.server.quote("EURUSD", round(price, 5), round(price + 0.0001, 5))
                try:
                    await visit(rehearsed, chance)
                except (OSError, EOFError, TimeoutError, FxgptError):
                    await asyncio.sleep(1.0)
            await asyncio.sleep(40.0)
            book, balance = rehearsed.venue.book, 10_000_000
            for deal in book.deals.values():
                detail = deal.closing
                if detail is not None:
                    balance += detail.gross + detail.swap + detail.commission + detail.fee
                    assert detail.balance == balance
            for position in book.positions.values():
                mine = [deal for deal in book.deals.values() if deal.position_id == position.position_id]
                assert position.volume == sum(-deal.filled_volume if deal.closing else deal.filled_volume for deal in mine)
            assert len(book.deals) > 40
            return set(rehearsed.server.faults.fired)

    fired = run_in_virtual_time(storm())
    assert len(fired) > 30, sorted(set(FAULTS) - fired)
