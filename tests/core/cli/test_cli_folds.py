"""fxgpt backtest --folds: each row is a backtest of its own, an idle fold is an error, and all folds or no mean."""

import statistics
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from problem_stored import PLACE, keep, keep_problem

from fxgpt_core.backtest.engine import backtest, execution_parameters
from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.cli.quoted import with_detail, with_quotes
from fxgpt_core.cli.stored import stored_problem
from fxgpt_core.market.charges import Charges
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.optimization.plan import SearchParameters, planned
from fxgpt_core.performance.measures import metrics
from fxgpt_core.registry.code_identity import CodeIdentity
from fxgpt_core.registry.lake import Lake
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.settings import read_settings
from fxgpt_core.strategy.parameters import StrategyParameters
from fxgpt_core.validation.folds import FoldParameters, Window

DAY_US = 86_400_000_000
MEASURES = {"sharpe_ratio", "total_return_pct", "max_drawdown_pct"}
ROW = {"fold", "train", "test", "candles", "trades", "error"} | MEASURES


@pytest.fixture
def problem(fxgpt):
    """A ledger and lake that hold candles, a stand-in for a model, forecasts and their calibration."""
    assert fxgpt("setup").code == 0
    return keep_problem()


def folds(fxgpt, lengths, *options):
    return fxgpt("backtest", *PLACE, "--folds", lengths, *options, "--json").json["folds"]


def text(time_us):
    return f"{datetime.fromtimestamp(time_us / 1e6, UTC):%Y-%m-%d %H:%M}"


def rows_by_hand(stored, train, test, step):
    """Backtest after backtest on slices of the candles, decided anew for each, for as long as a window fits before the vault."""
    problem, parameters, made = stored.problem, StrategyParameters.default(), []
    known_at, first, last = problem.candles.known_at_us, problem.bands.known_at_us[0], problem.bands.known_at_us[-1]
    seen = problem.bands.known_at_us[problem.bands.known_at_us <= last - 0.2 * (last - first)]
    begin = int(first) + train * DAY_US
    while begin + test * DAY_US <= int(seen[-1]) + 1:
        end = begin + test * DAY_US
        inside = np.flatnonzero((known_at >= begin) & (known_at < end))
        candles = problem.candles.slice(inside[0], inside[-1] + 1)
        decisions = problem.decisions(parameters, Window(begin, end))
        execution = execution_parameters(parameters, candles.timeframe)
        result = backtest(candles, decisions, execution, problem.costs_at(inside), problem.account, finer=problem.finer)
        found = metrics(result, candles)
        made.append(
            {
                "fold": len(made),
                "train": f"{text(begin - train * DAY_US)} .. {text(begin)}",
                "test": f"{text(begin)} .. {text(end)}",
                "candles": len(inside),
                "trades": found.total_trades,
                "sharpe_ratio": found.sharpe_ratio,
                "total_return_pct": found.total_return_pct,
                "max_drawdown_pct": found.max_drawdown_pct,
                "error": "",
            }
        )
        begin += step * DAY_US
    return made


@pytest.mark.parametrize("lengths", [(30, 7, 7), (21, 10, 14)])
@pytest.mark.parametrize("mode", ["parity", "fx"])
def test_every_row_is_a_backtest_of_its_own_on_its_test_window(fxgpt, problem, stored, mode, lengths):
    settings = read_settings()
    expected = stored_problem(settings, "EURUSD", "1h")
    if mode == "fx":
        expected = with_quotes(expected, settings, Charges())
    before = stored()
    answered = folds(fxgpt, "/".join(map(str, lengths)), "--mode", mode)
    assert answered["rows"] == rows_by_hand(expected, *lengths)
    assert len(answered["rows"]) > 3
    assert tuple(answered[name] for name in ("train_days", "test_days", "step_days")) == lengths
    assert stored() == before


