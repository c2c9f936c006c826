"""What the verbs answer, on a terminal, in a pipe and as JSON."""

import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from fxgpt_core.cli import doctor, machine
from fxgpt_core.cli.main import app

SECONDS_TO_HELP = 0.6
HEAVY = ("torch", "dagster", "mlflow", "optuna", "pandas", "scipy", "matplotlib", "numba", "polars", "sqlalchemy", "backtesting")
IMPORT = ("--symbol", "EURUSD", "--timeframe", "1h")


def _verbs(command=None, path=()):
    command = command or typer.main.get_command(app)
    if not hasattr(command, "commands"):
        return [(" ".join(path), command)]
    return [verb for name, child in command.commands.items() for verb in _verbs(child, (*path, name))]


VERBS = dict(_verbs())


def _program(*arguments):
    return [sys.executable, "-m", "fxgpt_core.cli.main", *arguments]


def test_the_verbs_are_these():
    assert set(VERBS) == {
        "setup", "doctor", "candles import", "candles list", "candles quality", "candles show", "candles sync",
        "context import", "context list", "context sync", "features check",
        "train", "models list", "models show", "models verify", "backtest", "stress", "luck", "allocation",
        "optimize run", "optimize list", "optimize show", "optimize stop", "optimize report", "optimize export",
        "vault open", "vault show",
        "anomalies", "regimes detect", "regimes show", "patterns list", "patterns study",
        "policy show", "parameters list", "parameters check",
        "gates", "approve", "reject", "approval-policy",
        "deploy", "deployments", "rollback", "pause", "resume", "history",
        "trials best", "ledger archive",
        "live status", "live halt", "live reduce", "live resume", "live write-off", "live adopt", "orders", "trace", "gateway",
        "replay", "live up", "live chaos", "live why", "live guards", "live replay", "live probe",
        "ctrader login", "ctrader accounts", "ctrader simulate",
    }  # fmt: skip


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_json_and_an_example_that_its_own_options_accept(verb):
    accepted = {option for parameter in VERBS[verb].params for option in parameter.opts}
    assert "--json" in accepted
    (example,) = re.findall(r"Example: (fxgpt .+)", VERBS[verb].help)
    words = shlex.split(example)[1:]
    assert " ".join(words).startswith(verb)
    assert {word for word in words if word.startswith("--")} <= accepted


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_every_verb_shows_its_example(fxgpt, verb):
    answer = fxgpt(*verb.split(), "--help")
    assert answer.code == 0
    assert "Example: fxgpt" in answer.out


def test_help_answers_at_once_and_loads_nothing_heavy(data_root):
    program = (
        "import sys, time; from fxgpt_core.cli import main; main.run(['--help']); "
        f"print('loaded:', *[name for name in {HEAVY!r} if name in sys.modules]); print(time.process_time())"
    )
    seconds, found = [], ["", ""]
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        *found, spent = done.stdout.splitlines()
        # Processor time, not the clock's: what else the machine does is not the command's.
        seconds.append(float(spent))
    assert found[-1].strip() == "loaded:"
    assert "Exit codes" in "\n".join(found)
    assert min(seconds) < SECONDS_TO_HELP


def test_the_program_ends_with_the_exit_code_of_its_verb(data_root):
    environment = os.environ | {"FXGPT_DATA_ROOT": str(data_root)}
    ended = subprocess.run(_program("orders"), capture_output=True, text=True, check=False, env=environment)
    assert ended.returncode == 7
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("arguments", [(), ("candles",), ("live",)])
def test_a_command_line_without_a_verb_shows_its_help_and_is_no_error_message(fxgpt, arguments):
    answer = fxgpt(*arguments)
    assert (answer.code, answer.err) == (2, "")
    assert answer.out.lstrip().startswith("Usage: fxgpt")


def test_the_help_of_candles_shows_an_example(fxgpt):
    answer = fxgpt("candles", "--help")
    assert (answer.code, "Example: fxgpt candles import" in answer.out) == (0, True)


