"""fxgpt live why and guards: a person's table of what was refused, and of what is allowed."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import insert, select

from fxgpt_core.registry.artifact_tables import lineage_ledger
from fxgpt_core.registry.gateway_tables import guard_denials
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_tables import decisions, order_intents, signals
from fxgpt_core.registry.tables import deployment_configs


@pytest.fixture
def ledger(fxgpt, data_root):
    fxgpt("setup")
    return Ledger(f"sqlite:///{data_root / 'ledger.db'}")


def test_the_table_of_guards_tells_value_unit_default_and_use(fxgpt, ledger):
    found = fxgpt("live", "guards", "--json").json
    rows = {row["setting"]: row for row in found["settings"] if row["setting"]}
    assert (rows["max_daily_loss"]["value"], rows["max_daily_loss"]["unit"]) == (0.03, "share")
    assert rows["max_daily_loss"]["replay"] == "not asked"
    assert (rows["max_symbol_orders_per_minute"]["value"], rows["max_symbol_orders_per_minute"]["replay"]) == (2, 10)
    assert "emergency_stop" in {row["guard"] for row in found["settings"]}
    assert all(row["protects from"] for row in found["settings"])
    out = fxgpt("live", "guards").out
    assert "a day gone wrong: since 17:00 New York" in out
    assert "account paper: all as by default" in out


def test_a_setting_is_changed_with_a_reason_kept_in_file_and_lineage(fxgpt, ledger, data_root):
    arguments = ("live", "guards", "--account", "demo")
    changed = fxgpt(*arguments, "--set", "max_daily_loss=0.02", "--set", "flatten_on_drawdown=yes", "--reason", "small budget")
    assert changed.code == 0
    assert "account demo: max_daily_loss, flatten_on_drawdown differ from the defaults" in changed.out
    assert "restart it" in changed.out
    assert json.loads((data_root / "guards" / "demo.json").read_text()) == {"flatten_on_drawdown": True, "max_daily_loss": 0.02}
    fxgpt(*arguments, "--set", "max_daily_loss=0.03", "--reason", "back")
    assert json.loads((data_root / "guards" / "demo.json").read_text()) == {"flatten_on_drawdown": True}
    with ledger.reading() as connection:
        kept = select(lineage_ledger.c.payload_json).where(lineage_ledger.c.kind == "guard_settings")
        told = [json.loads(text) for text in connection.execute(kept.order_by(lineage_ledger.c.seq)).scalars()]
    assert [(entry["account"], entry["reason"], entry["changes"]["max_daily_loss"]) for entry in told] == [
        ("demo", "small budget", {"from": 0.03, "to": 0.02}),
        ("demo", "back", {"from": 0.02, "to": 0.03}),
    ]
    assert fxgpt("live", "guards", "--json").json["settings"] != fxgpt(*arguments, "--json").json["settings"]


def test_what_cannot_be_set_changes_nothing(fxgpt, ledger, data_root):
    changed = ("--set", "max_daily_loss=0.02")
    for arguments, why in (
        (changed, "a guard is changed with a reason"),
        ((*changed, "--reason", " "), "a guard is changed with a reason"),
        (("--set", "max_daily_loss", "--reason", "x"), "sets nothing; give NAME=VALUE"),
        (("--set", "max_daily_loss=9", "--reason", "x"), "0.0001 to 1 share is allowed"),
        (("--set", "max_loss=1", "--reason", "x"), "there is no guard setting max_loss"),
        (("--reason", "x"), "none is; give --set NAME=VALUE"),
        (("--account", "../x"), "cannot name a book"),
    ):
        refused = fxgpt("live", "guards", *arguments)
        assert (refused.code, refused.out) == (3, ""), arguments
        assert why in refused.err
    assert not (data_root / "guards").exists()


def test_a_damaged_file_is_named_and_never_taken_for_the_defaults(fxgpt, ledger, data_root):
    (data_root / "guards").mkdir()
    for text, why in (
        ("{", "cannot be read"),
        ("[]", "holds a list"),
        ('{"max_leverage": 0}', "at least 0.01"),
        ('{"x": 1}', "no guard setting x"),
    ):
        (data_root / "guards" / "paper.json").write_text(text)
        refused = fxgpt("live", "guards")
        assert refused.code == 3
        assert why in refused.err
        assert "paper.json" in refused.err


def decided(ledger, deployment, i, side, reason, state=None, *, ago=timedelta(hours=1), symbol="EURUSD"):
    """A decision some time ago, with its signal if it wished; returns the signal's key."""
    at, key = ledger.now() - ago, f"{deployment}:{symbol}:1h:{i}:entry"
    row = {"deployment_id": deployment, "symbol": symbol, "timeframe": "1h", "known_at_us": i, "side": side, "reason": reason}
    row |= {"payload_json": "{}", "sha256": "0" * 64, "dagster_run_id": "run", "created_at": at}
    with ledger.begin() as connection:
        number = connection.execute(insert(decisions).returning(decisions.c.id), row).scalar_one()
        if state is not None:
            levels = {"side": side, "stop_distance": 0.01, "target_distance": 0.02, "risk_fraction": 0.01}
            values = {"signal_key": key, "decision_id": number, "state": state, "reason": "it was late", "created_at": at}
            connection.execute(insert(signals), {**levels, **values})
    return key


