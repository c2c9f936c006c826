"""The last price of each symbol: the two sides come apart, each with its own time; and what a quote currency is worth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fxgpt_core.brokers.broker import Quote
from fxgpt_core.brokers.ctrader.prices import SCALE, price_of
from fxgpt_core.brokers.ctrader.symbols import ListedSymbol

MILLISECOND_US = 1_000


@dataclass(frozen=True)
class Spot:
    """Both sides in 1/100000 with the µs at which each was told; 0: not yet."""

    bid: int = 0
    ask: int = 0
    bid_us: int = 0
    ask_us: int = 0

    def merged(self, event: Any, now_us: int) -> "Spot":
        """With what a ProtoOASpotEvent tells; a side it leaves out has not changed."""
        told_us = event.timestamp * MILLISECOND_US if event.HasField("timestamp") else now_us
        spot = self
        if event.HasField("bid"):
            spot = replace(spot, bid=event.bid, bid_us=told_us)
        if event.HasField("ask"):
            spot = replace(spot, ask=event.ask, ask_us=told_us)
        return spot

    @property
    def is_whole(self) -> bool:
        """Whether both sides are known."""
        return self.bid > 0 and self.ask > 0


@dataclass(frozen=True)
class Chain:
    """The symbols that turn one currency into another, in their order; none where both are the same."""

    first_asset: int
    last_asset: int
    symbols: tuple[ListedSymbol, ...]

    @property
    def is_whole(self) -> bool:
        """Whether it ends where it should."""
        return self._end() == self.last_asset

    def worth(self, spots: Mapping[int, Spot]) -> float | None:
        """What a unit of the first currency is worth in the last, by the bids; None while one of them is not known."""
        asset, worth = self.first_asset, 1.0
        for symbol in self.symbols:
            spot = spots.get(symbol.symbol_id)
            if spot is None or spot.bid <= 0:
                return None
            is_base = symbol.base_asset == asset
            asset, worth = (
                (symbol.quote_asset, worth * price_of(spot.bid)) if is_base else (symbol.base_asset, worth / price_of(spot.bid))
            )
        return worth if asset == self.last_asset else None

    def _end(self) -> int | None:
        asset = self.first_asset
        for symbol in self.symbols:
            if asset not in (symbol.base_asset, symbol.quote_asset):
                return None
            asset = symbol.quote_asset if symbol.base_asset == asset else symbol.base_asset
        return asset


def quote_of(spot: Spot | None, chain: Chain | None, spots: Mapping[int, Spot]) -> Quote | None:
    """The quote of a symbol; None before both sides were told, or while its worth in the account's currency is not known."""
    worth = None if chain is None else chain.worth(spots)
    if spot is None or not spot.is_whole or worth is None:
        return None
    return Quote(
        spread=(spot.ask - spot.bid) / SCALE,
        conversion=worth,
        bid=price_of(spot.bid),
        ask=price_of(spot.ask),
        time_us=min(spot.bid_us, spot.ask_us),
    )


def direct_chain(symbol: ListedSymbol, deposit_asset: int) -> Chain | None:
    """How a symbol's quote currency becomes that of the account without another symbol; None where it takes one."""
    if symbol.quote_asset == deposit_asset:
        return Chain(symbol.quote_asset, deposit_asset, ())
    if symbol.base_asset == deposit_asset:
        return Chain(symbol.quote_asset, deposit_asset, (symbol,))
    return None


def chain_of(symbol: ListedSymbol, deposit_asset: int, told: Sequence[ListedSymbol]) -> Chain:
    """The chain by the symbols that the venue names for it, in the order it gives or the other."""
    chain = Chain(symbol.quote_asset, deposit_asset, tuple(told))
    return chain if chain.is_whole else Chain(symbol.quote_asset, deposit_asset, tuple(told)[::-1])
