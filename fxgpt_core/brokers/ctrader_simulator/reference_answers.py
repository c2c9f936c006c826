"""Answers about what does not move: assets, symbols, leverage."""

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from fxgpt_core.brokers.ctrader import protocol
from fxgpt_core.brokers.ctrader_simulator import shapes
from fxgpt_core.brokers.ctrader_simulator.records import Refusal
from fxgpt_core.market.conversion import joining_symbol

if TYPE_CHECKING:
    from fxgpt_core.brokers.ctrader_simulator.client_connection import ClientConnection
    from fxgpt_core.brokers.ctrader_simulator.server import SimulatorServer

UNLIMITED: Final = 10**15


def _assets(server: "SimulatorServer", client: "ClientConnection", asked: Any) -> Any:
    rows = [{"assetId": number, "name": name, "displayName": name, "digits": 2} for name, number in shapes.ASSETS.items()]
    return protocol.new("ProtoOAAssetListRes", ctidTraderAccountId=asked.ctidTraderAccountId, asset=rows)


def _classes(server: "SimulatorServer", client: "ClientConnection", asked: Any) -> Any:
    rows = [{"id": 1, "name": "Forex"}]
    return protocol.new("ProtoOAAssetClassListRes", ctidTraderAccountId=asked.ctidTraderAccountId, assetClass=rows)


def _categories(server: "SimulatorServer", client: "ClientConnection", asked: Any) -> Any:
    rows = [{"id": 1, "assetClassId": 1, "name": "Majors and crosses"}]
    return protocol.new("ProtoOASymbolCategoryListRes", ctidTraderAccountId=asked.ctidTraderAccountId, symbolCategory=rows)


def _symbols(server: "SimulatorServer", client: "ClientConnection", asked: Any) -> Any:
    rows = [shapes.light_symbol_fields(terms) for terms in server.venue.book.symbols.values()]
    return protocol.new("ProtoOASymbolsListRes", ctidTraderAccountId=asked.ctidTraderAccountId, symbol=rows)


def _symbols_by_id(server: "SimulatorServer", client: "ClientConnection", asked: Any) -> Any:
    book, wanted = server.venue.book, list(asked.symbolId)
    # One unknown id empties the whole batch, as seen on the vendor's own proxy.
    known = wanted if all(number in book.symbols for number in wanted) else []
    rows = [shapes.symbol_fields(book, book.symbols[number]) for number in known]
    return protocol.new("ProtoOASymbolByIdRes", ctidTraderAccountId=asked.ctidTraderAccountId, symbol=rows)


def _conversion(server: "SimulatorServer", client: "ClientConnection", asked: Any) -> Any:
    """The one symbol that joins two assets, or the two that do so by dollars."""
    book = server.venue.book
    names = {number: name for name, number in shapes.ASSETS.items()}
    if asked.firstAssetId not in names or asked.lastAssetId not in names:
        raise Refusal("ENTITY_NOT_FOUND", "Asset is not found")
    first, last = names[asked.firstAssetId], names[asked.lastAssetId]
    direct = [terms for terms in book.symbols.values() if {terms.symbol.base, terms.symbol.quote} == {first, last}]
    chain = direct
    for terms in () if direct else book.symbols.values():
        if first in (terms.symbol.base, terms.symbol.quote) and "USD" in (terms.symbol.base, terms.symbol.quote):
            joining = joining_symbol(terms.symbol, last)
            second = [] if joining is None or joining.name not in book.ids else [book.symbols[book.ids[joining.name]]]
            chain = [terms, *second]
    rows = [shapes.light_symbol_fields(terms) for terms in chain]
    return protocol.new("ProtoOASymbolsForConversionRes", ctidTraderAccountId=asked.ctidTraderAccountId, symbol=rows)


def _leverage(server: "SimulatorServer", client: "ClientConnection", asked: Any) -> Any:
    account = server.venue.book.accounts[asked.ctidTraderAccountId]
    if asked.leverageId != shapes.LEVERAGE_ID:
        raise Refusal("ENTITY_NOT_FOUND", f"Dynamic leverage {asked.leverageId} is not found")
    tiers = [{"volume": UNLIMITED, "leverage": round(account.leverage * 100)}]
    leverage = {"leverageId": shapes.LEVERAGE_ID, "tiers": tiers}
    return protocol.new("ProtoOAGetDynamicLeverageByIDRes", ctidTraderAccountId=asked.ctidTraderAccountId, leverage=leverage)


ANSWERS: Final = MappingProxyType(
    {
        "ProtoOAAssetListReq": _assets,
        "ProtoOAAssetClassListReq": _classes,
        "ProtoOASymbolCategoryListReq": _categories,
        "ProtoOASymbolsListReq": _symbols,
        "ProtoOASymbolByIdReq": _symbols_by_id,
        "ProtoOASymbolsForConversionReq": _conversion,
        "ProtoOAGetDynamicLeverageByIDReq": _leverage,
    }
)
