"""A simulated house that is open now, in a loop and thread of its own, and the environment of a person who has logged in."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fxgpt_core.brokers.ctrader.endpoint import Endpoint
from fxgpt_core.brokers.ctrader.redaction import Secret
from fxgpt_core.brokers.ctrader.tokens import TokenPair
from fxgpt_core.brokers.ctrader_simulator.venue import VenueSettings
from fxgpt_core.settings import ctrader_access, read_settings
from tests.simulator_client import Rehearsal, rehearsal

KEY = "a-key-that-is-long-enough"


def now_us() -> int:
    return int(datetime.now(UTC).timestamp() * 1_000_000)


@contextmanager
def open_house(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rehearsal]:
    """The house, which settings point to; its files lie in `folder`."""
    ready, stop = threading.Event(), threading.Event()
    made: list[Rehearsal] = []

    async def run() -> None:
        async with rehearsal(folder / "house", venue=VenueSettings(is_always_open=True), now_us=now_us) as at:
            made.append(at)
            ready.set()
            while not stop.is_set():
                await asyncio.sleep(0.01)

    (folder / "house").mkdir()
    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert ready.wait(10)
    at = made[0]
    keys = at.server.credentials
    where = Endpoint("127.0.0.1", at.port, is_live=False)
    variables = {
        "FXGPT_CTRADER_HOST": str(where), "FXGPT_CTRADER_TOKEN_KEY": KEY,
        "FXGPT_CTRADER_CA": str(at.certificates.authority), "FXGPT_CTRADER_CLIENT_ID": keys.client_id,
        "FXGPT_CTRADER_CLIENT_SECRET": keys.client_secret,
    }  # fmt: skip
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    year_us = 365 * 86_400 * 1_000_000
    pair = TokenPair(Secret(keys.access_token), Secret(keys.refresh_token), now_us() + year_us)
    ctrader_access(read_settings()).store().write(pair)
    try:
        yield at
    finally:
        stop.set()
        thread.join()