def test_the_test_windows_are_those_of_a_search_with_the_same_lengths(fxgpt, problem):
    searched = planned(stored_problem(read_settings(), "EURUSD", "1h").problem, SearchParameters(folds=FoldParameters()))
    windows = [str(search.fold.test) for search in searched if search.fold is not None]
    assert [row["test"] for row in folds(fxgpt, "30/7/7")["rows"]][-len(windows) :] == windows


def keep_spikes():
    """Every sixth hour reaches a percent further to both sides; told in halves, up to the high, then by the low to the close."""
    spike = pl.int_range(pl.len()) % 6 == 0
    hours = SampleProvider().candles("EURUSD", Timeframe.H1)
    hours = hours.with_columns(
        high=pl.when(spike).then(pl.col("high") * 1.01).otherwise("high"),
        low=pl.when(spike).then(pl.col("low") * 0.99).otherwise("low"),
    )
    first = hours.with_columns(low=pl.col("open"), close=pl.col("high"))
    second = hours.with_columns(pl.col("open_time") + timedelta(minutes=30), open=pl.col("high"))
    keep({"candles": lambda making: making.write_frame(hours, {})})
    settings = read_settings()
    ledger = Ledger(settings.ledger_url)
    lake = Lake(settings.lake_root, ledger, CodeIdentity("c" * 40, None, "l" * 64))
    with lake.making("candles", "EURUSD", "30m", {}, code_sha256="k" * 64, run_id="test") as making:
        making.write_frame(pl.concat([first, second]).sort("open_time"), {})
    ledger.close()


def test_shorter_candles_reach_every_fold(fxgpt, problem):
    keep_spikes()
    settings = read_settings()
    expected = with_detail(stored_problem(settings, "EURUSD", "1h"), settings, "30m")
    told = folds(fxgpt, "30/7/7", "--detail", "30m")["rows"]
    assert told == rows_by_hand(expected, 30, 7, 7)
    whole = folds(fxgpt, "30/7/7")["rows"]
    assert sum(ours != theirs for ours, theirs in zip(told, whole, strict=True)) > 4


def test_another_parameter_set_plays_other_folds(fxgpt, problem, tmp_path):
    changed = tmp_path / "changed.json"
    changed.write_text('{"risk_atr_multiplier": 1.0, "pattern_stop_loss_multiplier": 0.6}')
    rows, moved = (folds(fxgpt, "30/7/7", *options)["rows"] for options in ((), ("--params", changed)))
    assert sum(ours["sharpe_ratio"] != theirs["sharpe_ratio"] for ours, theirs in zip(rows, moved, strict=True)) == len(rows)


def test_mean_and_spread_are_those_of_the_rows(fxgpt, problem):
    answered = folds(fxgpt, "30/7/7")
    assert {frozenset(row) for row in answered["rows"]} == {frozenset(ROW)}
    assert set(answered["over_folds"]) == MEASURES | {"total_trades"}
    for name, spread in answered["over_folds"].items():
        values = [row["trades" if name == "total_trades" else name] for row in answered["rows"]]
        assert spread == {
            "mean": pytest.approx(statistics.fmean(values)),
            "deviation": pytest.approx(statistics.stdev(values)),
            "lowest": min(values),
            "highest": max(values),
        }
    assert answered["refusal"] == ""


def test_a_single_fold_has_no_spread(fxgpt, problem):
    answered = folds(fxgpt, "70/11/11")
    assert len(answered["rows"]) == 1
    assert {spread["deviation"] for spread in answered["over_folds"].values()} == {None}


