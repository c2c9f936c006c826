"""The trading process on real books: paper equals the backtest, and no guard lets anything slip."""

from pathlib import Path

import pytest
from awaited import awaited
from live_stage import Stage, stage
from sqlalchemy import func, select, update

from fxgpt_core.brokers.broker import BrokerOrder, OrderResult, Permit, permitted
from fxgpt_core.brokers.paper import PaperBroker
from fxgpt_core.errors import BrokenLineageError, RefusedError
from fxgpt_core.live import state_of_trading
from fxgpt_core.live.gateway import Gateway
from fxgpt_core.market.fills import REASON_NAMES
from fxgpt_core.market.orders import OrderRequest
from fxgpt_core.portfolio.trading_state import TradingState
from fxgpt_core.registry import lineage
from fxgpt_core.registry.artifact_tables import deployment_evidence
from fxgpt_core.registry.live_tables import alerts, fills, heartbeats, order_intents, positions, signals


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """A whole replay, only looked at by the tests."""
    made = stage(tmp_path_factory.mktemp("played"))
    made.release(0, len(made.candles))
    made.play_all(made.gateway())
    return made


def rows(made: Stage, table: object, *conditions: object) -> list[object]:
    with made.ledger.reading() as connection:
        return list(connection.execute(select(table).where(*conditions)).all())  # type: ignore[call-overload]


def test_gateway_trades_are_the_backtests_trades(played: Stage) -> None:
    """Every trade closed before the last candle: same times, prices, sizes and reasons, to the last bit."""
    kernel = played.backtest(len(played.candles)).trades
    closed = rows(played, positions, positions.c.state == "closed")
    ended = [k for k in range(len(kernel)) if REASON_NAMES[kernel.reason[k]] != "end"]
    assert len(closed) == len(ended) > 5
    for row, k in zip(sorted(closed, key=lambda row: row.entry_time_us), ended, strict=True):
        mine = (row.entry_time_us, row.exit_time_us, row.side, row.units, row.entry_price, row.exit_price, row.exit_reason)
        theirs = (
            kernel.entry_time_us[k], kernel.exit_time_us[k], kernel.side[k], kernel.units[k], kernel.entry_price[k],
            kernel.exit_price[k], REASON_NAMES[kernel.reason[k]],
        )  # fmt: skip
        assert mine == theirs


def test_gateway_meets_every_exit_rule_on_this_stage(played: Stage) -> None:
    """The equality above says something: all five reasons occur over a few seeds."""
    reasons = {row.exit_reason for row in rows(played, positions, positions.c.state == "closed")}
    assert {"stop", "time"} <= reasons
    assert reasons & {"breakeven", "trailing", "target"}


def test_gateway_each_signal_becomes_at_most_one_order(played: Stage) -> None:
    wished = rows(played, signals)
    assert all(row.state in ("taken", "denied", "expired") for row in wished[:-1])
    intents = rows(played, order_intents)
    assert len({row.signal_key for row in intents}) == len(intents) == sum(row.state == "taken" for row in wished)
    denied = [row for row in wished if row.state == "denied"]
    assert denied
    assert all("positions are open" in row.reason for row in denied)


def test_gateway_facts_form_an_unbroken_chain(played: Stage) -> None:
    with played.ledger.reading() as connection:
        kinds = {entry.kind for entry in lineage.entries(connection)}
        assert lineage.verify(connection) > 50
    assert {"deployment", "decision", "signal", "order_intent", "order_state", "fill", "stop_tightened"} <= kinds


def test_gateway_waits_until_the_last_candle_is_decided(tmp_path: Path) -> None:
    made = stage(tmp_path)
    made.release(0, 3)
    gateway = made.gateway()
    awaited(gateway.start())
    assert awaited(gateway.step())
    assert not awaited(gateway.step())
    assert not awaited(gateway.step())
    made.decide(0)
    assert awaited(gateway.step())
    assert not awaited(gateway.step())


def test_gateway_halted_sends_nothing_and_resumed_sends_again(tmp_path: Path) -> None:
    made = stage(tmp_path)
    made.release(0, 40)
    state_of_trading.change(made.ledger, "paper", TradingState.HALTED, by="tester", reason="try it")
    made.play_all(made.gateway())
    assert rows(made, order_intents) == []
    assert {row.state for row in rows(made, signals)} <= {"denied", "new"}
    assert any("trading is halted" in row.reason for row in rows(made, signals))
    state_of_trading.change(made.ledger, "paper", TradingState.ACTIVE, by="tester", reason="go on")
    made.release(40, 60)
    made.play_all(made.gateway())
    assert rows(made, order_intents)


