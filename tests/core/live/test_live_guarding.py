"""The guards at work on a live account: what they find in the ledger and the books, what they write, what they do."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from awaited import awaited
from live_stage import CODE, Stage, stage
from quoted_broker import Clock, QuotedBroker
from sqlalchemy import Row, insert, select, update

from fxgpt_core.live import state_of_trading
from fxgpt_core.live.deployed import Deployed, deployed
from fxgpt_core.live.guarding import Entry, Guarding
from fxgpt_core.live.losing_streak import losing_streak
from fxgpt_core.market.orders import Position, Side
from fxgpt_core.portfolio.guards.denial import Denial
from fxgpt_core.portfolio.guards.settings import GuardSettings
from fxgpt_core.portfolio.trading_state import TradingState
from fxgpt_core.registry.gateway_tables import closes, equity_marks, flatten_requests, guard_denials
from fxgpt_core.registry.lake import Lake
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_records import (
    DENIED,
    DecisionRecord,
    SignalRecord,
    insert_decision,
    insert_signal,
    move_signal,
    signal_key,
)
from fxgpt_core.registry.live_tables import alerts, fills, live_candles, order_intents, positions, signals

SETTINGS = GuardSettings(
    max_symbol_exposure=100.0, max_currency_exposure=100.0, max_leverage=100.0, max_correlated_exposure=100.0
)


@dataclass
class Scene:
    """A ledger with one deployment, a broker with quotes, a clock, and the guards that look at them."""

    made: Stage
    clock: Clock
    broker: QuotedBroker
    guarding: Guarding
    deployment: Deployed

    def entry(self, **changes: Any) -> Entry:
        known_at_us = self.clock.us - 10_000_000
        made = Entry(self.deployment, 1, 10_000, 1.1, known_at_us, known_at_us, 0.5, "USD")
        return replace(made, **changes)

    def denied(self, **changes: Any) -> dict[str, Denial]:
        self.broker.tick()
        return {denial.guard: denial for denial in awaited(self.guarding.refusals(self.entry(**changes)))}

    def watch(self, looks: int = 2, every_s: float = 1.0, **tick: float) -> None:
        """As a gateway does between candles: a price and a look each second, or more seldom."""
        for _ in range(looks):
            self.clock.move(seconds=every_s)
            self.broker.tick(**tick)  # type: ignore[arg-type]
            self.guarding.watch(["EURUSD"])

    def rows(self, table: Any) -> list[Row[Any]]:
        with self.made.ledger.reading() as connection:
            return list(connection.execute(select(table)).all())

    @property
    def state(self) -> TradingState:
        with self.made.ledger.reading() as connection:
            return state_of_trading.state(connection, "paper")

    def resume(self) -> None:
        state_of_trading.change(self.made.ledger, "paper", TradingState.ACTIVE, by="ada", reason="looked at it")

    def signal(self) -> str:
        """A decision on the last close that wishes to be long, and its signal."""
        place = (self.made.deployment.id, "EURUSD", "1h", self.clock.us - 10_000_000)
        payload = {"decision": {"numbers": {"close": 1.1}}}
        with self.made.ledger.begin() as connection:
            stored = insert_decision(connection, DecisionRecord(*place, 1, "wish", payload, "run"), self.clock())
            assert stored.id is not None
            insert_signal(connection, SignalRecord(signal_key(*place), stored.id, 1, 0.01, 0.02, 0.01), self.clock())
        return signal_key(*place)

    def intent(self, order: str, state: str, **values: Any) -> None:
        """An order of ours as the ledger has it, on a signal of its own candle."""
        self.clock.move(hours=1)
        key = self.signal()
        row = {"client_order_id": order, "signal_key": key, "deployment_id": self.made.deployment.id, "account": "paper"}
        row |= {"broker": "paper", "symbol": "EURUSD", "side": 1, "units": 10_000, "state": state, "attempts": 1}
        stamps = {"created_at": self.clock(), "updated_at": self.clock()}
        with self.made.ledger.begin() as connection:
            connection.execute(insert(order_intents), {**row, **stamps, **values})


SceneOf = Callable[[GuardSettings], Scene]


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """A stage that each test takes a copy of: migrating a ledger takes longer than most tests here."""
    made = stage(tmp_path_factory.mktemp("untouched"), n=2)
    made.ledger.close()
    return made


@pytest.fixture
def scene_of(untouched: Stage, tmp_path_factory: pytest.TempPathFactory) -> SceneOf:
    def copied(settings: GuardSettings) -> Scene:
        root = tmp_path_factory.mktemp("scene") / "copy"
        shutil.copytree(untouched.root, root)
        lake = Lake(root / "lake", Ledger(f"sqlite:///{root / 'ledger.db'}"), CODE)
        return _scene(replace(untouched, root=root, lake=lake), settings)

    return copied


@pytest.fixture
def scene(scene_of: SceneOf) -> Scene:
    return scene_of(SETTINGS)


def _scene(made: Stage, settings: GuardSettings) -> Scene:
    clock = Clock()
    made.ledger.clock = clock
    broker = QuotedBroker(clock)
    guarding = Guarding(made.lake, made.ledger, broker, "paper", settings)  # type: ignore[arg-type]
    (item,) = deployed(made.lake, "paper", "paper")
    scene = Scene(made, clock, broker, guarding, item)
    scene.watch(6)
    return scene


def test_guarding_lets_a_quiet_entry_pass(scene: Scene) -> None:
    assert scene.denied() == {}


def test_guarding_without_books_asks_nothing_of_them(scene: Scene) -> None:
    scene.broker.is_ready = False
    assert list(scene.denied()) == ["session_ready"]


@pytest.mark.parametrize(
    ("guard", "change"),
    [
        ("signal_age", {"known_at_us": 0}),
        ("volume", {"units": 999}),
        ("deployment_daily_loss", {"daily_loss_limit": 0.0}),
    ],
)
def test_guarding_asks_of_the_entry_itself(scene: Scene, guard: str, change: dict[str, Any]) -> None:
    assert list(scene.denied(**change)) == [guard]


def test_guarding_asks_the_broker_what_the_order_binds(scene: Scene) -> None:
    scene.broker.expected = 80_000.0
    assert scene.denied() == {}
    scene.broker.expected = 80_000.01
    assert list(scene.denied()) == ["margin"]
    scene.broker.expected, scene.broker.margin = 100.0, 99_900.0
    assert "at most 80% of the free margin, 80.00" in scene.denied()["margin"].allowed


def test_guarding_counts_margin_of_orders_on_their_way(scene: Scene) -> None:
    """A GBPUSD order of 60,000 at 1.25 binds 2,500 at 30:1 before the broker says so; 80 % of the 500 left are 400."""
    scene.broker.tick("GBPUSD", 1.2499, 1.2501)
    scene.intent("fx1-a", "SENT", symbol="GBPUSD", units=60_000)
    scene.watch(6)
    scene.broker.margin, scene.broker.expected = 97_000.0, 400.01
    assert "the free margin, 400.00" in scene.denied()["margin"].allowed


def test_guarding_a_price_that_stands_still_is_stale(scene: Scene) -> None:
    scene.clock.move(seconds=6)
    found = awaited(scene.guarding.refusals(scene.entry()))
    assert [denial.guard for denial in found] == ["stale_price"]


def test_guarding_a_wide_spread_is_denied_until_it_was_usual_for_long(scene: Scene) -> None:
    scene.watch(60, 5.0, bid=1.1, ask=1.1005)
    scene.broker.tick(bid=1.1, ask=1.1005)
    assert [denial.guard for denial in awaited(scene.guarding.refusals(scene.entry()))] == ["spread"]
    scene.watch(80, 5.0, bid=1.1, ask=1.1005)
    scene.broker.tick(bid=1.1, ask=1.1005)
    assert awaited(scene.guarding.refusals(scene.entry())) == ()


def test_guarding_a_refused_signal_has_a_row_for_each_guard_in_one_transaction(scene: Scene) -> None:
    key = scene.signal()
    scene.broker.expected = 90_000.0
    found = tuple(scene.denied(units=1500).values())
    assert [denial.guard for denial in found] == ["volume", "margin"]

    def refuse_and_end() -> None:
        with scene.made.ledger.begin() as connection:
            move_signal(connection, key, DENIED, "why", scene.clock())
            scene.guarding.refused(connection, ("EURUSD", key), found)
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        refuse_and_end()
    assert scene.rows(guard_denials) == []
    assert scene.rows(signals)[0].state == "new"
    with scene.made.ledger.begin() as connection:
        scene.guarding.refused(connection, ("EURUSD", key), found)
    written = [(row.account, row.symbol, row.signal_key, row.client_order_id, row.guard) for row in scene.rows(guard_denials)]
    assert written == [("paper", "EURUSD", key, None, "volume"), ("paper", "EURUSD", key, None, "margin")]
    assert scene.rows(guard_denials)[0].found == "the size is 1500 units"


def last_word(scene: Scene, order: str) -> str:
    (intent,) = [row for row in scene.rows(order_intents) if row.client_order_id == order]
    with scene.made.ledger.begin() as connection:
        return scene.guarding.refusal_now(connection, intent)


def test_guarding_the_last_word_is_about_the_moment(scene: Scene) -> None:
    scene.intent("fx1-a", "PLANNED")
    scene.watch(6)
    assert last_word(scene, "fx1-a") == ""
    assert scene.rows(guard_denials) == []
    scene.clock.move(seconds=25)
    assert "signal_age: the signal is 41.0 s old" in last_word(scene, "fx1-a")
    assert [(row.guard, row.client_order_id) for row in scene.rows(guard_denials)] == [
        ("signal_age", "fx1-a"), ("stale_price", "fx1-a"),
    ]  # fmt: skip


def test_guarding_the_last_word_sees_a_spread_that_opened_a_market_that_closed_and_books_that_are_lost(scene: Scene) -> None:
    scene.intent("fx1-a", "PLANNED")
    scene.watch(6)
    scene.broker.tick(ask=1.1008)
    assert last_word(scene, "fx1-a").startswith("spread: the spread is 8.0 pips")
    scene.broker.tick()
    scene.broker.is_open = False
    assert last_word(scene, "fx1-a").startswith("market_hours: the broker opens no positions")
    scene.broker.is_ready = False
    assert last_word(scene, "fx1-a").startswith("session_ready")
    assert [row.guard for row in scene.rows(guard_denials)] == ["spread", "market_hours", "session_ready"]


@pytest.mark.parametrize("state", [TradingState.REDUCING, TradingState.HALTED])
def test_guarding_the_last_word_hears_the_switch(scene: Scene, state: TradingState) -> None:
    scene.intent("fx1-a", "PLANNED")
    scene.watch(6)
    state_of_trading.change(scene.made.ledger, "paper", state, by="ada", reason="news")
    assert f"trading is {state}" in last_word(scene, "fx1-a")
    assert [row.guard for row in scene.rows(guard_denials)] == ["emergency_stop"]


@pytest.mark.parametrize("state", ["PLANNED", "SENT", "ACCEPTED", "PARTLY_FILLED", "UNKNOWN"])
def test_guarding_an_order_that_may_still_be_filled_counts_as_filled(scene: Scene, state: str) -> None:
    scene.intent("fx1-a", state)
    found = scene.denied()
    assert "1 positions are open or ordered on the symbol" in found["positions"].found
    assert set(found) == ({"positions", "unknown_orders"} if state == "UNKNOWN" else {"positions"})


@pytest.mark.parametrize("state", ["FILLED", "REJECTED", "DENIED", "EXPIRED", "CANCELLED"])
def test_guarding_an_order_that_has_ended_does_not_count(scene: Scene, state: str) -> None:
    scene.intent("fx1-a", state)
    assert scene.denied() == {}


def test_guarding_a_position_that_only_the_broker_has_counts_and_one_that_both_have_once(scene: Scene) -> None:
    held = Position("p1", "", "EURUSD", Side.LONG, 10_000, 1.1, 0, 1.0, None)
    scene.broker.held = [held]
    assert "1 positions" in scene.denied()["positions"].found
    row = {"position_id": "p1", "client_order_id": "fx1-a", "account": "paper", "symbol": "EURUSD", "side": 1, "units": 10_000}
    with scene.made.ledger.begin() as connection:
        connection.execute(insert(positions), {**row, "entry_price": 1.1, "entry_time_us": 0, "state": "open"})
    assert "1 positions" in scene.denied()["positions"].found
    scene.broker.held = [replace(held, position_id="p2")]
    assert "2 positions" in scene.denied()["positions"].found


def test_guarding_what_is_left_of_a_position_is_its_exposure(scene_of: SceneOf) -> None:
    """GBPUSD 100,000 of which 40,000 are closed: 60,000 × 1.25 + 10,000 × 1.1001 = 86,001, of an equity of 100,000."""
    row = {"position_id": "p1", "client_order_id": "x", "account": "paper", "symbol": "GBPUSD", "side": 1, "units": 100_000}
    for limit, guards in ((0.861, set()), (0.859, {"leverage"})):
        scene = scene_of(replace(SETTINGS, max_leverage=limit))
        scene.broker.tick("GBPUSD", 1.2499, 1.2501)
        with scene.made.ledger.begin() as connection:
            values = {"entry_price": 1.0, "entry_time_us": 0, "state": "open", "closed_units": 40_000}
            connection.execute(insert(positions), {**row, **values})
        assert set(scene.denied()) == guards


def test_guarding_correlation_is_of_the_closes_in_the_feed(scene_of: SceneOf) -> None:
    """GBPUSD moves with EURUSD exactly, then against it; without candles it counts in full."""
    scene = scene_of(replace(SETTINGS, max_correlated_exposure=0.5))
    scene.broker.tick("GBPUSD", 1.2499, 1.2501)
    scene.broker.held = [Position("p1", "", "GBPUSD", Side.LONG, 100_000, 1.25, 0, 1.0, None)]
    assert "correlation" in scene.denied()
    wave = [1.1 * 1.001 ** (i * 7 % 5) for i in range(40)]
    for name, prices, guards in (("with", wave, {"correlation"}), ("against", [1.4 / price for price in wave], set())):
        with scene.made.ledger.begin() as connection:
            connection.execute(live_candles.delete())
            for symbol, series in (("EURUSD", wave), ("GBPUSD", prices)):
                for i, price in enumerate(series):
                    ohlc = dict.fromkeys(("open", "high", "low", "close"), price)
                    stamps = {"open_time_us": i, "known_at_us": i + 1, "received_at": scene.clock()}
                    row = {"symbol": symbol, "timeframe": "1h", "volume": 1.0, "source": name, "sha256": "0" * 64}
                    connection.execute(insert(live_candles), {**row, **ohlc, **stamps})
        assert set(scene.denied()) == guards, name


def test_guarding_orders_are_counted_by_the_minute_and_the_fx_day(scene_of: SceneOf) -> None:
    scene = scene_of(replace(SETTINGS, max_symbol_orders_per_minute=1, max_orders_per_minute=2, max_orders_per_day=3))
    for i in range(2):
        scene.intent(f"fx1-{i}", "FILLED", symbol="GBPUSD" if i else "EURUSD")
    sent = scene.clock()
    with scene.made.ledger.begin() as connection:
        connection.execute(update(order_intents).values(sent_at=sent))
    assert "1 orders were sent on the symbol within a minute" in scene.denied()["order_rate"].found
    with scene.made.ledger.begin() as connection:
        connection.execute(update(order_intents).values(symbol="GBPUSD"))
    assert "2 orders were sent within a minute" in scene.denied()["order_rate"].found
    scene.clock.move(seconds=60)
    assert scene.denied() == {}
    scene.intent("fx1-3", "FILLED", sent_at=sent)
    assert "3 orders were sent in this FX day" in scene.denied()["order_rate"].found
    scene.clock.move(hours=22 - scene.clock().hour)  # past 17:00 New York
    scene.watch(6)
    assert scene.denied() == {}


def test_guarding_a_daily_loss_reduces_the_account_once_and_a_person_trades_on_next_day(scene: Scene) -> None:
    scene.broker.equity = 97_001.0
    scene.watch()
    assert scene.state is TradingState.ACTIVE
    scene.broker.equity = 97_000.0
    scene.watch(10)
    assert scene.state is TradingState.REDUCING
    (alert,) = scene.rows(alerts)
    assert "daily_loss: the equity fell by 3.00% in this FX day" in alert.message
    assert scene.rows(flatten_requests) == []
    scene.resume()
    scene.watch(4)
    assert scene.state is TradingState.REDUCING
    scene.clock.move(hours=9)  # 17:00 New York is past
    scene.watch(6)
    assert scene.state is TradingState.REDUCING
    assert scene.rows(alerts)[0].resolved_at is None
    scene.resume()
    scene.watch(4)
    assert scene.state is TradingState.ACTIVE
    assert scene.rows(alerts)[0].resolved_at is not None


def test_guarding_everything_is_closed_by_policy_once_a_day(scene_of: SceneOf) -> None:
    scene = scene_of(replace(SETTINGS, flatten_on_daily_loss=True))
    scene.broker.equity = 96_000.0
    scene.watch(10)
    (request,) = scene.rows(flatten_requests)
    assert (request.asked_by, request.reason) == ("guard daily_loss", "the equity fell by 4.00% in this FX day")


def test_guarding_a_day_that_began_unseen_is_measured_from_the_last_equity_seen(scene: Scene) -> None:
    scene.clock.move(hours=20)
    scene.broker.equity = 96_500.0
    scene.watch(2)
    assert scene.state is TradingState.REDUCING
    assert [row.day_start_equity for row in scene.rows(equity_marks)] == [100_000.0, 96_500.0]


def test_guarding_a_drawdown_halts_and_a_person_who_resumes_accepts_it(scene: Scene) -> None:
    scene.broker.equity = 120_000.0
    scene.watch()
    for _ in range(5):  # slowly: no day loses three percent
        scene.clock.move(days=1)
        scene.broker.equity *= 0.98
        scene.watch(4)
    assert scene.state is TradingState.ACTIVE
    scene.clock.move(days=1)
    scene.broker.equity = 107_999.0  # ten percent below 120,000
    scene.watch()
    assert scene.state is TradingState.HALTED
    assert "drawdown: the equity is 10.00% below its highest" in scene.rows(alerts)[0].message
    scene.resume()
    scene.watch(4)
    assert scene.state is TradingState.ACTIVE
    for _ in range(4):
        scene.clock.move(days=1)
        scene.broker.equity *= 0.975
        scene.watch(4)
    assert scene.state is TradingState.ACTIVE
    scene.clock.move(days=1)
    scene.broker.equity = 97_199.0  # ten percent below what was accepted
    scene.watch(4)
    assert scene.state is TradingState.HALTED


def test_guarding_a_drawdown_is_not_forgiven_by_resuming_from_something_else(scene: Scene) -> None:
    state_of_trading.change(scene.made.ledger, "paper", TradingState.HALTED, by="ada", reason="news")
    scene.broker.equity = 97_500.0
    scene.watch(2)
    scene.resume()
    scene.watch(2)
    scene.clock.move(days=1)
    for equity in (95_000.0, 92_500.0, 90_000.0):
        scene.clock.move(days=1)
        scene.broker.equity = equity
        scene.watch(2)
    assert scene.state is TradingState.HALTED


def test_guarding_rejections_that_keep_coming_halt_until_a_person_has_read_them(scene: Scene) -> None:
    for i in range(4):
        scene.intent(f"fx1-{i}", "REJECTED")
    now = scene.clock()
    with scene.made.ledger.begin() as connection:
        connection.execute(update(order_intents).values(updated_at=now))
    scene.watch(4)
    assert scene.state is TradingState.ACTIVE
    close = {"close_id": "c", "account": "paper", "position_id": "p", "symbol": "EURUSD", "units": 1, "units_before": 1}
    with scene.made.ledger.begin() as connection:
        stamps = {"created_at": now, "updated_at": now}
        connection.execute(insert(closes), {**close, "reason": "time", "state": "REJECTED", **stamps})
    scene.watch(4)
    assert scene.state is TradingState.HALTED
    scene.resume()
    scene.watch(4)
    assert scene.state is TradingState.ACTIVE


@pytest.mark.parametrize(("minutes", "state"), [(10.0, TradingState.ACTIVE), (12.0, TradingState.HALTED)])
def test_guarding_how_far_back_rejections_count_is_a_setting(scene_of: SceneOf, minutes: float, state: TradingState) -> None:
    scene = scene_of(replace(SETTINGS, rejection_minutes=minutes))
    for i in range(5):
        scene.intent(f"fx1-{i}", "REJECTED")
    with scene.made.ledger.begin() as connection:
        connection.execute(update(order_intents).values(updated_at=scene.clock()))
    scene.clock.move(minutes=11)
    scene.watch(2)
    assert scene.state is state


@pytest.mark.parametrize(("late_s", "state", "warned"), [(1.9, "active", False), (2.1, "active", True), (10.5, "halted", True)])
def test_guarding_a_clock_that_is_wrong_is_told_and_then_halts(
    scene_of: SceneOf, late_s: float, state: str, warned: bool
) -> None:
    scene = scene_of(SETTINGS)
    scene.watch(80, 5.0, late_s=late_s)  # until the prices from before are forgotten
    assert str(scene.state) == state
    kinds = {row.kind for row in scene.rows(alerts)}
    assert ("clock_skew" in kinds) is warned


def test_guarding_remembers_a_bounded_number_of_prices(scene: Scene) -> None:
    """A busy hour: many prices a second, of which one a second is kept."""
    scene.watch(3000, 0.01)
    watch = scene.guarding._quotes
    assert max(len(watch._delays), len(watch._spreads["EURUSD"])) <= 6 + 31
    assert watch.skew_us == 100_000


def test_guarding_prices_from_before_a_lost_connection_say_nothing_of_the_clock(scene: Scene) -> None:
    """After a weekend the first price of each symbol is two days old."""
    scene.broker.is_ready = False
    scene.clock.move(hours=50)
    scene.broker.is_ready, scene.broker.connections = True, 2
    for name in ("EURUSD", "GBPUSD", "USDJPY"):
        scene.broker.tick(name, late_s=3600.0 * 48)
    scene.guarding.watch(["EURUSD", "GBPUSD", "USDJPY"])
    assert scene.state is TradingState.ACTIVE
    assert {"clock_skew", "stale_price"} <= {denial.guard for denial in awaited(scene.guarding.refusals(scene.entry()))}
    scene.watch(1)
    assert scene.denied() == {}
    scene.watch(6)
    assert scene.state is TradingState.ACTIVE


def closed(scene: Scene, name: str, ended_us: int, exits: list[dict[str, Any]], side: int = 1) -> None:
    """A closed position of the deployment, entered at 1.1 with 10,000 units at a commission of 1."""
    scene.intent(f"fx1-{name}", "FILLED")
    held = {"position_id": name, "client_order_id": f"fx1-{name}", "account": "paper", "symbol": "EURUSD", "side": side}
    held |= {"units": 10_000, "entry_price": 1.1, "entry_time_us": 0, "state": "closed", "exit_time_us": ended_us}
    with scene.made.ledger.begin() as connection:
        connection.execute(insert(positions), held)
        entry = {"reason": "entry", "price": 1.1, "units": 10_000}
        for i, fill in enumerate([entry, *exits]):
            row = {"fill_id": f"{name}-{i}", "client_order_id": f"fx1-{name}", "position_id": name, "account": "paper"}
            row |= {"symbol": "EURUSD", "side": side, "commission": 1.0, "time_us": ended_us, "created_at": scene.clock()}
            connection.execute(insert(fills), {**row, "reason": "stop", "units": 10_000, "gross_profit": None, **fill})


def test_guarding_positions_that_lost_in_a_row_are_counted_net_of_costs(scene: Scene) -> None:
    """Newest last: +98, then −2 by two commissions, −3 by its swap, a partial close that saves nothing, a short that rose."""
    closed(scene, "a", 1, [{"price": 1.11}])
    closed(scene, "b", 2, [{"price": 1.1}])
    closed(scene, "c", 3, [{"price": 1.1002, "gross_profit": 2.0, "swap": 3.0}])
    closed(scene, "d", 4, [{"price": 1.101, "units": 4000}, {"price": 1.099, "units": 6000}])
    closed(scene, "e", 5, [{"price": 1.101}], side=-1)
    with scene.made.ledger.reading() as connection:
        assert losing_streak(connection, "paper", scene.made.deployment.id) == (4, 5)
        assert losing_streak(connection, "paper", scene.made.deployment.id + 1) == (0, None)
        assert losing_streak(connection, "other", scene.made.deployment.id) == (0, None)


def test_guarding_five_losses_in_a_row_cool_down_for_a_day(scene: Scene) -> None:
    for i in range(5):
        closed(scene, f"p{i}", scene.clock.us + i, [{"price": 1.09}])
    assert list(scene.denied()) == ["consecutive_losses"]
    scene.clock.move(hours=24)
    scene.watch(6)
    assert scene.denied() == {}
    closed(scene, "win", scene.clock.us, [{"price": 1.2}])
    closed(scene, "loss", scene.clock.us + 1, [{"price": 1.09}])
    assert scene.denied() == {}


@pytest.mark.parametrize("role", ["parameter_set_id", "model_id", "calibration_id"])
def test_guarding_a_touched_artifact_denies_and_a_restored_one_passes(scene: Scene, role: str) -> None:
    assert scene.denied() == {}
    path = scene.made.lake.get(getattr(scene.deployment, role)).path
    before = path.read_bytes()
    path.chmod(0o644)
    for touched in (before + b" ", before[:-1] + b"!"):
        path.write_bytes(touched)
        assert "was approved" in scene.denied()["deployment_valid"].found
    path.unlink()
    assert "is gone" in scene.denied()["deployment_valid"].found
    path.write_bytes(before)
    assert scene.denied() == {}


def test_guarding_a_replay_of_candles_watches_nothing_and_halts_nothing(tmp_path: Path) -> None:
    made = stage(tmp_path, n=14)
    made.release(0, 14)
    made.play_all(made.gateway())
    with made.ledger.reading() as connection:
        refused = set(connection.execute(select(signals.c.signal_key).where(signals.c.state == "denied")).scalars())
        rows = connection.execute(select(guard_denials)).all()
        assert connection.execute(select(alerts)).all() == []
        assert state_of_trading.state(connection, "paper") is TradingState.ACTIVE
    assert refused
    assert {row.signal_key for row in rows} == refused
    assert {row.guard for row in rows} == {"positions"}


def test_guarding_a_replay_that_orders_in_a_loop_is_denied_and_nobody_is_woken(scene: Scene) -> None:
    found = (Denial("order_rate", "10 orders", "at most 10", "look for a loop"),)
    for settings, kinds in ((None, []), (SETTINGS, ["guard"])):
        guarding = Guarding(scene.made.lake, scene.made.ledger, scene.broker, "paper", settings)  # type: ignore[arg-type]
        with scene.made.ledger.begin() as connection:
            guarding.refused(connection, ("EURUSD", "1:EURUSD:1h:1:entry"), found)
        assert [row.kind for row in scene.rows(alerts)] == kinds
    assert len(scene.rows(guard_denials)) == 2


def test_guarding_what_a_guard_did_is_in_the_lineage(scene: Scene) -> None:
    from fxgpt_core.registry.artifact_tables import lineage_ledger

    scene.broker.equity = 96_000.0
    scene.watch(4)
    told = [json.loads(row.payload_json) for row in scene.rows(lineage_ledger) if row.kind == "trading_state"]
    assert [(entry["by"], entry["to"]) for entry in told] == [("guard daily_loss", "reducing")]
