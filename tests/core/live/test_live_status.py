"""What a person sees of a market that stands still: which series waits, for which candle, since when."""

from datetime import timedelta
from pathlib import Path

import pytest
from awaited import awaited
from live_stage import Stage, stage

from fxgpt_core.errors import BadInputError
from fxgpt_core.live import state_of_trading
from fxgpt_core.portfolio.trading_state import TradingState


def later(made: Stage, minutes: float) -> None:
    """Let the ledger's clock run ahead."""
    before = made.ledger.clock
    made.ledger.clock = lambda: before() + timedelta(minutes=minutes)


def test_status_names_the_candle_that_was_not_decided_for_minutes(tmp_path: Path) -> None:
    made = stage(tmp_path)
    released = made.ledger.now()
    made.release(0, 3)
    made.decide(0)
    later(made, 4)
    assert state_of_trading.waiting(made.ledger) == []
    later(made, 2)
    (row,) = state_of_trading.snapshot(made.ledger)["waiting_series"]
    assert (row["symbol"], row["timeframe"], row["deployment_id"]) == ("EURUSD", "1h", made.deployment.id)
    assert row["known_at_us"] == int(row["known_at"].timestamp() * 1e6) == int(made.candles.known_at_us[1])
    assert timedelta(0) <= row["waiting_since"] - released < timedelta(minutes=1)
    made.decide(1)
    made.decide(2)
    assert state_of_trading.waiting(made.ledger) == []


def test_status_knows_an_account_by_its_gateway_its_orders_or_its_switch(tmp_path: Path) -> None:
    made = stage(tmp_path)
    with pytest.raises(BadInputError, match="no gateway ever ran"):
        state_of_trading.require_account(made.ledger, "paper")
    awaited(made.gateway().start())
    state_of_trading.change(made.ledger, "switched", TradingState.HALTED, by="tester", reason="try it")
    for account in ("paper", "switched"):
        state_of_trading.require_account(made.ledger, account)
    with pytest.raises(BadInputError, match="no account papr; known are: paper, switched"):
        state_of_trading.require_account(made.ledger, "papr")
