"""A paper account that traded a whole stage, made once for all who only look at it; and a live one, new for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from live_account import LiveAccount, live_account, template
from live_stage import Stage, stage

from fxgpt_core.market.charges import Charges


@pytest.fixture(scope="session", params=[None, Charges()], ids=["parity", "fx"])
def traded(request, tmp_path_factory) -> Iterator[Stage]:
    """Every candle but the last one played; by flat costs, and by an account's charges. Whoever changes its ledger undoes it."""
    made = stage(tmp_path_factory.mktemp("traded"), n=100, charges=request.param)
    made.release(0, len(made.candles) - 1)
    made.play_all(made.gateway())
    yield made
    made.ledger.close()


@pytest.fixture(scope="session")
def live_template(tmp_path_factory) -> Path:
    """What every live account is a copy of."""
    return template(tmp_path_factory.mktemp("live_template"))


@pytest.fixture
def account(live_template, tmp_path) -> Iterator[LiveAccount]:
    """A live account before its first start."""
    made = live_account(live_template, tmp_path)
    yield made
    made.ledger.close()
