"""The paper broker's file: upgraded with everything in it, and whole however the process ends."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from awaited import awaited

from fxgpt_core.brokers import paper_book
from fxgpt_core.brokers.paper import PaperBroker
from fxgpt_core.brokers.paper_quotes import PlayedCandle
from fxgpt_core.errors import NotReadyError
from fxgpt_core.market.charges import Charges
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.orders import OrderRequest, Side
from fxgpt_core.market.timeframes import HOUR_US

OLD_BOOK = """
CREATE TABLE account (id INTEGER PRIMARY KEY CHECK (id = 1), cash REAL NOT NULL, leverage REAL NOT NULL);
CREATE TABLE orders (
    order_id INTEGER PRIMARY KEY AUTOINCREMENT, client_order_id TEXT NOT NULL UNIQUE, symbol TEXT NOT NULL,
    side INTEGER NOT NULL, units INTEGER NOT NULL, stop_price REAL, target_price REAL,
    state TEXT NOT NULL, position_id INTEGER, reason TEXT NOT NULL DEFAULT '');
CREATE TABLE positions (
    position_id INTEGER PRIMARY KEY AUTOINCREMENT, client_order_id TEXT NOT NULL UNIQUE, symbol TEXT NOT NULL,
    side INTEGER NOT NULL, units INTEGER NOT NULL, entry_price REAL NOT NULL, entry_time_us INTEGER NOT NULL,
    stop_price REAL, target_price REAL, is_open INTEGER NOT NULL DEFAULT 1, close_order_id TEXT UNIQUE, close_reason TEXT);
CREATE TABLE fills (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, client_order_id TEXT NOT NULL, position_id INTEGER NOT NULL, symbol TEXT NOT NULL,
    side INTEGER NOT NULL, units INTEGER NOT NULL, price REAL NOT NULL, commission REAL NOT NULL, time_us INTEGER NOT NULL,
    reason TEXT NOT NULL);
CREATE TABLE money (id INTEGER PRIMARY KEY CHECK (id = 1), currency TEXT NOT NULL);
CREATE TABLE marks (symbol TEXT PRIMARY KEY, open_time_us INTEGER NOT NULL, close REAL NOT NULL);
INSERT INTO account VALUES (1, 99000.0, 30.0);
INSERT INTO money VALUES (1, 'USD');
INSERT INTO orders VALUES (1, 'a', 'EURUSD', -1, 1000, 1.3, 1.0, 'filled', 1, ''),
    (2, 'b', 'EURUSD', 1, 500, 1.0, 1.3, 'accepted', NULL, '');
