"""fxgpt backtest and optimize over a stored problem: both engines agree, parameters move trades, changed bytes are refused."""

import json
import math

import pytest
from problem_stored import PLACE, keep_problem


@pytest.fixture
def problem(fxgpt):
    """A ledger and lake that hold candles, a stand-in for a model, forecasts and their calibration."""
    assert fxgpt("setup").code == 0
    return keep_problem()


def test_kernel_and_reference_answer_with_equal_trades(fxgpt, problem, stored):
    before = stored()
    kernel = fxgpt("backtest", *PLACE, "--json").json
    reference = fxgpt("backtest", *PLACE, "--engine", "reference", "--json").json
    assert len(kernel["trades"]) > 20
    names = {"entry_time", "exit_time", "side", "size", "entry_price", "exit_price", "reason"}
    assert names <= set(kernel["trades"][0])
    assert kernel["trades"] == reference["trades"]
    assert kernel["metrics"] == reference["metrics"]
    assert (kernel["engine"], reference["engine"]) == ("kernel", "reference")
    assert kernel["metrics"]["total_trades"] == len(kernel["trades"])
    assert sum(trade["profit"] for trade in kernel["trades"]) == pytest.approx(kernel["final_equity"] - 100_000.0)
    assert stored() == before


def test_the_artifacts_a_backtest_rests_on_are_named(fxgpt, problem):
    answered = fxgpt("backtest", *PLACE, "--json").json["artifacts"]
    assert answered == {asset: artifact.id for asset, artifact in problem.items()}


def test_parameters_of_a_file_or_of_a_stored_proposal_move_the_trades(fxgpt, problem, tmp_path):
    changed = {"risk_max_holding_hours": 6, "sssd_forecast_horizon": 8}
    plain, proposal = tmp_path / "plain.json", tmp_path / "proposal.json"
    plain.write_text(json.dumps(changed))
    proposal.write_text(json.dumps({"parameters": changed, "params_sha256": "p" * 64, "n_trials": 5}))
    default = fxgpt("backtest", *PLACE, "--json").json
    moved = fxgpt("backtest", *PLACE, "--params", plain, "--json").json
    assert moved["trades"] != default["trades"]
    assert moved["parameters_sha256"] != default["parameters_sha256"]
    assert fxgpt("backtest", *PLACE, "--params", proposal, "--json").json["trades"] == moved["trades"]


@pytest.mark.parametrize("asset", ["candles", "diffusion_model", "forecasts", "calibration_quantiles"])
def test_one_changed_byte_of_what_it_rests_on_ends_with_six_and_names_the_file(fxgpt, problem, stored, asset):
    path = problem[asset].path
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    before = stored()
    answer = fxgpt("backtest", *PLACE)
    assert (answer.code, answer.out) == (6, "")
    assert str(path) in answer.err
    assert asset in answer.err
    assert stored() == before


def test_a_model_file_that_is_gone_ends_with_six(fxgpt, problem):
    problem["diffusion_model"].path.unlink()
    answer = fxgpt("backtest", *PLACE, "--json")
    assert (answer.code, answer.json["exit_code"]) == (6, 6)
    assert "is gone" in answer.json["error"]


def test_people_are_told_the_measures_and_the_last_trades(fxgpt, problem):
    answer = fxgpt("backtest", *PLACE)
    assert answer.code == 0
    assert "trades over" in answer.out
    assert "sharpe_ratio" in answer.out
    assert "entry_time" in answer.out
    n_trades = len(fxgpt("backtest", *PLACE, "--json").json["trades"])
    assert n_trades > 10
    assert f"the last 10 of {n_trades} trades" in answer.out


def test_a_search_is_recorded_resumes_to_the_same_run_and_writes_its_proposal(fxgpt, problem, tmp_path):
    out = tmp_path / "proposed.json"
    wanted = ("optimize", "run", *PLACE, "--trials", "2", "--final-trials", "2", "--out", out, "--json")
    first, again = fxgpt(*wanted).json, fxgpt(*wanted).json
    assert first == again
    assert json.loads(out.read_text()) == first["proposed"]
    assert first["n_trials"] == 2 * len(first["folds"]) + 2
    assert all(math.isfinite(value) for value in first["out_of_sample"].values())
    assert fxgpt("backtest", *PLACE, "--params", out).code == 0


@pytest.mark.parametrize(("out", "code"), [("", 3), ("a_file/p.json", 7)], ids=["a directory", "below a file"])
def test_a_proposal_that_could_not_be_written_is_refused_before_the_search(fxgpt, problem, stored, tmp_path, out, code):
    (tmp_path / "a_file").touch()
    before = stored()
    answer = fxgpt("optimize", "run", *PLACE, "--trials", "1", "--final-trials", "1", "--out", tmp_path / out)
    assert (answer.code, answer.out, answer.err.startswith("error: --out ")) == (code, "", True)
    assert stored() == before


