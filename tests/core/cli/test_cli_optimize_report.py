"""fxgpt optimize report and export: what they write of a stored run, and what they refuse."""

import sqlite3

import pytest
from problem_stored import keep_problem
from test_cli_luck import searched

from fxgpt_core.optimization.study import SearchParameters, optimize
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.tables import trial_ledger
from fxgpt_core.registry.trials import TrialStore
from fxgpt_core.settings import read_settings

REPORT, EXPORT = ("optimize", "report"), ("optimize", "export")


@pytest.fixture
def ledger(fxgpt):
    assert fxgpt("setup").code == 0
    keep_problem()
    opened = Ledger(read_settings().ledger_url)
    yield opened
    opened.close()


@pytest.fixture
def run(ledger):
    return searched(ledger, seed=3, n_trials=3)


def test_a_run_is_written_as_page_and_as_pdf_and_its_choices_are_played_again(fxgpt, run, tmp_path):
    _, outcome, _ = run
    page, pdf = tmp_path / "run.html", tmp_path / "run.pdf"
    answer = fxgpt(*REPORT, outcome.run_id, "--out", page, "--pdf", pdf, "--json")
    assert (answer.code, answer.err) == (0, "")
    assert (answer.json["run_id"], answer.json["evaluations"]) == (outcome.run_id, outcome.n_trials)
    assert answer.json["out_of_sample"] == outcome.out_of_sample.metrics.to_json()
    chosen = [row["chosen"] for row in answer.json["searches"]]
    assert chosen == [*(fold.chosen.trial_number for fold in outcome.folds), outcome.final.trial_number]
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert f"Optimization of EURUSD 1h, run {outcome.run_id}" in page.read_text()
    assert pdf.read_bytes().startswith(b"%PDF-")


def test_without_a_name_the_page_is_below_the_reports_of_the_data_root(fxgpt, run):
    answer = fxgpt(*REPORT, run[1].run_id)
    place = read_settings().report_root / "EURUSD" / "1h" / f"optimization-{run[1].run_id}.html"
    assert f"report written to {place}" in answer.out
    assert place.is_file()


def test_a_run_that_made_no_stored_set_is_told_as_far_as_the_ledger_goes(fxgpt, ledger, run, tmp_path):
    problem, outcome, _ = run
    search = SearchParameters(seed=9, n_trials=2, n_final_trials=2, max_folds=1)
    explored = optimize(problem, search, TrialStore(ledger)).run_id
    told = fxgpt(*REPORT, explored, "--out", tmp_path / "run.html", "--json").json
    assert told["run_id"] == explored != outcome.run_id
    assert told["out_of_sample"] is None
    assert "were not played again" in (tmp_path / "run.html").read_text()


def test_a_run_that_is_not_there_and_names_that_cannot_be_are_refused(fxgpt, run, tmp_path):
    missing = fxgpt(*REPORT, 99)
    assert (missing.code, missing.out) == (4, "")
    assert f"there is no optimization run 99; runs there are: {run[1].run_id}" in missing.err
    wrong = fxgpt(*REPORT, run[1].run_id, "--pdf", tmp_path / "run.html")
    assert wrong.code == 3
    assert "ends with .html; .pdf is needed" in wrong.err


def test_an_export_holds_the_trials_of_the_ledger_and_changes_nothing_there(fxgpt, ledger, run, tmp_path):
    _, outcome, _ = run
    file = tmp_path / "run.db"
    answer = fxgpt(*EXPORT, outcome.run_id, "--to", file, "--most", 2, "--json")
    assert (answer.code, answer.err) == (0, "")
    assert answer.json["trials"] == 2 * len(outcome.searches)
    assert list(answer.json["studies"].values()) == [2] * len(outcome.searches)
    with sqlite3.connect(file) as opened:
        assert opened.execute("SELECT count(*) FROM trials").fetchone() == (answer.json["trials"],)
    with ledger.reading() as connection:
        assert len(connection.execute(trial_ledger.select()).all()) == outcome.n_trials


def test_an_export_never_writes_into_a_file_that_is_there(fxgpt, run, tmp_path):
    (tmp_path / "run.db").write_text("mine")
    answer = fxgpt(*EXPORT, run[1].run_id, "--to", tmp_path / "run.db")
    assert answer.code == 3
    assert "is there already" in answer.err
    assert (tmp_path / "run.db").read_text() == "mine"
