"""The gateway of a cTrader account, put together."""

import random
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from fxgpt_core.brokers.ctrader.access import Access
from fxgpt_core.brokers.ctrader.broker import CTraderBroker, CTraderSettings
from fxgpt_core.brokers.ctrader.connection import OnEvent
from fxgpt_core.brokers.ctrader.session import OnReady, Session
from fxgpt_core.brokers.ctrader.trendbars import Trendbar
from fxgpt_core.errors import BadInputError
from fxgpt_core.live.account_folder import account_folder
from fxgpt_core.live.candle_feed import ClosedCandle
from fxgpt_core.live.gateway import Gateway
from fxgpt_core.live.gateway_settings import GatewaySettings
from fxgpt_core.live.guard_file import read_guard_settings
from fxgpt_core.live.told import Told
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.registry.lake import Lake


def ctrader_gateway(lake: Lake, data_root: Path, account: str, access: Access, is_live: bool) -> Gateway:
    """The gateway of a cTrader account, named by its id. An account of real money begins halted: a person lets it trade.

    Raises `BadInputError` for an account that is no id.
    """
    folder, number = account_folder(data_root, account), account_id(account)
    told = Told(account, "ctrader")
    settings = GatewaySettings(folder=folder, guards=read_guard_settings(data_root, account), begins_halted=is_live)
    broker = ctrader_broker(access, number, is_live, told, lambda: _us(lake))
    return Gateway(lake, broker, account, settings=settings, told=told)


def account_id(account: str) -> int:
    """The id that names a cTrader account. Raises `BadInputError` for a name that is none."""
    if not account.isascii() or not account.isdigit():
        raise BadInputError(
            f"account {account!r} is no id of a cTrader account; `fxgpt ctrader accounts` lists yours: --account ID"
        )
    return int(account)


def ctrader_broker(access: Access, account_id: int, is_live: bool, told: Told, now_us: Callable[[], int]) -> CTraderBroker:
    """The broker of a cTrader account, not connected yet; what it tells by itself goes to `told`."""

    def session(on_event: OnEvent, on_ready: OnReady) -> Session:
        wanted = access.session_settings(account_id, is_live)
        return Session(wanted, access.keeper(now_us), on_event, on_ready, random.Random())  # noqa: S311 it spreads reconnects

    def on_candle(symbol: str, timeframe: Timeframe, bar: Trendbar) -> None:
        told.candle(symbol, str(timeframe), ClosedCandle(**asdict(bar)))

    return CTraderBroker(session, CTraderSettings(account_id, spelled=access.spelled), now_us, told.frame, on_candle)


def _us(lake: Lake) -> int:
    return int(lake.ledger.now().timestamp() * 1_000_000)