def denied(ledger, key, guard, found, ago=timedelta(hours=1), account="paper"):
    row = {"account": account, "symbol": key.split(":")[1], "signal_key": key, "guard": guard, "found": found}
    with ledger.begin() as connection:
        told = {"allowed": "at most 3.0 pips", "remedy": "wait", "created_at": ledger.now() - ago}
        connection.execute(insert(guard_denials), {**row, **told})


@pytest.fixture
def story(ledger):
    """Nine candles of a day: four wished nothing, two were refused for their spread, one at the last moment, two were ordered."""
    with ledger.begin() as connection:
        row = {"symbol": "EURUSD", "timeframe": "1h", "deployment_mode": "global", "is_active": True, "deployed_at": ledger.now()}
        row |= {"deployed_by": "ada"}
        names = {column.name for column in deployment_configs.columns}
        number = connection.execute(
            insert(deployment_configs).returning(deployment_configs.c.id), {k: v for k, v in row.items() if k in names}
        ).scalar_one()
    for i, reason in enumerate(["the band is too wide", "no edge", "no edge", "no edge"]):
        decided(ledger, number, i, 0, reason)
    for i in (4, 5):
        denied(ledger, decided(ledger, number, i, 1, "long", "denied"), "spread", f"the spread is {i}.0 pips")
    denied(ledger, decided(ledger, number, 99, 1, "long", "denied", ago=timedelta(days=3)), "leverage", "4", timedelta(days=3))
    denied(ledger, "x:EURUSD:1h:4:entry", "margin", "another account's", account="other")
    decided(ledger, number, 6, -1, "short", "expired")
    for i in (7, 8):
        key = decided(ledger, number, i, 1, "long", "taken", symbol="EURUSD" if i == 7 else "GBPUSD")
        row = {"client_order_id": f"fx1-{i}", "signal_key": key, "deployment_id": number, "account": "paper", "broker": "paper"}
        row |= {"symbol": key.split(":")[1], "side": 1, "units": 1, "state": "FILLED" if i == 7 else "REJECTED"}
        at = ledger.now() - timedelta(hours=1)
        with ledger.begin() as connection:
            connection.execute(insert(order_intents), {**row, "created_at": at, "updated_at": at})
    return ledger


def test_why_nothing_traded_counts_each_guard_beside_what_was_ordered(fxgpt, story):
    found = fxgpt("live", "why", "--since", "24h", "--json").json
    assert found["decisions"] == 9
    assert found["wishless"] == [["no edge", 3], ["the band is too wide", 1]]
    assert found["signals"] == {"denied": 2, "expired": 1, "taken": 2}
    assert found["orders"] == {"FILLED": 1, "REJECTED": 1}
    assert [(row["guard"], row["count"], row["found"]) for row in found["refused"]] == [
        ("spread", 2, "the spread is 5.0 pips"),
        ("at the last moment", 1, "it was late"),
    ]


def test_why_looks_as_far_back_as_it_is_asked_and_at_one_symbol(fxgpt, story):
    assert [row["guard"] for row in fxgpt("live", "why", "--since", "7d", "--json").json["refused"]] == [
        "spread", "at the last moment", "leverage",
    ]  # fmt: skip
    nothing = fxgpt("live", "why", "--since", "30m", "--json").json
    assert (nothing["decisions"], nothing["refused"]) == (0, [])
    pound = fxgpt("live", "why", "--symbol", "gbp/usd", "--json").json
    assert (pound["decisions"], pound["signals"], pound["orders"], pound["refused"]) == (1, {"taken": 1}, {"REJECTED": 1}, [])
    other = fxgpt("live", "why", "--account", "other", "--json").json
    assert [row["guard"] for row in other["refused"]] == ["at the last moment", "margin"]


def test_why_is_a_persons_table(fxgpt, story):
    out = fxgpt("live", "why").out
    assert "candles decided  9" in out
    assert "signals          2 denied, 1 expired, 2 taken" in out
    assert "orders           1 filled, 1 rejected" in out
    assert "spread              2       " in out
    assert "EURUSD at" in out
    assert "the spread is 5.0 pips, at most 3.0 pips\n  what to do: wait\n" in out
    assert "no edge               3" in out


def test_why_needs_a_span_of_time(fxgpt, ledger):
    for text in ("24", "h", "0h", "-3d", "1w", "123456m"):
        refused = fxgpt("live", "why", "--since", text)
        assert refused.code == 3
        assert "is no span of time" in refused.err