@pytest.mark.parametrize("engine", ["kernel", "reference"])
def test_a_report_holds_the_numbers_that_were_answered(fxgpt, problem, tmp_path, engine):
    file = tmp_path / "reports" / "backtest.html"
    answer = fxgpt("backtest", *PLACE, "--engine", engine, "--report", file, "--json").json
    assert answer["report"] == str(file)
    page = file.read_text()
    measured = answer["metrics"]
    for shown in (
        f"{measured['total_return']:,.2f}",
        f"{measured['sharpe_ratio']:.2f}",
        f"{measured['max_drawdown_pct']:.2f} %",
        answer["parameters_sha256"],
        f"{answer['candles']:,} candles",
        *answer["artifacts"].values(),
    ):
        assert shown in page
    assert fxgpt("backtest", *PLACE, "--json").json["report"] is None


def test_a_report_holds_dearer_costs_and_crises_and_with_stress_the_shocks_too(fxgpt, problem, tmp_path):
    plain, shocked = tmp_path / "plain.html", tmp_path / "shocked.html"
    assert fxgpt("backtest", *PLACE, "--report", plain).code == 0
    assert fxgpt("backtest", *PLACE, "--mode", "fx", "--report", shocked, "--stress").code == 0
    for name in ("costs_x2", "covid"):
        assert name in plain.read_text()
        assert name in shocked.read_text()
    assert "jump_down_5_ranges" not in plain.read_text()
    assert "jump_down_5_ranges, worst of 5" in shocked.read_text()
    assert "spread_x5, worst of 5" in shocked.read_text()


@pytest.mark.parametrize(("options", "said"), [(("--report", "r.html", "--detail", "1m"), "--detail"), ((), "there is none")])
def test_shocks_without_a_report_or_with_shorter_candles_are_refused_before_the_backtest(fxgpt, data_root, options, said):
    answer = fxgpt("backtest", *PLACE, "--stress", *options)
    assert (answer.code, answer.out, said in answer.err) == (3, "", True)


def test_people_are_told_where_the_report_was_written(fxgpt, problem, tmp_path):
    file = tmp_path / "backtest.pdf"
    answer = fxgpt("backtest", *PLACE, "--report", file)
    assert answer.out.splitlines()[-1] == f"report written to {file}"
    assert file.read_bytes().startswith(b"%PDF-")


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [("report.txt", 3, ".html"), ("", 3, "known"), ("folder.html", 3, "directory"), ("a_file/r.pdf", 7, "cannot be written")],
)
def test_a_report_that_could_not_be_written_is_refused_before_the_backtest(fxgpt, data_root, tmp_path, name, code, said):
    (tmp_path / "a_file").touch()
    (tmp_path / "folder.html").mkdir()
    answer = fxgpt("backtest", *PLACE, "--report", tmp_path / name)
    # There is no ledger here: a backtest would end with another code and another message.
    assert (answer.code, answer.out) == (code, "")
    assert said in answer.err
    assert "ledger" not in answer.err


def test_two_sided_quotes_cost_spread_slippage_and_swap_and_say_so(fxgpt, problem):
    flat = fxgpt("backtest", *PLACE, "--json").json
    quoted = fxgpt("backtest", *PLACE, "--mode", "fx", "--json").json
    assert (flat["mode"], quoted["mode"]) == ("parity", "fx")
    assert quoted["costs"]["slippage"] > 0.0 == flat["costs"]["slippage"]
    assert quoted["costs"]["swap"] > 0.0 == flat["costs"]["swap"]
    assert quoted["costs"]["total"] == pytest.approx(
        sum(quoted["costs"][part] for part in ("commission", "spread", "slippage", "impact", "swap"))
    )
    told = fxgpt("backtest", *PLACE, "--mode", "fx")
    assert (told.code, "bid and ask" in told.out) == (0, True)


def test_an_account_in_another_currency_wants_the_candles_that_convert(fxgpt, problem):
    answer = fxgpt("backtest", *PLACE, "--mode", "fx", "--account", "jpy")
    assert (answer.code, answer.out) == (4, "")
    assert "USDJPY" in answer.err
    euros = fxgpt("backtest", *PLACE, "--mode", "fx", "--account", "EUR", "--json").json
    assert euros["metrics"]["total_trades"] > 0


def test_shorter_candles_that_are_not_there_are_named(fxgpt, problem):
    answer = fxgpt("backtest", *PLACE, "--detail", "1m")
    assert (answer.code, answer.out) == (4, "")
    assert "EURUSD 1m" in answer.err


@pytest.mark.parametrize("option", [("--mode", "fx"), ("--detail", "1m")])
def test_backtesting_py_refuses_what_it_does_not_know(fxgpt, problem, option):
    answer = fxgpt("backtest", *PLACE, "--engine", "reference", *option)
    assert (answer.code, answer.out) == (3, "")
    assert option[0] in answer.err
