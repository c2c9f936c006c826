"""What a gateway asks of a market, and which series are traded on an account."""

from collections.abc import Sequence
from typing import Protocol

from fxgpt_core.live.candle_feed import ClosedCandle
from fxgpt_core.live.deployed import Deployed
from fxgpt_core.market.timeframes import timeframe as timeframe_of


class Market(Protocol):
    """The candles of one symbol and timeframe, one after the other, each exactly once."""

    @property
    def symbol(self) -> str:
        """The symbol."""
        ...

    @property
    def timeframe(self) -> str:
        """The timeframe of its candles."""
        ...

    def known_at_us(self) -> int | None:
        """The market's own time: the close of its last candle; None before the first one."""
        ...

    def all_decided(self, deployments: tuple[Deployed, ...]) -> bool:
        """Whether it may go on: a replay waits for decisions, a live market does not."""
        ...

    def next_candle(self) -> ClosedCandle | None:
        """The next candle, if it is there."""
        ...

    def play(self, candle: ClosedCandle) -> None:
        """Let a candle happen."""
        ...

    def finish(self, candle: ClosedCandle) -> None:
        """Note that everything a candle causes was done."""
        ...


def markets_of(deployments: tuple[Deployed, ...]) -> list[tuple[str, str]]:
    """One series a symbol: that of an open position, else the shortest timeframe. Two would fill each other's orders."""
    first: dict[str, str] = {}
    for item in sorted(deployments, key=lambda item: (not item.is_held, timeframe_of(item.timeframe).us, item.deployment_id)):
        first.setdefault(item.symbol, item.timeframe)
    return sorted(first.items())


def unplayed(deployments: tuple[Deployed, ...], markets: Sequence[Market]) -> dict[int, str]:
    """Why a deployment's series is not played on this account, by its id."""
    played = {market.symbol: market.timeframe for market in markets}
    return {
        item.deployment_id: f"{item.symbol} is played by its {played[item.symbol]} candles on this account, and {item.timeframe} "
        "candles would fill the same orders: keep one timeframe of a symbol deployed"
        for item in deployments
        if item.is_active and item.timeframe != played[item.symbol]
    }
