"""What a new connection reads before anything is traded on it: symbols, trader, the account as a whole."""

from collections.abc import Mapping

from fxgpt_core.brokers.ctrader import protocol
from fxgpt_core.brokers.ctrader.account_reading import AccountReading
from fxgpt_core.brokers.ctrader.market_prices import MarketPrices
from fxgpt_core.brokers.ctrader.reading import Link
from fxgpt_core.brokers.ctrader.symbols import listed_symbols
from fxgpt_core.errors import RefusedError

HEDGED = protocol.value("ProtoOAAccountType", "HEDGED")
MAY_NOT = frozenset(protocol.value("ProtoOAAccessRights", name) for name in ("NO_TRADING", "NO_LOGIN"))


async def prepared(link: Link, reading: AccountReading, spelled: Mapping[str, str], since_ms: int) -> MarketPrices:
    """The prices of a new connection, none subscribed yet; the account has been read into its book.

    Raises `RefusedError` for an account that cannot be traded here.
    """
    symbols = await listed_symbols(link, reading.account_id, spelled)
    await reading.balance(link)
    trader = reading.trader
    if trader.accountType != HEDGED:
        kind = protocol.name_of("ProtoOAAccountType", trader.accountType)
        raise RefusedError(f"account {reading.account_id} is {kind}; only on a HEDGED one positions are kept apart: open one")
    if trader.accessRights in MAY_NOT:
        rights = protocol.name_of("ProtoOAAccessRights", trader.accessRights)
        raise RefusedError(f"account {reading.account_id} has the rights {rights}; ask its house for the right to trade")
    await reading.whole(link, since_ms)
    return MarketPrices(reading.account_id, symbols, trader.depositAssetId)
