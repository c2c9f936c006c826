"""Bad input ends with one clear line, the right exit code, and nothing half-written."""

import errno
import json
import sqlite3

import pytest
from damaged_page import damage

from fxgpt_core.registry import ledger

ROW = "2024-01-10 00:00,1.10,1.11,1.09,1.105,1"
IMPORT = ("--symbol", "EURUSD", "--timeframe", "1h")
PLACE = ("--symbol", "EURUSD", "--timeframe", "1h")

NEEDS_LEDGER = {
    "backtest": ("backtest", *PLACE),
    "optimize": ("optimize", "run", *PLACE),
    "gates": ("gates", *PLACE),
    "deploy": ("deploy", *PLACE),
    "deployments": ("deployments",),
    "rollback": ("rollback", *PLACE, "--reason", "drift"),
    "approve": ("approve", *PLACE, "--reason", "sound"),
    "reject": ("reject", *PLACE, "--reason", "luck"),
    "approval-policy": ("approval-policy", *PLACE),
    "pause": ("pause", *PLACE, "--reason", "news"),
    "resume a pause": ("resume", *PLACE, "--reason", "calm"),
    "history": ("history", *PLACE),
    "trials best": ("trials", "best", *PLACE),
    "ledger archive": ("ledger", "archive"),
    "status": ("live", "status"),
    "halt": ("live", "halt", "--reason", "spread"),
    "reduce": ("live", "reduce", "--reason", "calm"),
    "resume": ("live", "resume", "--reason", "calm"),
    "write-off": ("live", "write-off", "paper-x", "--reason", "lost"),
    "adopt": ("live", "adopt", "paper-x", "--reason", "mine"),
    "orders": ("orders",),
    "trace": ("trace", "fx1-0"),
    "gateway": ("gateway",),
}


def _one_line(answer, code, *words):
    assert answer.code == code
    assert answer.out == ""
    assert answer.err.startswith("error: ")
    assert answer.err.count("\n") == 1
    assert "Traceback" not in answer.err
    assert [word for word in words if word not in answer.err] == []


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([ROW, ROW], ("1 of 48", "stamp that was there before", "2024-01-10T00:00", "remove the duplicates")),
        (["2024-01-10 00:00,1.10,1.08,1.09,1.105,1"], ("broken OHLC", "low <= open, close <= high", "correct")),
        (["2024-01-10 00:30,1.10,1.11,1.09,1.105,1"], ("off the grid of 1h", "choose the timeframe")),
        (["2024-01-10 00:00,0,1.11,0,1.105,1"], ("above zero", "remove or correct")),
        (["2024-01-10 00:00,1.10,1.11,1.09,n/a,1"], ("close are not numbers", "'n/a'", "data row 1")),
        (["10 January,1.10,1.11,1.09,1.105,1"], ("10 January",)),
    ],
    ids=["a stamp twice", "broken OHLC", "off the grid", "a price of zero", "text for a price", "no stamp"],
)
def test_a_file_of_broken_candles_is_refused_whole(fxgpt, stored, candle_file, lines, words):
    _one_line(fxgpt("candles", "import", candle_file(*lines), *IMPORT), 3, *words)
    assert stored() == {}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", ("cannot be read", "a CSV file with a header")),
        ("time,open,high,low,close,volume\n", ("0 candles", "at least one")),
        ("time,open,high,low\n2024-01-10 00:00,1,1,1\n", ("lacks the columns close", "rename")),
    ],
    ids=["empty", "header only", "a column missing"],
)
def test_a_file_without_candles_is_refused(fxgpt, stored, tmp_path, content, words):
    path = tmp_path / "candles.csv"
    path.write_text(content)
    _one_line(fxgpt("candles", "import", path, *IMPORT), 3, *words)
    assert stored() == {}


def test_a_file_that_is_not_there_is_named(fxgpt, stored, tmp_path):
    _one_line(fxgpt("candles", "import", tmp_path / "absent.csv", *IMPORT), 3, "there is no file", "absent.csv")
    assert stored() == {}