def test_gateway_heartbeat_names_process_and_state(tmp_path: Path) -> None:
    made = stage(tmp_path)
    awaited(made.gateway().start())
    (beat,) = rows(made, heartbeats)
    assert beat.process == "gateway:paper"
    assert '"state":"active"' in beat.detail_json


class Silent(PaperBroker):
    """A broker whose connection breaks while an order is on its way; `arrives` says whether the order had got there."""

    def __init__(self, path: Path, arrives: bool) -> None:
        super().__init__(path, {})
        self.arrives, self.broken = arrives, True

    async def place(self, request: OrderRequest, permit: Permit = permitted) -> OrderResult:
        if not self.broken:
            return await super().place(request, permit)
        if self.arrives:
            await super().place(request, permit)
        raise ConnectionError("the line went dead")

    def known_order(self, client_order_id: str) -> BrokerOrder | None:
        if self.broken:
            raise ConnectionError("still dead")
        return super().known_order(client_order_id)

    async def order(self, client_order_id: str, sent_at_us: int = 0) -> BrokerOrder | None:
        if self.broken:
            raise ConnectionError("still dead")
        return await super().order(client_order_id, sent_at_us)


def test_gateway_order_lost_on_the_way_stays_unknown_and_blocks_until_the_broker_answers(tmp_path: Path) -> None:
    made = stage(tmp_path)
    made.release(0, 25)
    broker = Silent(tmp_path / "paper.db", arrives=False)
    gateway = Gateway(made.lake, broker, "paper")
    made.play_all(gateway)
    (intent,) = rows(made, order_intents)
    assert intent.state == "UNKNOWN"
    assert any("unknown outcome" in row.reason for row in rows(made, signals))
    assert rows(made, alerts, alerts.c.kind == "unknown_order")
    state_of_trading.change(made.ledger, "paper", TradingState.HALTED, by="tester", reason="look first")
    with pytest.raises(RefusedError, match="unknown outcome"):
        state_of_trading.change(made.ledger, "paper", TradingState.ACTIVE, by="tester", reason="go on")
    broker.broken = False
    awaited(gateway.start())
    (settled,) = rows(made, order_intents)
    assert (settled.state, settled.attempts) == ("EXPIRED", 1)
    assert "never received" in settled.reason
    state_of_trading.change(made.ledger, "paper", TradingState.ACTIVE, by="tester", reason="it never arrived")


def test_gateway_order_whose_answer_was_lost_is_adopted_by_its_fill(tmp_path: Path) -> None:
    made = stage(tmp_path)
    made.release(0, 25)
    made.play_all(Gateway(made.lake, Silent(tmp_path / "paper.db", arrives=True), "paper"))
    first = min(rows(made, order_intents), key=lambda row: row.created_at)
    assert (first.state, first.attempts) == ("FILLED", 1)
    assert first.position_id is not None


def test_gateway_daily_loss_limit_denies_the_rest_of_the_day(tmp_path: Path) -> None:
    made = stage(tmp_path)
    made.release(0, 30)
    made.play_all(made.gateway())
    broker = PaperBroker(tmp_path / "paper.db", {})
    awaited(broker.connect())
    with broker._book.writing() as book:
        book.execute("UPDATE account SET cash = cash * 0.5")
    awaited(broker.disconnect())
    with made.ledger.reading() as connection:
        before = connection.execute(select(func.count()).select_from(order_intents)).scalar_one()
    made.release(30, 34)
    made.play_all(made.gateway())
    late = [row for row in rows(made, signals) if row.state == "denied" and "in this FX day" in row.reason]
    assert late
    with made.ledger.reading() as connection:
        assert connection.execute(select(func.count()).select_from(order_intents)).scalar_one() == before


def test_gateway_parameters_that_are_not_the_approved_ones_are_not_traded(tmp_path: Path) -> None:
    made = stage(tmp_path)
    with made.ledger.begin() as connection:
        connection.execute(update(deployment_evidence).values(params_sha256="f" * 64))
    with pytest.raises(BrokenLineageError, match="was approved with parameters"):
        awaited(made.gateway().start())


def test_gateway_fill_rows_carry_their_order(played: Stage) -> None:
    entries = rows(played, fills, fills.c.reason == "entry")
    assert entries
    assert all(row.order_id for row in entries)
