"""The same quotes and orders at the simulated venue and at the paper broker: the same fills, up to the digits of a price."""

import asyncio
import random
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from fxgpt_core.brokers.ctrader_simulator.codes import OrderType, TradeSide
from fxgpt_core.brokers.ctrader_simulator.records import Execution, OrderTicket, VenueDeal, VenueEvent
from fxgpt_core.brokers.ctrader_simulator.venue import Venue, VenueSettings
from fxgpt_core.brokers.paper import PaperBroker
from fxgpt_core.market.charges import Charges
from fxgpt_core.market.orders import Fill, OrderOutcome, OrderRequest, Side
from fxgpt_core.market.swaps import SwapRates

HOUR_US = 3_600_000_000
WEDNESDAY_US = 1_790_172_000_000_000
POINT = 1e-5
DEAR = Charges(commission=0.0001, slippage=0.4, impact=0.3, swap=SwapRates(0.03, -0.01))


@dataclass
class Both:
    """One account at each of the two, to which the same happens."""

    venue: Venue
    paper: PaperBroker
    told: list[VenueEvent] = field(default_factory=list)
    held: dict[str, int] = field(default_factory=dict)

    async def open(self, name: str, side: TradeSide, units: int, stop: int, target: int) -> None:
        request = OrderRequest(
            name, "EURUSD", Side(side.sign), units, None, None, 0, stop_distance=stop * POINT, target_distance=target * POINT
        )
        assert (await self.paper.place(request)).outcome is OrderOutcome.CONFIRMED
        self.held[name] = 0

    async def quote(self, bid: float, ask: float, time_us: int, wanted: dict[str, OrderTicket], closed: list[str]) -> None:
        """A price; the venue fills at the price that is there, the paper broker at the next, so that this one is the same."""
        for name in closed:
            await self.paper.close(f"paper-{name}", f"{name}-close", "signal")
        self.venue.quote("EURUSD", bid, ask)
        for name in closed:
            position = self.venue.book.positions[self.held[name]]
            if position.volume:
                self.venue.close(self.venue.account_id, position.position_id, position.volume)
        for name, ticket in wanted.items():
            self.held[name] = self.venue.place(self.venue.account_id, ticket).position_id
        assert self.paper.on_quote("EURUSD", bid, ask, time_us)

    def deals(self) -> list[VenueDeal]:
        return [event.deal for event in self.told if isinstance(event, Execution) and event.deal is not None]


async def played(folder: Path, charges: Charges, seed: int) -> tuple[Both, list[Fill]]:
    """400 quotes, an hour apart at most, with 60 orders and closes between."""
    chance, now_us, price = random.Random(seed), WEDNESDAY_US, 1.1  # noqa: S311
    clock = [now_us]
    both = Both(Venue(lambda: clock[0], VenueSettings(charges=charges)), PaperBroker(folder / "book.db", {"EURUSD": charges}))
    both.venue.listen(both.told.append)
    await both.paper.connect()
    number = both.venue.symbol_id("EURUSD")
    for step in range(400):
        clock[0] += chance.randrange(1, 15) * 60_000_000
        price *= 1.0 + chance.gauss(0.0, 0.0006)
        wanted, closed = {}, []
        if step % 7 == 3 and both.venue.terms("EURUSD").is_open(clock[0]):
            name, side = f"o{step}", chance.choice(list(TradeSide))
            units, stop, target = chance.randrange(1, 20) * 1000, chance.randrange(150, 900), chance.randrange(150, 900)
            await both.open(name, side, units, stop, target)
            wanted[name] = OrderTicket(
                number, OrderType.MARKET, side, units * 100, relative_stop_loss=stop, relative_take_profit=target
            )
        elif step % 11 == 5:
            closed = [name for name, held in both.held.items() if both.venue.book.positions[held].volume][:1]
        bid = round(price, 5)
        await both.quote(bid, round(bid + 0.00012, 5), clock[0], wanted, closed)
    fills = [fill for _, fill in both.paper.fills_since(0)]
    await both.paper.disconnect()
    return both, fills


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("charges", [DEAR, replace(DEAR, slippage=0.0, impact=0.0)], ids=["slipping", "at the quote"])
def test_fills_are_those_of_the_paper_broker(charges: Charges, seed: int, tmp_path: Path) -> None:
    both, fills = asyncio.run(played(tmp_path, charges, seed))
    names = {position: name for name, position in both.held.items()}
    mine = {(names[deal.position_id], deal.closing is not None): deal for deal in both.deals()}
    theirs = {(fill.position_id.removeprefix("paper-"), fill.reason != "entry"): fill for fill in fills}
    assert len(mine) == len(both.deals()) > 60
    assert mine.keys() == theirs.keys()
    for key, deal in mine.items():
        fill = theirs[key]
        assert deal.price == pytest.approx(fill.price, abs=0.5001 * POINT), key
        assert deal.filled_volume == fill.units * 100
        assert -deal.commission / 100 == pytest.approx(fill.commission, abs=0.006)
        if deal.closing is not None:
            assert -deal.closing.swap / 100 == pytest.approx(fill.swap, abs=0.03)
    assert {fill.reason for fill in fills} >= {"entry", "stop", "target", "signal"}
    assert any(deal.closing.swap for deal in both.deals() if deal.closing)
