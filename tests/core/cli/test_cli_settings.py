"""Settings that cannot be used end with three and name their variable; no verb shows a traceback because of them."""

import os
import subprocess
import sys

import pytest

from fxgpt_core.errors import BadInputError
from fxgpt_core.settings import ctrader_access, ctrader_account, read_settings

LEDGER, ROOT = "FXGPT_LEDGER_URL", "FXGPT_DATA_ROOT"
BAD = [
    (LEDGER, "garbage"),
    (LEDGER, "postgresql://h:bad/db"),
    (LEDGER, "postgresql+asyncpg://h/db"),
    (LEDGER, "sqlite:///x?mode=ro"),
    (LEDGER, "sqlite:///:memory:"),
    ("FXGPT_MLFLOW_URL", "garbage"),
    ("FXGPT_DAGSTER_PG_URL", "postgresql://h:0/db"),
    (ROOT, "~nouser/x"),
    ("DAGSTER_HOME", "~nouser/x"),
    (ROOT, "data/\udce9"),
]


@pytest.mark.parametrize(("variable", "value"), BAD)
def test_a_setting_that_cannot_be_used_is_refused_by_name(variable, value):
    with pytest.raises(BadInputError, match=f"{variable}.*(cannot be used as a database|names no folder)"):
        read_settings({variable: value})


@pytest.mark.parametrize("value", ["soon", "0", "-1", "nan", "inf"])
def test_an_age_of_a_model_that_is_no_number_of_days_is_refused_by_name(value):
    with pytest.raises(BadInputError, match=f"FXGPT_MODEL_MAX_AGE_DAYS is '{value}'; set it to a number of days above 0"):
        read_settings({"FXGPT_MODEL_MAX_AGE_DAYS": value})


def test_an_age_of_a_model_is_read_and_is_45_days_where_nobody_says():
    assert read_settings({"FXGPT_MODEL_MAX_AGE_DAYS": "10.5"}).model_max_age_days == 10.5
    assert read_settings({}).model_max_age_days == 45.0


def test_a_data_root_no_database_url_can_hold_is_named_as_the_source():
    with pytest.raises(BadInputError, match=r"FXGPT_LEDGER_URL \(from FXGPT_DATA_ROOT\): .*question mark"):
        read_settings({ROOT: "data/a?b"})


@pytest.mark.parametrize(("variable", "value"), [(LEDGER, "garbage"), (ROOT, "~nouser/x")])
@pytest.mark.parametrize("verb", ["setup", "orders", "candles list", "live status"])
def test_every_verb_ends_with_three_and_the_variable(fxgpt, monkeypatch, variable, value, verb):
    monkeypatch.setenv(variable, value)
    answer = fxgpt(*verb.split())
    assert (answer.code, answer.out, answer.err.count("\n")) == (3, "", 1)
    assert answer.err.startswith(f"error: {variable}")


@pytest.mark.parametrize(("variable", "value"), [(LEDGER, "garbage"), (ROOT, "~nouser/x")])
def test_the_doctor_tells_a_setting_that_cannot_be_used_and_goes_on(fxgpt, monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    answer = fxgpt("doctor", "--json")
    findings = {finding["check"]: finding for finding in answer.json["findings"]}
    assert answer.code == 7
    assert (findings["settings"]["status"], variable in findings["settings"]["found"]) == ("problem", True)
    assert {"python", "clock", "gpu"} <= set(findings)


@pytest.mark.parametrize(
    ("environment", "arguments", "code", "words"),
    [
        ({LEDGER: "garbage"}, (), 3, "it is no URL"),
        ({}, ("--port", "70000"), 3, "70000 is no port; allowed are 1 to 65535"),
        ({LEDGER: "postgresql:///fx?host=/nowhere&password=s3cretPW"}, ("--port", "0"), 3, "0 is no port"),
    ],
)
def test_the_pages_are_not_started_with_a_setting_or_port_that_cannot_be_used(data_root, environment, arguments, code, words):
    command = [sys.executable, "-m", "fxgpt_pipelines.ui", *arguments]
    ended = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | environment | {ROOT: str(data_root)}
    )
    assert (ended.returncode, words in ended.stderr, "Traceback" in ended.stderr) == (code, True, False)


def test_the_houses_names_of_symbols_are_read_and_what_is_no_pair_is_refused():
    keys = {"FXGPT_CTRADER_CLIENT_ID": "id", "FXGPT_CTRADER_CLIENT_SECRET": "secret"}
    settings = read_settings(keys)
    given = {**keys, "FXGPT_CTRADER_SYMBOLS": "eur/usd=EURUSD.r, XAUUSD=GOLD"}
    assert ctrader_access(settings, given).spelled == {"EURUSD": "EURUSD.r", "XAUUSD": "GOLD"}
    assert ctrader_access(settings, keys).spelled == {}
    with pytest.raises(BadInputError, match="write it as EURUSD=EURUSD"):
        ctrader_access(settings, {**keys, "FXGPT_CTRADER_SYMBOLS": "EURUSD.r"})


def test_the_account_whose_candles_are_asked_for_is_a_number():
    assert (ctrader_account({}), ctrader_account({"FXGPT_CTRADER_ACCOUNT": "42"})) == (None, 42)
    with pytest.raises(BadInputError, match="fxgpt ctrader accounts"):
        ctrader_account({"FXGPT_CTRADER_ACCOUNT": "demo"})
