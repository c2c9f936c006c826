"""Killed at every step of an order's life: after the restart no order is doubled, no fill is lost, books are equal."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from live_stage import stage
from sqlalchemy import select

from fxgpt_core.brokers.paper import PaperBroker
from fxgpt_core.registry.live_tables import fills, order_intents, positions

STEPS = ("planned", "sent", "placed", "settled", "played", "managed")

SCRIPT = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from live_stage import stage
left = int(sys.argv[2].split(":")[1])
def die(step):
    global left
    if step == sys.argv[2].split(":")[0]:
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
made = stage(Path(sys.argv[1]), n=60)
made.release(0, 60)
made.play_all(made.gateway(die))
"""


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("time", [1, 3])
def test_gateway_killed_at_a_step_and_restarted_loses_and_doubles_nothing(tmp_path: Path, step: str, time: int) -> None:
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", SCRIPT, str(tmp_path), f"{step}:{time}", here]
    done = subprocess.run(command, check=False, timeout=120, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    made = stage(tmp_path, n=60)
    made.play_all(made.gateway())
    broker = PaperBroker(tmp_path / "paper.db", {})
    broker.connect()
    with made.ledger.reading() as connection:
        intents = connection.execute(select(order_intents)).all()
        booked = connection.execute(select(fills)).all()
        open_now = {row.position_id for row in connection.execute(select(positions).where(positions.c.state == "open"))}
    assert len({row.signal_key for row in intents}) == len(intents)
    assert all(row.attempts <= 1 for row in intents)
    assert {row.fill_id for row in booked} == {fill.fill_id for _, fill in broker.fills_since(0)}
    assert open_now == {held.position_id for held in broker.positions()}
    assert all(row.state in ("FILLED", "EXPIRED", "REJECTED", "ACCEPTED") for row in intents)
    expected = made.backtest(60).trades
    if step not in ("sent",):
        # Only an order whose sending was cut off is given up; every other crash changes nothing at all.
        entered = sorted(row.time_us for row in booked if row.reason == "entry")
        assert entered == sorted(expected.entry_time_us.tolist())[: len(entered)]
        assert len(entered) >= len(expected) - 1