INSERT INTO positions VALUES (1, 'a', 'EURUSD', -1, 1000, 1.2, 0, 1.3, 1.0, 1, NULL, NULL);
INSERT INTO fills VALUES (1, 'a', 1, 'EURUSD', -1, 1000, 1.2, 0.5, 0, 'entry');
INSERT INTO marks VALUES ('EURUSD', 0, 1.1);
"""


def old_book(path: Path) -> Path:
    """A book as it was before quotes had two sides: an open short, a waiting order."""
    with closing(sqlite3.connect(path)) as book:
        book.executescript(OLD_BOOK)
    return path


def version_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as book:
        return int(book.execute("PRAGMA user_version").fetchone()[0])


def played(hour: int, price: float, spread: float = 0.0002) -> PlayedCandle:
    at = hour * HOUR_US
    return PlayedCandle("EURUSD", at, at + HOUR_US, price, price, price, price, spread)


@pytest.mark.parametrize("costs", [Costs(0.0, 0.0), Charges()], ids=["flat", "charges"])
def test_book_of_an_earlier_version_loses_nothing(tmp_path: Path, costs: Costs | Charges) -> None:
    path = old_book(tmp_path / "book.db")
    for _ in range(2):
        broker = PaperBroker(path, {"EURUSD": costs})
        awaited(broker.connect())
        (held,) = broker.positions()
        assert (held.side, held.units, held.entry_price, held.stop_price, held.target_price) == (Side.SHORT, 1000, 1.2, 1.3, 1.0)
        assert (broker.account().balance, broker.account().equity) == (99_000.0, pytest.approx(99_100.0))
        ((_, fill),) = broker.fills_since(0)
        assert (fill.price, fill.commission, fill.swap) == (1.2, 0.5, 0.0)
        assert broker.last_played_us("EURUSD") == 0
        awaited(broker.disconnect())
    assert version_of(path) == len(paper_book.UPGRADES)
    awaited(broker.connect())
    broker.on_candle(played(1, 1.1))
    assert [order.state for order in (awaited(broker.order(name)) for name in "ab") if order] == ["filled", "filled"]
    awaited(broker.close(held.position_id, "a-time", "time"))
    broker.on_candle(played(2, 1.1))
    exit_ = broker.fills_since(0)[-1][1]
    assert exit_.price == pytest.approx(1.1 if isinstance(costs, Costs) else 1.1 + 0.0002 * 1.25, abs=1e-5)


def test_book_with_a_close_that_was_asked_for_and_several_positions_is_upgraded_whole(tmp_path: Path) -> None:
    """Of the version before part closes: one position is to be closed, one has ended by a close, and both open ones stop out."""
    path = tmp_path / "book.db"
    with closing(sqlite3.connect(path)) as book:
        for upgrade in paper_book.UPGRADES[:2]:
            book.executescript(upgrade)
        book.executescript("""
            PRAGMA user_version = 2;
            INSERT INTO account VALUES (1, 5000.0, 30.0);
            INSERT INTO money VALUES (1, 'USD');
            INSERT INTO orders VALUES (1, 'a', 'EURUSD', 1, 1000, NULL, NULL, 'filled', 1, ''),
                (2, 'b', 'EURUSD', 1, 2000, 1.0, NULL, 'filled', 2, ''), (3, 'c', 'EURUSD', 1, 3000, NULL, NULL, 'filled', 7, '');
            INSERT INTO positions VALUES
                (1, 'a', 'EURUSD', 1, 1000, 1.1, 5, NULL, NULL, 0, 'a-time', 'time', 0.9, 0.0),
                (2, 'b', 'EURUSD', 1, 2000, 1.1, 6, 1.0, NULL, 1, NULL, NULL, 0.5, 2.0),
                (7, 'c', 'EURUSD', 1, 3000, 1.1, 7, NULL, NULL, 1, 'c-time', 'time', 0.4, 0.0);
            INSERT INTO fills (client_order_id, position_id, symbol, side, units, price, commission, time_us, reason)
                VALUES ('a', 1, 'EURUSD', 1, 1000, 1.1, 0.0, 5, 'entry'), ('a-time', 1, 'EURUSD', 1, 1000, 1.2, 0.0, 6, 'time'),
                ('b', 2, 'EURUSD', 1, 2000, 1.1, 0.0, 6, 'entry'), ('c', 7, 'EURUSD', 1, 3000, 1.1, 0.0, 7, 'entry');
            INSERT INTO marks (symbol, open_time_us, close) VALUES ('EURUSD', 8, 1.1);
        """)
    broker = PaperBroker(path, {"EURUSD": Charges(commission=0.0, slippage=0.0, impact=0.0)})
    awaited(broker.connect())
    assert version_of(path) == 3
    assert [fill.fill_id for _, fill in broker.fills_since(0)] == ["a:entry", "a-time:time", "b:entry", "c:entry"]
    # Two are open: the level of the account counts, and no price of its own stops one out.
    assert [(held.client_order_id, held.stop_price) for held in broker.positions()] == [("b", 1.0), ("c", None)]
    orders = awaited(broker.order_history(0, 6))
    assert [(order.client_order_id, order.filled_units) for order in orders] == [("a", 1000), ("b", 2000)]
    awaited(broker.place(OrderRequest("d", "EURUSD", Side.LONG, 10, None, None, 0)))
    broker.on_candle(played(1, 1.2))
    assert [held.client_order_id for held in broker.positions()] == ["b", "d"]
    ended = broker.fills_since(4)[0][1]
    assert (ended.client_order_id, ended.reason, ended.price) == ("c-time", "time", 1.2)
    awaited(broker.close("paper-b", "b-part", "close", 500))
    broker.on_candle(played(2, 1.2))
    part = broker.fills_since(0)[-1][1]
    assert (part.units, part.swap) == (500, 0.5)


def test_book_whose_upgrade_fails_is_left_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = old_book(tmp_path / "book.db")
    monkeypatch.setattr(paper_book, "UPGRADES", (*paper_book.UPGRADES, "DROP TABLE fills; DROP TABLE not_there"))
    with pytest.raises(NotReadyError, match="not_there"):
        awaited(PaperBroker(path, {}).connect())
    assert version_of(path) == 0
    monkeypatch.undo()
    broker = PaperBroker(path, {})
    awaited(broker.connect())
    assert len(broker.fills_since(0)) == 1


def test_book_of_a_newer_version_is_not_touched(tmp_path: Path) -> None:
    path = old_book(tmp_path / "book.db")
    with closing(sqlite3.connect(path)) as book:
        book.execute("PRAGMA user_version = 99")
    with pytest.raises(NotReadyError, match="of version 99, made by a newer fxgpt"):
        awaited(PaperBroker(path, {}).connect())
    assert version_of(path) == 99


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from fxgpt_core.brokers.paper import PaperBroker
from fxgpt_core.brokers import paper_matching
from fxgpt_core.brokers.paper_desk import Desk
from fxgpt_core.brokers.paper_quotes import PlayedCandle
from fxgpt_core.market.charges import Charges
from fxgpt_core.market.timeframes import HOUR_US
broker = PaperBroker(Path(sys.argv[1]), {"EURUSD": Charges()})
asyncio.run(broker.connect())
def die(*rest):
    os.kill(os.getpid(), signal.SIGKILL)
setattr(paper_matching if sys.argv[2] == "enter" else Desk, sys.argv[2], die)
broker.on_candle(PlayedCandle("EURUSD", 30 * HOUR_US, 31 * HOUR_US, 1.2, 1.35, 1.2, 1.3, 0.0002))
"""


