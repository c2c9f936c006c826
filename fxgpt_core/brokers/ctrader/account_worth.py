"""What the account is worth now: its balance, and what its positions would bring at the last prices."""

from dataclasses import dataclass, field
from typing import Any

from fxgpt_core.brokers.ctrader.account_book import AccountBook
from fxgpt_core.brokers.ctrader.market_prices import MarketPrices
from fxgpt_core.brokers.ctrader.position_fold import FoldedPosition
from fxgpt_core.brokers.ctrader.prices import VOLUME_OF_UNIT, money
from fxgpt_core.brokers.ctrader.reading import Link, read
from fxgpt_core.errors import NotReadyError
from fxgpt_core.market.orders import Account, Side


@dataclass
class AccountWorth:
    """Open profit by our own prices; where there is no price yet, by what the venue told at the connection."""

    book: AccountBook
    told: dict[int, float] = field(default_factory=dict)

    async def read(self, link: Link, account_id: int) -> None:
        """Ask for the open profit of every position, if there is one."""
        self.told = {}
        if not any(one.volume for one in self.book.positions.values()):
            return
        answer = await read(link, "ProtoOAGetPositionUnrealizedPnLReq", ctidTraderAccountId=account_id)
        for one in answer.positionUnrealizedPnL:
            self.told[one.positionId] = float(money(one.netUnrealizedPnL, answer.moneyDigits))

    def account(self, prices: MarketPrices, trader: Any) -> Account:
        """Raises `NotReadyError` while a position has no price."""
        balance = self.book.balance.balance
        if balance is None or trader is None:
            raise NotReadyError("the balance was not told yet")
        held = [one for one in self.book.positions.values() if one.volume]
        return Account(
            balance=float(balance),
            equity=float(balance) + sum(self._profit(one, prices) for one in held),
            leverage=trader.leverageInCents / 100,
            margin=float(sum(one.used_margin for one in held)),
        )

    def _profit(self, position: FoldedPosition, prices: MarketPrices) -> float:
        quote = prices.quote(position.symbol_id)
        if quote is None or quote.bid is None or quote.ask is None:
            if position.position_id not in self.told:
                name = prices.symbols.name_of(position.symbol_id)
                raise NotReadyError(f"no price of {name} is known yet, and position {position.position_id} is open in it")
            return self.told[position.position_id]
        price = quote.bid if position.side is Side.LONG else quote.ask
        gross = position.side * (price - position.entry_price) * position.volume / VOLUME_OF_UNIT * quote.conversion
        return gross + float(position.swap + position.commission)
