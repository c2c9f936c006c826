"""Prices and terms of the symbols that are wanted: subscribed at each connection anew, with what converts them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from fxgpt_core.brokers.broker import Quote
from fxgpt_core.brokers.ctrader import protocol
from fxgpt_core.brokers.ctrader.error_codes import Reaction, reaction
from fxgpt_core.brokers.ctrader.outcomes import ErrorAnswer
from fxgpt_core.brokers.ctrader.reading import Link, read
from fxgpt_core.brokers.ctrader.spots import Chain, Spot, chain_of, direct_chain, quote_of
from fxgpt_core.brokers.ctrader.symbols import ListedSymbol, SymbolList, listed_symbol


@dataclass
class MarketPrices:
    """The prices of one connection: ids and subscriptions end with it."""

    account_id: int
    symbols: SymbolList
    deposit_asset: int
    spots: dict[int, Spot] = field(default_factory=dict)
    chains: dict[int, Chain] = field(default_factory=dict)
    subscribed: set[int] = field(default_factory=set)

    async def want(self, link: Link, symbol_ids: Iterable[int], now_us: int) -> None:
        """Sizes, conversion and prices of symbols from now on; what is there already is not asked for again."""
        wanted = set(symbol_ids)
        await self.symbols.size(link, self.account_id, wanted - self.symbols.traded.keys(), now_us)
        for symbol_id in sorted(wanted - self.chains.keys()):
            self.chains[symbol_id] = await self._chain(link, self.symbols.listed[symbol_id])
        converting = {one.symbol_id for symbol_id in wanted for one in self.chains[symbol_id].symbols}
        for symbol_id in sorted((wanted | converting) - self.subscribed):
            await self._subscribe(link, symbol_id)

    def take(self, event: Any, now_us: int) -> None:
        """A ProtoOASpotEvent."""
        self.spots[event.symbolId] = self.spots.get(event.symbolId, Spot()).merged(event, now_us)

    def quote(self, symbol_id: int) -> Quote | None:
        """The last price; None before there was one, or while its worth in the account's currency is not known."""
        return quote_of(self.spots.get(symbol_id), self.chains.get(symbol_id), self.spots)

    async def _chain(self, link: Link, symbol: ListedSymbol) -> Chain:
        direct = direct_chain(symbol, self.deposit_asset)
        if direct is not None:
            return direct
        told = await read(
            link,
            "ProtoOASymbolsForConversionReq",
            ctidTraderAccountId=self.account_id,
            firstAssetId=symbol.quote_asset,
            lastAssetId=self.deposit_asset,
        )
        return chain_of(symbol, self.deposit_asset, [listed_symbol(one) for one in told.symbol])

    async def _subscribe(self, link: Link, symbol_id: int) -> None:
        """One by one: where one of several is subscribed already, none of them is."""
        message = protocol.new(
            "ProtoOASubscribeSpotsReq",
            ctidTraderAccountId=self.account_id,
            symbolId=[symbol_id],
            subscribeToSpotTimestamp=True,
        )
        try:
            await link.request(message)
        except ErrorAnswer as error:
            if reaction(error.code, error.description) is not Reaction.IGNORE:
                raise
        self.subscribed.add(symbol_id)