def test_one_idle_fold_leaves_no_mean_and_ends_with_five(fxgpt, problem, tmp_path):
    file = tmp_path / "folds.html"
    options = ("backtest", *PLACE, "--folds", "10/1/1", "--report", file)
    answer = fxgpt(*options, "--json")
    rows, refusal = answer.json["folds"]["rows"], answer.json["folds"]["refusal"]
    idle = [row for row in rows if row["trades"] == 0]
    short = [row for row in rows if row["error"].startswith("single FX day")]
    lost = len(idle) + len(short)
    assert len(idle) > 0 < len(short) < lost < len(rows)
    assert all(row["error"].startswith(f"no trade from {row['test']}") for row in idle)
    assert all(row["trades"] > 0 for row in short)
    for row in rows:
        assert {row[name] is None for name in MEASURES} == {row["error"] != ""}
    assert answer.json["folds"]["over_folds"] is None
    assert refusal.startswith(f"{lost} of {len(rows)} folds have no result: ")
    told = fxgpt(*options)
    assert (answer.code, told.code, answer.err, told.err) == (5, 5, "", "")
    assert refusal in told.out.splitlines()
    assert not [line for line in told.out.splitlines() if line.startswith("over folds")]
    assert sum(line.endswith("no trade") for line in told.out.splitlines()) == len(idle)
    assert told.out.splitlines()[-1] == f"report written to {file}"
    assert file.read_text().count(">no trade<") >= len(idle)


def test_people_are_told_the_folds_and_what_they_amount_to(fxgpt, problem):
    answer = fxgpt("backtest", *PLACE, "--folds", "30/7/7")
    answered = folds(fxgpt, "30/7/7")
    lines = answer.out.splitlines()
    start = next(n for n, line in enumerate(lines) if "folds, one every 7 days" in line)
    assert answer.code == 0
    assert lines[start].startswith(f"{len(answered['rows'])} folds")
    shown = [line.split("  ") for line in lines[start + 3 :]]
    for row, cells in zip(answered["rows"], shown, strict=False):
        assert [cell.strip() for cell in cells if cell][:4] == [str(row[name]) for name in ("fold", "test", "candles", "trades")]
    [sharpe] = [line.split() for line in lines if line.startswith("sharpe_ratio") and len(line.split()) == 5]
    assert sharpe[1:] == [f"{value:.6g}" for value in answered["over_folds"]["sharpe_ratio"].values()]


def test_the_report_shows_a_row_for_each_fold(fxgpt, problem, tmp_path):
    file = tmp_path / "folds.html"
    answered = fxgpt("backtest", *PLACE, "--folds", "30/7/7", "--report", file, "--json").json
    page = file.read_text()
    for row in answered["folds"]["rows"]:
        assert row["test"] in page
        assert f"{row['sharpe_ratio']:.2f}" in page
    assert "Nothing was searched on the train windows" in page
    assert fxgpt("backtest", *PLACE, "--report", file, "--json").json["folds"] is None
    assert "There are no folds" in file.read_text()


def test_a_span_that_holds_no_fold_is_refused_and_nothing_is_written(fxgpt, problem, tmp_path):
    file = tmp_path / "folds.html"
    answer = fxgpt("backtest", *PLACE, "--folds", "90/30/30", "--report", file)
    assert (answer.code, answer.out, file.exists()) == (3, "", False)
    assert "not one fold of 90 + 30 days" in answer.err


@pytest.mark.parametrize("lengths", ["", "x", "30", "30/7", "30/7/7/7", "30/7/", "-30/7/7", "1.5/7/7", "nan/7/7", "30 7 7"])
def test_lengths_that_are_not_three_whole_numbers_are_refused_before_anything_is_read(fxgpt, data_root, lengths):
    answer = fxgpt("backtest", *PLACE, "--folds", lengths)
    # There is no ledger here: a backtest would end with another code and another message.
    assert (answer.code, answer.out) == (3, "")
    assert "write them as 30/7/7" in answer.err


@pytest.mark.parametrize(("lengths", "said"), [("0/7/7", "must be positive"), ("30/7/6", "step at least a test window")])
def test_impossible_lengths_are_refused(fxgpt, problem, lengths, said):
    answer = fxgpt("backtest", *PLACE, "--folds", lengths)
    assert (answer.code, answer.out, said in answer.err) == (3, "", True)


def test_backtesting_py_plays_no_folds_and_says_why(fxgpt, data_root):
    answer = fxgpt("backtest", *PLACE, "--folds", "30/7/7", "--engine", "reference")
    assert (answer.code, answer.out) == (3, "")
    assert "--engine reference with --folds: fold after fold is played by the kernel" in answer.err