def test_the_version_is_told_in_a_line_and_as_json(fxgpt, monkeypatch):
    monkeypatch.setattr("importlib.metadata.version", {"fxgpt": "9.9"}.__getitem__)
    assert (fxgpt("--version").code, fxgpt("--version").out) == (0, "fxgpt 9.9\n")
    assert fxgpt("--version", "--json").json == {"version": "9.9"}
    assert fxgpt("--version", "orders").code == 3


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
@pytest.mark.parametrize("verb", ["orders", "live status", "doctor"])
def test_a_stream_that_the_shell_closed_is_no_defect_and_leaves_the_ledger_sound(fxgpt, data_root, closed, verb):
    assert fxgpt("setup").code == 0
    shell = f"{shlex.join(_program(*verb.split()))} {closed}"
    ended = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=False)
    assert (ended.returncode, "defect" in ended.stderr) == (0, False)
    assert fxgpt("doctor").code == 0


def test_an_import_is_stored_listed_and_the_same_file_again_changes_nothing(fxgpt, stored, candle_file):
    path = candle_file()
    first = fxgpt("candles", "import", path, *IMPORT, "--json").json
    assert (first["rows"], first["n_missing"], first["symbol"]) == (48, 0, "EURUSD")
    before = stored()
    assert fxgpt("candles", "import", path, *IMPORT, "--json").json["sha256"] == first["sha256"]
    assert stored() == before
    listed = fxgpt("candles", "list", "--json").json
    assert [(row["symbol"], row["timeframe"], row["rows"], row["latest"]) for row in listed["candles"]] == [
        ("EURUSD", "1h", 48, True)
    ]
    assert listed["sample"] == [{"symbol": "EURUSD", "timeframe": "1h"}]


def test_an_import_tells_the_next_step_and_what_a_person_should_look_at(fxgpt, candle_file):
    told = fxgpt("candles", "import", candle_file(), *IMPORT).out
    assert "next: `make demo SYMBOL=EURUSD TIMEFRAME=1h`" in told
    assert "note:" not in told
    weekend = candle_file(*(f"2024-01-06 {hour:02d}:00,1.1,1.1,1.1,1.1,1" for hour in range(24)), name="weekend.csv")
    assert "note: 24 of 48 candles lie in the weekend" in fxgpt("candles", "import", weekend, *IMPORT).out
    payload = fxgpt("candles", "import", weekend, *IMPORT, "--json").json
    assert (payload["n_outside_week"], len(payload["notes"])) == (24, 1)


def test_with_json_the_missing_candles_are_a_list_and_a_hash_is_whole(fxgpt, candle_file):
    payload = fxgpt("candles", "import", candle_file("2024-01-09 22:00,1.10,1.11,1.09,1.105,1"), *IMPORT, "--json").json
    assert payload["missing"] == ["2024-01-09T23:00:00+00:00", "2024-01-10T00:00:00+00:00"]
    (row,) = fxgpt("candles", "list", "--json").json["candles"]
    assert row["sha256"] == payload["sha256"]
    table = fxgpt("candles", "list").out
    assert (payload["sha256"][:16] in table, payload["sha256"] in table) == (True, False)


def test_in_a_pipe_a_table_is_plain_text(fxgpt, candle_file):
    fxgpt("candles", "import", candle_file(), *IMPORT)
    told = fxgpt("candles", "list").out
    assert told.splitlines()[0].split() == [
        "provider",
        "symbol",
        "timeframe",
        "rows",
        "first",
        "last",
        "latest",
        "sha256",
        "source",
    ]
    assert told.isascii()


def test_setup_makes_the_ledger_once_and_a_second_time_changes_nothing(fxgpt, stored):
    first, files = fxgpt("setup", "--json").json, stored()
    second = fxgpt("setup", "--json").json
    assert first["revision_before"] is None
    assert second["revision_before"] == second["revision"] == first["revision"]
    assert stored() == files
    assert list(files) == ["ledger.db"]


