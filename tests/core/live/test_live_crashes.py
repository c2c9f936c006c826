"""Killed at every step of an order's life: after the restart no order is doubled, no fill is lost, books are equal."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from awaited import awaited
from live_stage import Stage, stage
from sqlalchemy import select

from fxgpt_core.brokers.paper import PaperBroker
from fxgpt_core.market.charges import Charges
from fxgpt_core.market.fills import REASON_NAMES
from fxgpt_core.registry.live_tables import fills, order_intents, positions

STEPS = ("planned", "sent", "placed", "settled", "played", "amended", "closing", "managed")
CASES = [(step, time, None) for step in STEPS for time in (1, 2)]
CASES += [(step, 1, Charges(account_currency="EUR")) for step in ("placed", "played", "amended", "managed")]

SCRIPT = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = [sys.argv[3], str(Path(sys.argv[3]).parents[1])]
from live_stage import stage
from fxgpt_core.market.charges import Charges
left = int(sys.argv[2].split(":")[1])
def die(step):
    global left
    if step == sys.argv[2].split(":")[0]:
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
charges = Charges(account_currency=sys.argv[4]) if sys.argv[4] else None
made = stage(Path(sys.argv[1]), n=60, charges=charges)
made.release(0, 60)
made.play_all(made.gateway(die))
"""


def trades_of(made: Stage) -> list[tuple[object, ...]]:
    """The closed positions of the ledger: times, side, size, prices and reason."""
    with made.ledger.reading() as connection:
        closed = connection.execute(select(positions).where(positions.c.state == "closed")).all()
    names = ("entry_time_us", "exit_time_us", "side", "units", "entry_price", "exit_price", "exit_reason")
    return sorted(tuple(getattr(row, name) for name in names) for row in closed)


def expected_trades(made: Stage) -> list[tuple[object, ...]]:
    """The backtest's trades that ended before the last candle."""
    found = made.backtest(len(made.candles)).trades
    columns = (found.entry_time_us, found.exit_time_us, found.side, found.units, found.entry_price, found.exit_price)
    reasons = [REASON_NAMES[code] for code in found.reason]
    rows = zip(*(column.tolist() for column in columns), reasons, strict=True)
    return sorted(row for row in rows if row[-1] != "end")


@pytest.mark.parametrize(("step", "time", "charges"), CASES)
def test_gateway_killed_at_a_step_and_restarted_loses_and_doubles_nothing(
    tmp_path: Path, step: str, time: int, charges: Charges | None
) -> None:
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", SCRIPT, str(tmp_path), f"{step}:{time}", here, charges.account_currency if charges else ""]
    done = subprocess.run(command, check=False, timeout=120, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    made = stage(tmp_path, n=60, charges=charges)
    made.play_all(made.gateway())
    broker = PaperBroker(tmp_path / "paper.db", {})
    awaited(broker.connect())
    with made.ledger.reading() as connection:
        intents = connection.execute(select(order_intents)).all()
        booked = connection.execute(select(fills)).all()
        open_now = {row.position_id for row in connection.execute(select(positions).where(positions.c.state == "open"))}
    assert len({row.signal_key for row in intents}) == len(intents)
    assert all(row.attempts <= 1 for row in intents)
    assert {row.fill_id for row in booked} == {fill.fill_id for _, fill in broker.fills_since(0)}
    assert open_now == {held.position_id for held in broker.positions()}
    assert all(row.state in ("FILLED", "EXPIRED") for row in intents)
    lost = [row for row in intents if row.state == "EXPIRED"]
    # An order whose sending was cut off may have left, so it is given up; every other crash changes nothing at all.
    assert len(lost) == (step == "sent")
    if not lost:
        assert trades_of(made) == expected_trades(made)
