"""The broker of a chaos process: that of production, at a venue on loopback and with the patience of a run."""

import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from fxgpt_core.brokers.ctrader.access import Access
from fxgpt_core.brokers.ctrader.broker import CTraderBroker, CTraderSettings
from fxgpt_core.brokers.ctrader.connection import OnEvent, Patience
from fxgpt_core.brokers.ctrader.redaction import Secret
from fxgpt_core.brokers.ctrader.session import OnReady, Session
from fxgpt_core.brokers.ctrader.tokens import Credentials, TokenPair
from fxgpt_core.live.chaos.settings import ChaosSettings
from fxgpt_core.live.told import Told

DAY_US = 86_400_000_000
PATIENCE = Patience(connect_s=1.0, heartbeat_s=10.0, silence_s=4.0)
"""What takes a minute at a real venue is over in seconds here, so that a run has many of them."""


def simulated_broker(root: Path, environment: Path, account_id: int, clock: ChaosSettings, told: Told) -> CTraderBroker:
    """The broker of the account at the venue that wrote `environment`; tokens are kept below `root`."""
    values = dict(line.split("=", 1) for line in environment.read_text(encoding="utf-8").splitlines())
    given = {name.removeprefix("FXGPT_CTRADER_"): value.strip("'") for name, value in values.items()}
    secret = Secret(given["CLIENT_SECRET"])
    access = Access(Credentials(given["CLIENT_ID"], secret), root / "ctrader", given["HOST"], Path(given["CA"]), token_key=secret)
    if access.store().read() is None:
        ends_us = clock.now_us() + 30 * DAY_US
        access.store().write(TokenPair(Secret(given["ACCESS_TOKEN"]), Secret(given["REFRESH_TOKEN"]), ends_us))
    wanted = replace(access.session_settings(account_id, is_live=False), patience=PATIENCE, first_wait_s=0.05, longest_wait_s=0.5)

    def session(on_event: OnEvent, on_ready: OnReady) -> Session:
        return Session(wanted, access.keeper(clock.now_us), on_event, on_ready, random.Random())  # noqa: S311 it spreads reconnects

    settings = CTraderSettings(account_id, order_timeout_s=1.5, connect_s=10.0, settles_within=timedelta(seconds=6), lag_s=3.0)
    return CTraderBroker(session, settings, clock.now_us, told.frame)