def test_candles_of_another_timeframe_and_of_the_future_are_refused(fxgpt, stored, candle_file):
    answer = fxgpt("candles", "import", candle_file(), "--symbol", "EURUSD", "--timeframe", "5m")
    _one_line(answer, 3, "eurusd.csv", "60 minutes, not 5m", "it looks like 1h")
    answer = fxgpt("candles", "import", candle_file("2099-01-05 12:00,1.1,1.1,1.1,1.1,1"), *IMPORT)
    _one_line(answer, 3, "eurusd.csv", "1 of 48 candles open after now", "2099-01-05", "is the time zone UTC")
    assert stored() == {}


def test_a_data_root_that_cannot_be_written_is_told_by_an_import(fxgpt, data_root, candle_file):
    data_root.write_text("a file, where a folder should be")
    _one_line(fxgpt("candles", "import", candle_file(), *IMPORT), 7, "cannot be stored", "set FXGPT_DATA_ROOT")


def test_an_unknown_symbol_names_near_matches(fxgpt, stored, candle_file):
    answer = fxgpt("candles", "import", candle_file(), "--symbol", "EURUSS", "--timeframe", "1h")
    _one_line(answer, 3, "'EURUSS'", "did you mean EURUSD")
    assert stored() == {}


def test_an_unknown_timeframe_names_the_known_ones(fxgpt, stored, candle_file):
    answer = fxgpt("candles", "import", candle_file(), "--symbol", "EURUSD", "--timeframe", "2h")
    _one_line(answer, 3, "'2h'", "5m, 15m, 30m, 1h, 4h, 1d")
    assert stored() == {}


def test_a_bad_file_leaves_what_was_imported_before(fxgpt, stored, candle_file):
    assert fxgpt("candles", "import", candle_file(), *IMPORT).code == 0
    before = stored()
    assert fxgpt("candles", "import", candle_file(ROW, ROW), *IMPORT).code == 3
    assert stored() == before
    assert before != {}


def test_a_damaged_card_of_imported_candles_is_told_as_broken_lineage(fxgpt, candle_file, data_root):
    fxgpt("candles", "import", candle_file(), *IMPORT)
    (card,) = data_root.rglob("*.json")
    card.write_text("{")
    _one_line(fxgpt("candles", "list"), 6, card.name, "import it, or sync it, again")


@pytest.mark.parametrize("verb", NEEDS_LEDGER)
def test_without_a_ledger_a_verb_says_how_to_make_one_and_makes_nothing(fxgpt, stored, data_root, verb):
    _one_line(fxgpt(*NEEDS_LEDGER[verb]), 7, "there is no ledger", "fxgpt setup")
    assert stored() == {}
    assert not data_root.exists()


def test_an_empty_database_is_a_ledger_that_was_never_set_up(fxgpt, data_root):
    data_root.mkdir()
    sqlite3.connect(data_root / "ledger.db").close()
    (data_root / "ledger.db").touch()
    _one_line(fxgpt("orders"), 7, "has no tables", "fxgpt setup")


def test_a_file_that_is_no_database_is_not_taken_for_a_ledger(fxgpt, data_root):
    data_root.mkdir()
    (data_root / "ledger.db").write_text("these are a thousand words about something else " * 100)
    _one_line(fxgpt("orders"), 6, "not a sound database", "sound copy")
    _one_line(fxgpt("setup"), 6, "not a sound database")


@pytest.mark.parametrize("verb", ["setup", "orders"])
def test_a_server_that_does_not_answer_is_told_in_one_line_without_its_password(fxgpt, monkeypatch, tmp_path, verb):
    monkeypatch.setenv("FXGPT_LEDGER_URL", f"postgresql:///fx?host={tmp_path}&user=bob&password=s3cretPW")
    answer = fxgpt(verb)
    _one_line(answer, 7, "does not answer", "start it, or correct FXGPT_LEDGER_URL")
    assert "s3cretPW" not in answer.err


