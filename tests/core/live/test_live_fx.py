"""The trading process at an account's charges: live is the backtest in mode FX too."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from awaited import awaited
from live_stage import Stage, closed, stage
from sqlalchemy import select

from fxgpt_core.brokers.paper import PaperBroker
from fxgpt_core.live.candle_feed import release
from fxgpt_core.market.charges import Charges
from fxgpt_core.market.fills import REASON_NAMES
from fxgpt_core.market.swaps import SwapRates
from fxgpt_core.registry.live_tables import order_intents, positions, signals

SWAP = SwapRates(0.05, -0.01)
NAMES = ("entry_time_us", "exit_time_us", "side", "units", "entry_price", "exit_price", "exit_reason")


def live_trades(made: Stage) -> list[tuple[object, ...]]:
    with made.ledger.reading() as connection:
        found = connection.execute(select(positions).where(positions.c.state == "closed")).all()
    return sorted(tuple(getattr(row, name) for name in NAMES) for row in found)


def backtest_trades(made: Stage) -> list[tuple[object, ...]]:
    """The backtest's trades that ended before the last candle, in which it closes what is open."""
    found = made.backtest(len(made.candles)).trades
    columns = (found.entry_time_us, found.exit_time_us, found.side, found.units, found.entry_price, found.exit_price)
    reasons = [REASON_NAMES[code] for code in found.reason]
    rows = zip(*(column.tolist() for column in columns), reasons, strict=True)
    return sorted(row for row in rows if row[1] < made.candles.open_time_us[-1])


@pytest.mark.parametrize("currency", ["USD", "EUR", "GBP"])
def test_gateway_trades_of_an_account_with_charges_are_those_of_the_backtest_in_mode_fx(tmp_path: Path, currency: str) -> None:
    charges = Charges(account_currency=currency, commission=0.0, commission_per_lot=3.5, swap=SWAP, depth=1e6)
    made = stage(tmp_path, charges=charges)
    last = len(made.candles) - 1
    made.release(0, last)
    made.play_all(made.gateway())
    assert len(live_trades(made)) > 5
    assert live_trades(made) == backtest_trades(made)
    assert {row[-1] for row in live_trades(made)} >= {"stop", "time"}
    broker = PaperBroker(tmp_path / "paper.db", {})
    awaited(broker.connect())
    assert broker.account().equity == made.backtest(last + 1).equity[last - 1]
    fills = [fill for _, fill in broker.fills_since(0)]
    assert [fill.commission for fill in fills] == pytest.approx([fill.units * 3.5 / 100_000 for fill in fills])
    swaps = [fill.swap for fill in fills]
    assert sum(1 for swap in swaps if swap != 0.0) >= 2


def test_gateway_position_that_the_broker_stops_out_is_managed_and_named_as_in_the_backtest(tmp_path: Path) -> None:
    """A broker that wants 27 times the margin closes shorts of the whole account half a percent away."""
    made = stage(tmp_path, charges=Charges(account_currency="EUR", swap=SWAP, stop_out=27.0))
    made.release(0, len(made.candles) - 1)
    made.play_all(made.gateway())
    assert live_trades(made) == backtest_trades(made)
    reasons = Counter(row[-1] for row in live_trades(made))
    assert reasons["stop_out"] >= 2
    assert len(reasons) >= 3


@pytest.mark.parametrize("charges", [None, Charges(swap=SWAP)], ids=["parity", "fx"])
def test_gateway_positions_that_a_pattern_led_into_trail_by_their_own_plan_whatever_restarts(
    tmp_path: Path, charges: Charges | None
) -> None:
    """Every other wish is led by a pattern; six processes follow each other, so that positions outlive the one that entered."""
    plain = stage(tmp_path, n=240, seed=26, charges=charges)
    led = {**plain.decisions.numbers, "pattern_led": np.arange(240) % 2.0}
    made = replace(plain, decisions=replace(plain.decisions, numbers=led))
    for start in range(0, 240, 40):
        made.release(start, min(start + 40, 239))
        made.play_all(made.gateway())
    assert live_trades(made) == backtest_trades(made)
    others = set(live_trades(made)) - set(backtest_trades(plain))
    assert sum(row[-1] in {"breakeven", "trailing"} for row in others) >= 2


def test_gateway_with_and_without_charges_trades_differently(tmp_path: Path) -> None:
    flat, charged = stage(tmp_path / "flat"), stage(tmp_path / "charged", charges=Charges())
    for made in (flat, charged):
        made.release(0, 60)
        made.play_all(made.gateway())
    assert live_trades(flat) != live_trades(charged)


def test_gateway_denies_a_signal_while_the_accounts_money_has_no_price_and_goes_on_with_one(tmp_path: Path) -> None:
    made = stage(tmp_path, n=40, charges=Charges(account_currency="JPY"))
    made.release(0, 40)
    made.play_all(made.gateway())
    with made.ledger.reading() as connection:
        denied = connection.execute(select(signals).where(signals.c.state == "denied")).all()
        assert connection.execute(select(order_intents)).all() == []
    assert len(denied) > 5
    why = "price: the broker knows no price of EURUSD in the account's money yet, a price of the symbol; wait for a candle"
    assert {row.reason for row in denied} == {why}
    with_yen = stage(tmp_path / "yen", n=40, charges=Charges(account_currency="JPY"))
    release(with_yen.ledger, "USDJPY", "1h", [closed(with_yen.candles, i) for i in range(40)], "test")
    with_yen.release(0, 40)
    with_yen.play_all(with_yen.gateway())
    assert live_trades(with_yen)