def test_setup_refuses_a_data_root_that_is_a_file(fxgpt, data_root):
    data_root.write_text("not a folder")
    answer = fxgpt("setup")
    assert answer.code == 7
    assert "cannot be written" in answer.err


def test_a_halted_account_is_resumed_by_a_person_with_a_reason(fxgpt):
    fxgpt("setup")
    assert fxgpt("live", "halt", "--reason", "spread", "--json").json["state"] == "halted"
    (row,) = fxgpt("live", "status", "--json").json["trading_states"]
    assert (row["account"], row["state"], row["reason"]) == ("paper", "halted", "spread")
    refused = fxgpt("live", "resume", "--reason", " ")
    assert (refused.code, "no reason" in refused.err) == (5, True)
    assert fxgpt("live", "resume", "--reason", "calm", "--json").json["state"] == "active"


def test_orders_of_a_new_ledger_are_none(fxgpt):
    fxgpt("setup")
    assert fxgpt("orders", "--json").json == {"orders": []}
    assert "no order was ever planned" in fxgpt("orders").out


def test_the_doctor_changes_nothing_and_tells_each_check_with_its_remedy(fxgpt, stored):
    report = fxgpt("doctor", "--json").json
    checks = {finding["check"]: finding for finding in report["findings"]}
    assert {"python", "packages", "lock", "cores", "memory", "disk", "data root", "ledger", "clock", "gpu"} <= set(checks)
    assert checks["ledger"]["status"] == "note"
    assert "fxgpt setup" in checks["ledger"]["remedy"]
    assert all(finding["remedy"] for finding in report["findings"] if finding["status"] == "problem")
    assert stored() == {}


def test_the_doctor_ends_with_seven_when_a_locked_package_is_missing(fxgpt, monkeypatch, tmp_path):
    lock = tmp_path / "requirements.lock"
    lock.write_text("no-such-package-anywhere==1.0\ntyper==0.0.1\n")
    monkeypatch.setattr(doctor, "LOCK", lock)
    answer = fxgpt("doctor")
    assert answer.code == 7
    assert "1 of 2 missing: no-such-package-anywhere" in answer.out
    assert "not ready" in answer.out


def test_the_doctor_notes_a_package_in_another_version_and_a_port_in_use(fxgpt, monkeypatch, tmp_path):
    lock = tmp_path / "requirements.lock"
    lock.write_text("typer==0.0.1\n")
    monkeypatch.setattr(doctor, "LOCK", lock)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        monkeypatch.setattr(doctor, "PORTS", {port: "the Dagster UI"})
        findings = {finding["check"]: finding for finding in fxgpt("doctor", "--json").json["findings"]}
    assert findings["packages"]["status"] == "note"
    assert "locked 0.0.1" in findings["packages"]["found"]
    assert (findings[f"port {port}"]["status"], findings[f"port {port}"]["found"]) == ("note", "in use")


def test_the_doctor_finds_a_clock_before_the_sources_a_ledger_without_tables_and_too_little_memory(fxgpt, monkeypatch, data_root):
    data_root.mkdir()
    (data_root / "ledger.db").touch()
    monkeypatch.setattr(machine, "available_memory_bytes", lambda: 1 << 30)
    monkeypatch.setattr(doctor, "CLOCK_TOLERANCE", -doctor.timedelta(days=36_500))
    answer = fxgpt("doctor", "--json")
    problems = {finding["check"] for finding in answer.json["findings"] if finding["status"] == "problem"}
    assert answer.code == 7
    assert {"ledger", "memory", "clock"} <= problems


def test_available_memory_is_read_in_kibibytes(tmp_path: Path):
    (tmp_path / "meminfo").write_text("MemTotal: 100 kB\nMemAvailable:   42 kB\n")
    assert machine.available_memory_bytes(tmp_path / "meminfo") == 42 * 1024
    assert machine.available_memory_bytes(tmp_path / "absent") is None