@pytest.mark.parametrize("place", ["", "/proc/x/ledger.db"], ids=["a directory", "no place for files"])
def test_setup_says_where_no_ledger_can_be(fxgpt, monkeypatch, tmp_path, place):
    monkeypatch.setenv("FXGPT_LEDGER_URL", f"sqlite:///{place or tmp_path}")
    _one_line(fxgpt("setup"), 7, "ledger", "set FXGPT_DATA_ROOT or FXGPT_LEDGER_URL")


def test_a_ledger_of_which_one_table_is_damaged_is_told_by_the_verb_that_reads_it_and_by_the_doctor(fxgpt, data_root):
    assert fxgpt("setup").code == 0
    damage(data_root / "ledger.db", "order_intents")
    findings = {finding["check"]: finding for finding in fxgpt("doctor", "--json").json["findings"]}
    assert (findings["ledger"]["status"], "sound copy" in findings["ledger"]["remedy"]) == ("problem", True)
    _one_line(fxgpt("orders"), 6, "not a sound database", "put a sound copy in its place")


def test_a_locked_ledger_is_busy_and_nothing_is_written(fxgpt, data_root, monkeypatch):
    assert fxgpt("setup").code == 0
    monkeypatch.setattr(ledger, "PRAGMAS", ("busy_timeout=1",))
    holder = sqlite3.connect(data_root / "ledger.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    _one_line(fxgpt("live", "halt", "--reason", "spread"), 7, "the ledger is busy (database is locked)", "try again")
    holder.close()
    assert fxgpt("live", "status", "--json").json["trading_states"] == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"risk_stop_los_pct": 1.0}', ("unknown parameter risk_stop_los_pct",)),
        ('{"risk_stop_loss_pct": 50.0}', ("risk_stop_loss_pct", "50.0")),
        ('{"risk_stop_loss_pct": 4.5}', ("must be below risk_take_profit_pct", "risks more than it can win")),
        ("[1, 2]", ("holds a list", "names and values")),
        ("{", ("cannot be read as JSON",)),
        ('{"parameters": [1]}', ("holds a list", "names and values")),
        (
            '{"parameters": {"risk_atr_period": 12}, "risk_stop_loss_pct": 1.0}',
            ('risk_stop_loss_pct beside "parameters"', "put them"),
        ),
        ('{"risk_atr_period": 12, "risk_atr_period": 13}', ("risk_atr_period is there twice",)),
        ('{"risk_stop_los_pct": 1.0}', ("did you mean risk_stop_loss_pct",)),
        ('{"zzz": 1.0}', ("the 90 names begin with filter, pattern",)),
        ('{"self": 1.0}', ("unknown parameter self",)),
        ("[" * 100_000, ("nested too deeply",)),
        ('{"risk_stop_loss_pct": 1' + "0" * 400 + "}", ("risk_stop_loss_pct",)),
    ],
    ids=[
        "unknown name",
        "out of range",
        "a broken constraint",
        "not an object",
        "not JSON",
        "no object of parameters",
        "beside the parameters",
        "a name twice",
        "near a name",
        "near no name",
        "a name of Python",
        "deep",
        "a number beyond floats",
    ],
)
def test_parameters_that_cannot_be_used_are_refused_before_anything_is_read(fxgpt, stored, tmp_path, content, words):
    path = tmp_path / "parameters.json"
    path.write_text(content)
    _one_line(fxgpt("backtest", *PLACE, "--params", path), 3, *words)
    assert stored() == {}


