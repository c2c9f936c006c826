"""The venue: one object that takes quotes and commands, and whose books are the truth a client is compared with."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from fxgpt_core.brokers.ctrader_simulator import orders, protection, quoted_market
from fxgpt_core.brokers.ctrader_simulator.book import Book
from fxgpt_core.brokers.ctrader_simulator.codes import ExecutionKind, OrderStatus, OrderType
from fxgpt_core.brokers.ctrader_simulator.records import (
    AccountChanged,
    CashFlow,
    Execution,
    OrderChange,
    OrderTicket,
    Protection,
    SymbolChanged,
    VenueAccount,
    VenueEvent,
    VenueOrder,
    VenuePosition,
)
from fxgpt_core.brokers.ctrader_simulator.symbol_terms import SymbolTerms, all_terms
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.charges import Charges

FIRST_ACCOUNT: Final = 40_000_001
FIRST_LOGIN: Final = 3_000_001


@dataclass(frozen=True)
class VenueSettings:
    """How a venue begins: deposits in account currency, one account for each; ids of symbols follow the seed."""

    seed: int = 7
    deposits: tuple[float, ...] = (100_000.0,)
    leverage: float = 30.0
    is_live: bool = False
    is_always_open: bool = False
    charges: Charges = field(default_factory=Charges)
    symbols: tuple[str, ...] | None = None


class Venue:
    """Accounts, symbols and quotes by the settings; `now_us` is its clock, microseconds since the epoch in UTC.

    Commands raise `Refusal`. Nothing is de-duplicated: an order sent twice is two orders.
    """

    def __init__(self, now_us: Callable[[], int], settings: VenueSettings | None = None) -> None:
        self.settings = settings or VenueSettings()
        terms = all_terms(self.settings.seed, is_always_open=self.settings.is_always_open)
        wanted = self.settings.symbols
        kept = {number: one for number, one in terms.items() if wanted is None or one.symbol.name in wanted}
        if wanted is not None and len(kept) != len(set(wanted)):
            raise BadInputError(
                f"symbols {', '.join(wanted)} are wanted; some are not among those fxgpt knows: correct the names"
            )
        self.book = Book(now_us, self.settings.charges, kept)
        for row, deposit in enumerate(self.settings.deposits):
            self.open_account(FIRST_ACCOUNT + row, FIRST_LOGIN + row, deposit)

    def listen(self, tell: Callable[[VenueEvent], None]) -> None:
        """Call `tell` with every event from now on; one listener at a time."""
        self.book.tell = tell

    def open_account(self, account_id: int, login: int, deposit: float) -> VenueAccount:
        """Add an account with its first deposit."""
        charges = self.settings.charges
        self.book.accounts[account_id] = VenueAccount(
            account_id,
            login,
            charges.account_currency,
            balance=round(deposit * 100),
            is_live=self.settings.is_live,
            leverage=self.settings.leverage,
            stop_out=charges.stop_out,
            registered_us=self.book.now_us(),
        )
        return self.book.accounts[account_id]

    @property
    def account_id(self) -> int:
        """The first account."""
        return next(iter(self.book.accounts))

    def symbol_id(self, name: str) -> int:
        """The id of a symbol's name on this venue. Raises `BadInputError`."""
        if name not in self.book.ids:
            raise BadInputError(f"symbol {name!r} is not on this venue; it has {', '.join(sorted(self.book.ids))}")
        return self.book.ids[name]

    def quote(self, name: str, bid: float, ask: float) -> None:
        """A new price of a symbol, with everything it causes."""
        quoted_market.on_quote(self.book, self.symbol_id(name), bid, ask)

    def place(self, account_id: int, ticket: OrderTicket) -> VenueOrder:
        """Accept an order and do what follows at once."""
        order = orders.accept(self.book, account_id, ticket)
        orders.fill_at_once(self.book, order)
        return order

    def close(self, account_id: int, position_id: int, volume: int) -> VenueOrder:
        """Close a position, or a part of it."""
        order = orders.accept_close(self.book, account_id, position_id, volume)
        orders.execute(self.book, order)
        return order

    def amend_position(self, account_id: int, position_id: int, wanted: Protection) -> None:
        """Replace stop and target; what is left out is removed."""
        protection.amend_position(self.book, account_id, position_id, wanted)

    def amend_order(self, account_id: int, order_id: int, wanted: OrderChange) -> VenueOrder:
        """Change a waiting order."""
        return orders.change(self.book, account_id, order_id, wanted)

    def cancel(self, account_id: int, order_id: int) -> VenueOrder:
        """Cancel a waiting order."""
        return orders.cancel(self.book, account_id, order_id)

    def stop_out(self, account_id: int) -> bool:
        """Close the oldest position as if the margin were gone; False where nothing is open."""
        held = self.book.positions_of(account_id)
        if held:
            orders.stop_out(self.book, held[0])
        return bool(held)

    def move_cash(self, account_id: int, amount: float, note: str = "") -> None:
        """Deposit (positive) or withdraw; the margin is looked at afterwards."""
        account = self.book.account(account_id)
        cents = round(amount * 100)
        account.balance += cents
        account.balance_version += 1
        number = self.book.numbers.take("flow")
        flow = CashFlow(number, account_id, cents, account.balance, account.balance_version, self.book.now_us(), note)
        self.book.flows.append(flow)
        self.book.tell(Execution(account_id, ExecutionKind.DEPOSIT_WITHDRAW, flow=flow, is_server=True))
        quoted_market.check_margin(self.book, account_id)

    def change_symbol(self, name: str, **terms: Any) -> None:
        """Give a symbol new terms (fields of `SymbolTerms`), and tell it."""
        number = self.symbol_id(name)
        self.book.symbols[number] = replace(self.book.symbols[number], **terms)
        self.book.tell(SymbolChanged(number))

    def change_account(self, account_id: int, **terms: Any) -> None:
        """Give an account new terms (`rights`, `leverage`, `stop_out`, `conversion_fee`), and tell it."""
        self.book.accounts[account_id] = replace(self.book.account(account_id), **terms)
        self.book.tell(AccountChanged(account_id))

    def terms(self, name: str) -> SymbolTerms:
        """The terms of a symbol."""
        return self.book.symbols[self.symbol_id(name)]

    def snapshot(self) -> dict[str, Any]:
        """Everything a client must agree with, as plain JSON: by account, orders by client order id, deals, positions, money.

        Volumes are hundredths of a unit, money hundredths of the account's currency. An id that stands on two orders shows both.
        """
        return {str(account_id): self._account_snapshot(account_id) for account_id in self.book.accounts}

    def _account_snapshot(self, account_id: int) -> dict[str, Any]:
        book, account = self.book, self.book.accounts[account_id]
        asked = [one for one in _of(book.orders.values(), account_id) if one.ticket.type is not OrderType.STOP_LOSS_TAKE_PROFIT]
        by_id: dict[str, list[dict[str, Any]]] = {}
        for order in asked:
            by_id.setdefault(order.ticket.client_order_id, []).append(self._order_snapshot(order))
        return {
            "balance": account.balance,
            "balance_version": account.balance_version,
            "orders": by_id,
            "positions": {str(one.position_id): self._position_snapshot(one) for one in book.positions_of(account_id)},
            "deals": {
                str(deal.deal_id): {
                    "order_id": deal.order_id,
                    "position_id": deal.position_id,
                    "volume": deal.filled_volume,
                    "price": deal.price,
                    "side": deal.side.name,
                    "is_closing": deal.closing is not None,
                }
                for deal in book.deals.values()
                if deal.account_id == account_id
            },
        }

    def _order_snapshot(self, order: VenueOrder) -> dict[str, Any]:
        return {
            "order_id": order.order_id,
            "position_id": order.position_id,
            "symbol": self.book.symbols[order.ticket.symbol_id].symbol.name,
            "side": order.ticket.side.name,
            "volume": order.volume,
            "executed_volume": order.executed_volume,
            "status": OrderStatus(order.status).name,
            "is_closing": order.is_closing,
            "is_stop_out": order.is_stop_out,
        }

    def _position_snapshot(self, position: VenuePosition) -> dict[str, Any]:
        return {
            "symbol": self.book.symbols[position.symbol_id].symbol.name,
            "side": position.side.name,
            "volume": position.volume,
            "price": position.price,
            "stop_loss": position.stop_loss,
            "take_profit": position.take_profit,
            "label": position.label,
        }


def _of(found: Iterable[VenueOrder], account_id: int) -> Iterable[VenueOrder]:
    return (one for one in found if one.account_id == account_id)
