"""What is deployed on an account now, and the markets that it trades in."""

from fxgpt_core.brokers.broker import Broker
from fxgpt_core.brokers.paper import PaperBroker
from fxgpt_core.live.deployed import Deployed, deployed
from fxgpt_core.live.live_market import LiveMarket
from fxgpt_core.live.markets import Market, markets_of
from fxgpt_core.live.replay_market import ReplayMarket
from fxgpt_core.market.timeframes import timeframe as timeframe_of
from fxgpt_core.registry.lake import Lake
from fxgpt_core.registry.ledger import Ledger


class TradedSeries:
    """The deployments of one account and their markets, as they were looked up last; `wants_candles`: of the broker."""

    def __init__(self, lake: Lake, ledger: Ledger, broker: Broker, account: str, wants_candles: bool) -> None:
        self._lake, self._ledger, self._broker, self._account = lake, ledger, broker, account
        self._wants_candles = wants_candles
        self._wanted: set[tuple[str, str]] = set()
        self.deployments: tuple[Deployed, ...] = ()
        self.markets: list[Market] = []

    async def look_up(self) -> None:
        """What is deployed now and where it trades, with the costs of paper made known to it; the active one's count."""
        found = self.deployments = deployed(self._lake, self._broker.name, self._account)
        places = markets_of(found)
        if isinstance(self._broker, PaperBroker):
            paper = self._broker
            for item in sorted(found, key=lambda item: item.is_active):
                paper.trade(item.symbol, item.paid)
            self.markets = [ReplayMarket(self._ledger, paper, self._account, *place) for place in places]
        else:
            await self._want_prices()
            self.markets = [self._live(place) for place in places]

    def of(self, market: Market) -> list[Deployed]:
        """The deployments on a market's series."""
        place = (market.symbol, market.timeframe)
        return [item for item in self.deployments if (item.symbol, item.timeframe) == place]

    def symbols(self) -> list[str]:
        """Every symbol that something is deployed on."""
        return sorted({item.symbol for item in self.deployments})

    def moments(self) -> dict[str, int]:
        """The market's time by symbol, of those that have one."""
        moments = {market.symbol: market.known_at_us() for market in self.markets}
        return {symbol: time for symbol, time in moments.items() if time is not None}

    async def _want_prices(self) -> None:
        """Quotes and candles of what is deployed; candles from where the feed ends."""
        if not self._broker.is_ready:
            return
        await self._broker.subscribe(self.symbols())
        for place in {(item.symbol, item.timeframe) for item in self.deployments} - self._wanted:
            if self._wants_candles:
                await self._broker.want_candles(place[0], timeframe_of(place[1]), self._live(place).known_at_us())
            self._wanted.add(place)

    def _live(self, place: tuple[str, str]) -> LiveMarket:
        return LiveMarket(self._ledger, self._broker, self._account, *place)
