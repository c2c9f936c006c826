"""The report of a search: its stitched test windows, a row for each fold, and the gate board where it has judged."""

import dataclasses

import numpy as np
import pytest
from page_reader import read
from played_by_hand import hourly
from report_examples import FREE, FX, MADE_AT, ROWS, idle, three_trades

from fxgpt_core.backtest.walk_forward import FoldRun
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.costs import FxCosts
from fxgpt_core.market.modes import Mode
from fxgpt_core.optimization.outcome import FoldOutcome, OptimizationOutcome
from fxgpt_core.optimization.problem import Evaluation, Problem
from fxgpt_core.performance.measures import metrics
from fxgpt_core.registry.code_identity import CodeIdentity
from fxgpt_core.reports.html_page import as_html
from fxgpt_core.reports.walk_forward import IDLE, Origin, Verdicts, fold_rows, walk_forward_report
from fxgpt_core.strategy.parameters import StrategyParameters
from fxgpt_core.validation.folds import DAY_US, Fold, Window

FOLD = Fold(3, Window(0, 30 * DAY_US), Window(31 * DAY_US, 38 * DAY_US))
CHOSEN, PROPOSED = (StrategyParameters.default().replace(risk_max_holding_hours=hours) for hours in (6, 12))
SERIES = ("open_time_us", "open", "high", "low", "close", "volume")
ORIGIN = Origin(MADE_AT, {"candles": "ccad" * 16}, CodeIdentity("4b37" * 10, None, "l"))


def _measured(made):
    return metrics(made.result, made.candles)


def _fold(made, *, idle=False):
    return FoldOutcome(FOLD, None, CHOSEN, 2.5, _measured(made), idle)


def _outcome(*folds):
    made = three_trades()
    stitched = Evaluation(made.candles, made.result, _measured(made))
    return OptimizationOutcome(1, PROPOSED, None, folds, stitched, 2.0, (), None, (), FOLD.test)


def _problem():
    made = three_trades()
    return Problem("GBPUSD", made.candles, None, FREE, made.account)


def test_the_report_is_of_the_stitched_test_windows_and_not_of_the_proposed_set():
    made = walk_forward_report(_problem(), _outcome(_fold(three_trades())), ORIGIN)
    page = read(as_html(made))
    told = dict(page.tables["Backtest of GBPUSD 1d"][1:])
    assert told["parameter set"] == "each fold its own: see the folds"
    assert (told["candles"], told["code"]) == ("ccad" * 16, f"commit {'4b37' * 10}")
    assert told["gates"] == "not judged yet"
    assert PROPOSED.sha256[:16] in page.sections["Backtest of GBPUSD 1d"]
    assert page.table("Key numbers", "total return, %")[1] == "21.00 %"


def test_a_fold_shows_windows_chosen_set_and_what_it_did_where_it_had_not_been_searched():
    made = walk_forward_report(_problem(), _outcome(_fold(three_trades(), idle=True), _fold(idle())), ORIGIN)
    _, traded, empty = read(as_html(made)).tables["Folds"]
    assert traded[:5] == ["3", str(FOLD.train), str(FOLD.test), CHOSEN.sha256[:12], "3"]
    assert traded[5:] == [f"{_measured(three_trades()).sharpe_ratio:.2f}", "21.00 %", IDLE]
    assert empty[4:] == ["0", "-", "-", "no trade"]


def test_folds_of_one_set_show_windows_its_hash_and_why_there_is_no_result():
    made, empty = three_trades(), idle()
    runs = [
        FoldRun(FOLD, made.candles, made.result, _measured(made)),
        FoldRun(FOLD, empty.candles, empty.result, _measured(empty)),
    ]
    runs.append(FoldRun(FOLD, made.candles, made.result, dataclasses.replace(_measured(made), n_periods=1)))
    page = read(as_html(dataclasses.replace(made, folds=fold_rows(runs, CHOSEN.sha256))))
    _, traded, idled, short = page.tables["Folds"]
    assert traded[:5] == ["3", str(FOLD.train), str(FOLD.test), CHOSEN.sha256[:12], "3"]
    assert traded[5:] == [f"{_measured(made).sharpe_ratio:.2f}", "21.00 %", ""]
    assert idled[3:] == [CHOSEN.sha256[:12], "0", "-", "-", "no trade"]
    assert short[3:] == [CHOSEN.sha256[:12], "3", "-", "-", "single FX day"]
    assert "Nothing was searched" in page.sections["Folds"]
    searched = read(as_html(walk_forward_report(_problem(), _outcome(_fold(made)), ORIGIN)))
    assert "its search had not seen" in searched.sections["Folds"]


def test_gate_board_luck_and_stress_are_shown_where_they_have_judged():
    page = read(
        as_html(walk_forward_report(_problem(), _outcome(), ORIGIN, Verdicts(ROWS["gates"], ROWS["luck"], ROWS["stress"])))
    )
    assert len(page.tables["Gates"]) == 3
    assert page.table("Stress", "jump_up, worst of 5")[6] == "NO"


def test_in_mode_fx_the_costs_are_those_at_the_candles_of_the_test_windows():
    whole, rows = hourly(30), np.array([5, 6, 20, 21])
    paid = FxCosts(np.arange(30) / 1e5, conversion=np.arange(1.0, 31.0))
    played = idle()
    windows = CandleArrays(*(getattr(whole, name)[rows] for name in SERIES), whole.timeframe)
    result = dataclasses.replace(played.result, mode=Mode.FX)
    stitched = Evaluation(windows, result, metrics(result, windows))
    problem = Problem("EURUSD", whole, None, FREE, played.account, paid=paid)
    made = walk_forward_report(problem, dataclasses.replace(_outcome(), out_of_sample=stitched), ORIGIN)
    assert made.costs.spread.tolist() == (rows / 1e5).tolist()
    assert made.costs.conversion.tolist() == (rows + 1.0).tolist()
    assert made.costs.swap_long.tolist() == [0.0]


def test_costs_the_windows_were_not_played_with_are_refused():
    with pytest.raises(BadInputError, match="give those the run was played with"):
        walk_forward_report(dataclasses.replace(_problem(), paid=FX), _outcome(), ORIGIN)


def test_a_stitched_run_of_another_account_is_refused():
    problem = dataclasses.replace(_problem(), account=dataclasses.replace(three_trades().account, cash=5.0))
    with pytest.raises(BadInputError, match="give those the run was played with"):
        walk_forward_report(problem, _outcome(), ORIGIN)