def test_nothing_stored_names_the_asset_to_make(fxgpt, stored):
    assert fxgpt("setup").code == 0
    before = stored()
    _one_line(fxgpt("backtest", *PLACE), 4, "EURUSD 1h has no candles yet", "make demo SYMBOL=EURUSD TIMEFRAME=1h")
    _one_line(fxgpt("gates", *PLACE), 4, "EURUSD 1h has no optimized_parameters yet")
    assert stored() == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("backtest",),
        ("backtest", *PLACE, "--engine", "both"),
        ("candle",),
        ("orders", "--last", "0"),
        ("trace", "--jsn", "x"),
        ("orders", "--last", "9" * 30),
    ],
    ids=["option missing", "unknown choice", "unknown verb", "out of range", "unknown option", "far too many"],
)
def test_a_wrong_command_line_ends_with_two(fxgpt, stored, arguments):
    _one_line(fxgpt(*arguments), 2, "--help")
    assert stored() == {}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("orders",), 7), (("backtest",), 2), (("candles", "import", "absent.csv", *IMPORT), 3)],
)
def test_with_json_the_error_is_the_one_object_on_stdout(fxgpt, arguments, code):
    answer = fxgpt(*arguments, "--json")
    assert answer.code == answer.json["exit_code"] == code
    assert answer.json["error"]
    assert answer.err == ""
    assert answer.out.count("\n") == 1


def test_what_nobody_foresaw_ends_with_one_and_its_traceback_in_a_file(fxgpt, monkeypatch, candle_file, data_root):
    def broken(*_):
        raise ZeroDivisionError("planted")

    monkeypatch.setattr("fxgpt_core.candles.providers.files.check_candles", broken)
    answer = fxgpt("candles", "import", candle_file(), *IMPORT)
    (log,) = (data_root / "logs").iterdir()
    _one_line(answer, 1, "unexpected ZeroDivisionError: planted", str(log))
    assert "Traceback" in log.read_text()
    assert "in broken" in log.read_text()


def test_a_log_that_cannot_be_written_below_the_data_root_goes_to_the_temporary_folder(
    fxgpt, monkeypatch, data_root, candle_file
):
    def broken(*_):
        raise ZeroDivisionError("planted")

    data_root.write_text("a file, where a folder should be")
    monkeypatch.setattr("fxgpt_core.candles.providers.files.check_candles", broken)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(data_root.parent / "temporary"))
    answer = fxgpt("candles", "import", candle_file(), *IMPORT, "--json")
    assert answer.code == 1
    assert str(data_root.parent / "temporary") in answer.json["error"]
    assert json.loads(answer.out)["exit_code"] == 1


@pytest.mark.parametrize("as_json", [False, True])
def test_an_interrupt_is_told_and_ends_with_130(fxgpt, monkeypatch, as_json):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("fxgpt_core.cli.doctor.examined", interrupted)
    answer = fxgpt("doctor", *(["--json"] if as_json else []))
    told = answer.json["error"] if as_json else answer.err
    assert (answer.code, "interrupted; nothing half-done is left behind" in told) == (130, True)
    assert not as_json or (answer.json["exit_code"], answer.err) == (130, "")


@pytest.mark.parametrize("as_json", [False, True])
def test_an_argument_that_is_not_utf8_is_refused(fxgpt, stored, as_json):
    answer = fxgpt("candles", "import", "caf\udce9.csv", *IMPORT, *(["--json"] if as_json else []))
    assert answer.code == 3
    assert r"'caf\udce9.csv' is not UTF-8" in (answer.json["error"] if as_json else answer.err)
    assert stored() == {}


def test_a_disk_that_is_full_is_the_machine_s_trouble_and_no_defect(fxgpt, monkeypatch, candle_file):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device", "/data/x")

    monkeypatch.setattr("fxgpt_core.candles.providers.files.check_candles", full)
    _one_line(fxgpt("candles", "import", candle_file(), *IMPORT), 7, "/data/x: No space left on device", "FXGPT_DATA_ROOT")


def test_a_trace_of_an_order_nobody_placed_ends_with_four(fxgpt, stored):
    assert fxgpt("setup").code == 0
    before = stored()
    _one_line(fxgpt("trace", "fx1-nothing"), 4, "fx1-nothing")
    assert stored() == before
