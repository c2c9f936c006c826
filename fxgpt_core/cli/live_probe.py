"""fxgpt live probe: what a cTrader account answers to questions that no document settles."""

import asyncio
import time
import uuid
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fxgpt_core.cli.answer import JsonFlag, SymbolOption, answer, say, tell_pairs, tell_table
from fxgpt_core.errors import BadInputError
from fxgpt_core.settings import ctrader_access, read_settings

if TYPE_CHECKING:
    from fxgpt_core.brokers.ctrader.access import Access

AccountOption = Annotated[int, typer.Option("--account", help="Id of the account; `fxgpt ctrader accounts` lists yours.")]
LiveOption = Annotated[bool, typer.Option("--live", help="The account is one of real money; it is only looked at.")]
TradeOption = Annotated[
    bool, typer.Option("--trade", help="Also place the smallest order twice, and close it: demo accounts only.")
]


def probe(
    account: AccountOption, symbol: SymbolOption = "EURUSD", live: LiveOption = False, trade: TradeOption = False,
    json: JsonFlag = False,
) -> None:  # fmt: skip
    """What your house's account answers: names and sizes of symbols, rights, clocks, lag of its history; with --trade, of orders.

    Example: fxgpt live probe --account 40000001 --trade
    """
    if live and trade:
        raise BadInputError("--trade with --live found; orders are tried on a demo account only: leave one of them out")
    found = asyncio.run(_probed(ctrader_access(read_settings()), account, symbol.upper(), live, trade))

    def tell() -> None:
        for part in ("account", "symbol", "orders"):
            if part in found:
                say(part)
                tell_pairs({name: "-" if value is None else value for name, value in found[part].items()})
                say()
        tell_table(found["names"], "the house has no symbol")

    answer(found, json, tell)


VERBS = {"probe": probe}


async def _probed(access: "Access", account_id: int, symbol: str, is_live: bool, may_trade: bool) -> dict[str, Any]:
    from fxgpt_core.brokers.ctrader.probing import probing

    async with probing(access, account_id, is_live, lambda: time.time_ns() // 1000) as asking:
        found: dict[str, Any] = {
            "account": {"id": account_id, **asking.account()},
            "symbol": {"name": symbol, **await asking.symbol(symbol)},
        }
        if may_trade:
            # Its own name each time: a house that refuses a repeated id must not refuse the first.
            found["orders"] = await asking.try_orders(symbol, f"fx1-probe-{uuid.uuid4().hex[:16]}")
        return {**found, "names": asking.names()}
