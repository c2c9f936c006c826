"""Bad input ends with one clear line, the right exit code, and nothing half-written."""

import json
import sqlite3

import pytest

ROW = "2024-01-10 00:00,1.10,1.11,1.09,1.105,1"
IMPORT = ("--symbol", "EURUSD", "--timeframe", "1h")
PLACE = ("--symbol", "EURUSD", "--timeframe", "1h")

NEEDS_LEDGER = {
    "backtest": ("backtest", *PLACE),
    "optimize": ("optimize", *PLACE),
    "gates": ("gates", *PLACE),
    "deploy": ("deploy", *PLACE),
    "deployments": ("deployments",),
    "rollback": ("rollback", *PLACE, "--reason", "drift"),
    "status": ("live", "status"),
    "halt": ("live", "halt", "--reason", "spread"),
    "resume": ("live", "resume", "--reason", "calm"),
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
    _one_line(fxgpt("candles", "list"), 6, card.name, "import the file again")


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


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"risk_stop_los_pct": 1.0}', ("unknown parameter risk_stop_los_pct",)),
        ('{"risk_stop_loss_pct": 50.0}', ("risk_stop_loss_pct", "50.0")),
        ('{"rl_gamma": 0.97}', ("rl_gamma", "inert")),
        ("[1, 2]", ("holds a list", "names and values")),
        ("{", ("cannot be read as JSON",)),
    ],
    ids=["unknown name", "out of range", "inert", "not an object", "not JSON"],
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
    [("backtest",), ("backtest", *PLACE, "--engine", "both"), ("candle",), ("orders", "--last", "0"), ("trace", "--jsn", "x")],
    ids=["option missing", "unknown choice", "unknown verb", "out of range", "unknown option"],
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

    monkeypatch.setattr("fxgpt_core.candles.schema.check_candles", broken)
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
    monkeypatch.setattr("fxgpt_core.candles.schema.check_candles", broken)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(data_root.parent / "temporary"))
    answer = fxgpt("candles", "import", candle_file(), *IMPORT, "--json")
    assert answer.code == 1
    assert str(data_root.parent / "temporary") in answer.json["error"]
    assert json.loads(answer.out)["exit_code"] == 1


def test_a_trace_of_an_order_nobody_placed_ends_with_four(fxgpt, stored):
    assert fxgpt("setup").code == 0
    before = stored()
    _one_line(fxgpt("trace", "fx1-nothing"), 4, "fx1-nothing")
    assert stored() == before