@pytest.mark.parametrize("step", ["leave", "book_fill", "enter"])
def test_book_of_a_process_killed_within_a_candle_is_as_if_it_was_not_played(tmp_path: Path, step: str) -> None:
    """The candle charges a night, fills the waiting order and stops the short out, in this order."""

    def prepared(path: Path) -> PaperBroker:
        broker = PaperBroker(path, {"EURUSD": Charges()}, cash=2000.0)
        awaited(broker.connect())
        awaited(broker.place(OrderRequest("a", "EURUSD", Side.SHORT, 20_000, 1.3, 1.0, 0)))
        broker.on_candle(played(1, 1.2))
        awaited(broker.place(OrderRequest("b", "EURUSD", Side.LONG, 10, 1.0, 1.5, 0)))
        return broker

    whole, cut = prepared(tmp_path / "whole.db"), prepared(tmp_path / "cut.db")
    before = (cut.account(), cut.positions(), cut.fills_since(0))
    awaited(cut.disconnect())
    command = [sys.executable, "-c", KILLED, str(tmp_path / "cut.db"), step]
    done = subprocess.run(command, check=False, timeout=120, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    awaited(cut.connect())
    assert (cut.account(), cut.positions(), cut.fills_since(0)) == before
    last = PlayedCandle("EURUSD", 30 * HOUR_US, 31 * HOUR_US, 1.2, 1.35, 1.2, 1.3, 0.0002)
    for broker in (whole, cut):
        assert broker.on_candle(last)
        assert not broker.on_candle(last)
    assert (cut.account(), cut.positions(), cut.fills_since(0)) == (whole.account(), whole.positions(), whole.fills_since(0))
    assert cut.fills_since(0)[2][1].swap > 0.0
