"""An account opened to be asked, and given up afterwards."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fxgpt_core.brokers.ctrader.access import Access
from fxgpt_core.brokers.ctrader.broker import CTraderBroker, CTraderSettings
from fxgpt_core.brokers.ctrader.connection import OnEvent
from fxgpt_core.brokers.ctrader.probe import Probe
from fxgpt_core.brokers.ctrader.session import OnReady, Session

READY_S = 60.0


@asynccontextmanager
async def probing(access: Access, account_id: int, is_live: bool, now_us: Callable[[], int]) -> AsyncIterator[Probe]:
    """The probe of an account. Raises `NotReadyError` where the venue is not there, `RefusedError` where a person has to act."""

    def session(on_event: OnEvent, on_ready: OnReady) -> Session:
        wanted = access.session_settings(account_id, is_live)
        return Session(wanted, access.keeper(now_us), on_event, on_ready, random.Random())  # noqa: S311 it spreads reconnects

    broker = CTraderBroker(session, CTraderSettings(account_id, connect_s=READY_S, spelled=access.spelled), now_us)
    try:
        await broker.connect()
        yield broker.probe()
    finally:
        await broker.disconnect()
