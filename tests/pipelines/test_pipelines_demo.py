"""The demo's own parts: what it tells, what it holds out, how it ends on an error."""

import io
from types import SimpleNamespace

import polars as pl
import pytest

from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.candles.store import CandleStore
from fxgpt_core.errors import BadInputError, MissingError
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.registry import gate_results
from fxgpt_core.registry.gates import GateResult
from fxgpt_core.settings import read_settings
from fxgpt_pipelines import demo, demo_report
from fxgpt_pipelines.progress import Steps
from fxgpt_pipelines.providing import provided
from fxgpt_pipelines.running import Made


@pytest.fixture
def settings(tmp_path):
    return read_settings({"FXGPT_DATA_ROOT": str(tmp_path)})


def test_what_the_user_imported_goes_before_the_sample(settings):
    assert provided(settings, "EURUSD", Timeframe.H1).provider == "sample"
    own = SampleProvider().candles("EURUSD", Timeframe.H1).head(500)
    CandleStore(settings.import_root).put(own, "EURUSD", Timeframe.H1, "test")
    assert provided(settings, "EURUSD", Timeframe.H1).provider == "imported"
    assert provided(settings, "EURUSD", Timeframe.H1, "sample").provider == "sample"


def test_a_symbol_nobody_has_names_every_provider_and_what_to_do(settings):
    with pytest.raises(MissingError, match=r"(?s)'imported' has no 1h candles of GBPUSD.*'sample' has no 1h candles of GBPUSD"):
        provided(settings, "GBPUSD", Timeframe.H1)
    with pytest.raises(BadInputError, match=r"known: auto, imported, .*tiingo, .*sample"):
        provided(settings, "EURUSD", Timeframe.H1, "nobody")


@pytest.mark.parametrize("timeframe", [Timeframe.H1, Timeframe.H4, Timeframe.D1])
def test_the_last_candles_held_out_cannot_be_known_from_the_rest(settings, timeframe):
    from fxgpt_core.candles.resample import resample

    source = provided(settings, "EURUSD", timeframe)
    rest = source.without_last(10)
    known = rest if source.source_timeframe == timeframe else resample(rest, source.source_timeframe, timeframe)
    assert known.equals(source.frame.head(len(source.frame) - 10))
    last_known = rest["open_time"][-1] + source.source_timeframe.duration
    assert last_known <= source.frame["open_time"][-11] + timeframe.duration
    assert source.without_last(0).equals(source.source)


def test_more_candles_than_there_are_cannot_be_held_out(settings):
    with pytest.raises(BadInputError, match="5000 candles cannot be held out of 5000"):
        provided(settings, "EURUSD", Timeframe.H1).without_last(5000)


def _steps(**typical_s):
    out = io.StringIO()
    return Steps(typical_s, out), out


def test_each_step_is_one_line_with_its_place_its_seconds_and_what_is_left():
    steps, out = _steps(candles=2.0, model=60.0)
    with steps.step("candles"):
        steps.made("4952 rows", 1.94)
    with steps.step("model"):
        steps.made("version 1", 71.0)
    first, second = out.getvalue().splitlines()
    assert first.split() == ["[", "1/2]", "candles", "1.9", "s", "4952", "rows", "about", "60", "s", "left"]
    assert "left" not in second


def test_while_everything_is_reused_little_is_expected_to_be_left():
    steps, out = _steps(candles=2.0, model=60.0, search=60.0)
    with steps.step("candles"):
        steps.made("4952 rows", 0.5, reused=True)
    assert "about 3 s left" in out.getvalue()


def test_what_a_step_is_doing_is_told_every_few_seconds_and_never_twice(monkeypatch):
    monkeypatch.setattr("fxgpt_pipelines.progress.TOLD_EVERY_S", 0.0)
    steps, out = _steps(model=60.0)
    with steps.step("model"):
        for line in ("step 1", "step 1", "step 2"):
            steps.tell(line)
    assert out.getvalue().split() == ["step", "1", "step", "2"]


def test_the_headline_of_an_asset_has_rows_span_and_failed_checks():
    facts = {"dagster/row_count": 10, "first": "2018-01-01T00:00", "last": "2018-02-01T00:00", "sha256": "ab"}
    made = Made("candles", "run", False, facts, {"schema": True, "quality": False}, 1.0)
    assert demo.headline(made) == "10 rows, 2018-01-01 … 2018-02-01, 1/2 checks passed (not quality)"


@pytest.mark.parametrize(("best_step", "told"), [(0, True), (10, False)])
def test_the_headline_of_a_model_says_when_it_stayed_a_random_walk(best_step, told):
    made = Made("diffusion_model", "run", False, {"model_version": "fxgpt-EURUSD-1h version 1", "best_step": best_step}, {}, 1.0)
    assert ("random walk" in demo.headline(made)) is told


def test_the_board_gives_one_advice_once_and_names_its_gates(monkeypatch):
    names = {"minimum_trades": "trade", "proposed_trades": "trade", "cost_x2": "wait"}
    board = tuple(GateResult(gate, 0.0, 1.0, ">=", False, remedy) for gate, remedy in names.items())
    monkeypatch.setattr(gate_results, "board_of", lambda ledger, parameter_set_id: board if parameter_set_id == "set" else ())
    told, out = _steps(robustness=1.0)
    demo_report.gates(told, SimpleNamespace(ledger=None), SimpleNamespace(json=lambda: {"parameter_set_id": "set"}))
    assert "minimum_trades, proposed_trades: trade" in out.getvalue()
    assert "cost_x2: wait" in out.getvalue()
    assert "cheapest to fix" in out.getvalue()


def test_an_unknown_symbol_ends_the_demo_with_code_three_and_a_hint(capsys):
    with pytest.raises(SystemExit, match="3") as end:
        demo.main(["--symbol", "EURUSX"])
    assert end.value.code == 3
    assert "EURUSD" in capsys.readouterr().err


def test_a_setting_that_cannot_be_used_ends_the_demo_with_code_three_and_no_traceback(monkeypatch, capsys):
    monkeypatch.setenv("FXGPT_LEDGER_URL", "garbage")
    assert demo.main([]) == 3
    told = capsys.readouterr().err
    assert "FXGPT_LEDGER_URL" in told
    assert "Traceback" not in told


def test_an_unforeseen_error_is_one_line_and_a_file_not_a_traceback(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("FXGPT_DATA_ROOT", str(tmp_path))

    def fails(plan, settings):
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(demo, "_demo", fails)
    assert demo.main([]) == 1
    told = capsys.readouterr().err
    assert "planted" in told
    assert "Traceback" not in told
    assert "Traceback" in next((tmp_path / "logs").glob("error-*.txt")).read_text()


def test_the_sample_is_long_enough_for_the_demo():
    frame = SampleProvider().candles("EURUSD", Timeframe.H1)
    assert isinstance(frame, pl.DataFrame)
    assert len(frame) - demo.HELD_OUT > 4_900
