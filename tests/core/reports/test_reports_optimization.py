"""The report of an optimization: what it shows is the run's, its charts answer, and it loads nothing from anywhere."""

import dataclasses
from datetime import datetime

import numpy as np
import pytest
from optimization_examples import FACTS, PROPOSED, REGIMES, by_hand, empty, importances, large, made, search_row
from page_reader import read
from pdf_reader import pages
from report_examples import ROWS, three_trades
from report_examples import by_hand as by_hand_run

from fxgpt_core.errors import BadInputError
from fxgpt_core.optimization.contest import Contender, Contest
from fxgpt_core.optimization.hypervolume import hypervolume
from fxgpt_core.optimization.limits import UNTRADED
from fxgpt_core.optimization.space import decoded
from fxgpt_core.reports import optimization_points as points
from fxgpt_core.reports.html_choices import CHOOSING
from fxgpt_core.reports.optimization_page import as_html, as_pdf, sections
from fxgpt_core.reports.report_file import write_report
from fxgpt_core.strategy.parameters import StrategyParameters

HEAD = "Optimization of EURUSD 1h, run 17"
TITLES = (
    *(HEAD, "Searches", "History", "Pareto front", "Best trials", "Hypervolume", "Importance of parameters", "Slices"),
    *("Proposed parameters", "Regimes", "Champion and challenger", "Out of sample"),
)


@pytest.fixture(scope="module")
def html():
    return as_html(by_hand())


@pytest.fixture(scope="module")
def page(html):
    return read(html)


@pytest.fixture(scope="module")
def pdf():
    return as_pdf(by_hand())


@pytest.fixture(scope="module")
def trials(page):
    [found] = [columns for columns in page.columns() if "history" in columns and "kind" in columns]
    return found


def test_every_section_stands_in_its_order_and_those_out_of_sample_follow(page):
    assert tuple(page.sections) == TITLES
    played = dataclasses.replace(by_hand(), played=dataclasses.replace(three_trades(), **ROWS))
    found = [section.title for section in sections(played)]
    assert found[: len(TITLES)] == list(TITLES)
    assert found[-4:] == ["Folds", "Stress", "Luck", "Gates"]


def test_the_heading_counts_what_was_tried(page):
    told = dict(page.tables[HEAD][1:])
    assert told["run"] == "17, completed"
    assert told["evaluations"] == "10 of 20 planned"
    assert told["feasible"] == "6 (60.00 %)"
    assert told["not measured"].startswith("2 (20.00 %): they traded too little")
    assert told["seed"] == "7"


def test_a_search_tells_its_window_its_budget_what_it_chose_and_why_it_ended(page):
    window = ["2018-01-31 .. 2018-03-02", "nsga2", "10", "5", "3", "0.25"]
    assert page.table("Searches", "final")[1:7] == window
    assert page.table("Searches", "final")[8] == "its budget was spent"
    # 1 and 2 are on the front: 1 has the larger drawdown, 2 the lower Sharpe ratio and the lower profit factor.
    assert [page.table("Searches", name)[7] for name in ("fold 0", "final")] == ["1", "11"]


def test_the_best_trials_are_those_of_the_last_search_that_keep_every_limit(page):
    # 0.5 Sharpe - 0.3 drawdown / 10 + 0.15 profit factor - 0.05 costs
    assert page.tables["Best trials"][1:] == [
        ["11", "2.00", "6.00 %", "1.60", "40.00 %", "1.04", "chosen"],
        ["12", "1.50", "3.00 %", "1.40", "40.00 %", "0.85", "on the front"],
        ["10", "1.00", "8.00 %", "1.20", "40.00 %", "0.42", ""],
    ]


def test_the_charts_hold_every_measured_trial_by_its_kind(trials):
    assert trials["number"].tolist() == [0, 1, 2, 3, 10, 11, 12, 13]
    assert trials["search"].tolist() == [0] * 4 + [1] * 4
    assert trials["kind"].tolist() == [1, 2, 2, 0] * 2
    assert trials["chosen"].tolist() == [0, 1, 0, 0] * 2
    assert trials["sharpe"].tolist() == [1.0, 2.0, 1.5, 4.0] * 2
    assert trials["x"].tolist() == trials["max_drawdown"].tolist() == [8.0, 6.0, 3.0, 30.0] * 2
    assert trials["y"].tolist() == trials["sharpe"].tolist()
    assert trials["history"].tolist() == trials["value"].tolist()


def test_the_front_shows_one_search_and_can_show_each_other(page):
    filters = {
        found["attributes"]["name"]: list(found["attributes"]["indices"])
        for found in page.charts()
        if found["name"] == "IndexFilter" and found["attributes"].get("name")
    }
    assert filters == {"pareto-infeasible": [7], "pareto-feasible": [4], "pareto-front": [5, 6], "pareto-chosen": [5]}
    selects = [attributes for name, attributes in page.elements if name == "select"]
    assert [each for each in selects if "data-search" in each] == [{"data-search": "pareto"}]
    assert [each["data-column"] for each in selects if "data-column" in each] == ["history", "y", "x", "slice"]
    values = [attributes["value"] for name, attributes in page.elements if name == "option"]
    assert set(values) == {"sharpe", "max_drawdown", "profit_factor", "cost_ratio", "value", "0", "1"}


def test_what_can_be_chosen_is_there_to_be_drawn(page, trials):
    """The script puts columns in the place of columns: each that a choice names must be in the sources that have its target."""
    sources = [columns for columns in page.columns() if {"history", "x", "slice"} & set(columns)]
    assert len(sources) == 3
    for source in sources:
        assert {measure.column for measure in points.MEASURES} <= set(source)
    names = {found.get("attributes", {}).get("name") for found in page.charts()}
    assert {"trials", "best", "slices", "history-axis", "x-axis", "y-axis"} <= names
    assert page.scripts[1].endswith(f".then(() => {{{CHOOSING}}});")
    assert "eval" not in CHOOSING


def test_the_best_so_far_is_of_feasible_trials_of_one_search():
    found = list(points.best_so_far(by_hand(), points.MEASURES[0]))
    assert [(line.x.tolist(), line.y.tolist()) for line in found] == [
        ([0.0, 1.0, 2.0, 4.0], [1.0, 2.0, 2.0, 2.0]),
        ([10.0, 11.0, 12.0, 14.0], [1.0, 2.0, 2.0, 2.0]),
    ]
    falls = [line.y.tolist() for line in points.best_so_far(by_hand(), points.MEASURES[1])]
    assert falls == [[8.0, 6.0, 3.0, 3.0]] * 2


def test_the_hypervolume_grows_by_what_is_feasible():
    report = by_hand()
    rows = report.evaluations.objectives
    expected = [0.0, *(hypervolume(rows[:n]) for n in (1, 2, 3))]
    for line in points.volumes(report):
        assert line.x.tolist() == [0, 1, 2, 3, 4, 5]
        assert line.y == pytest.approx([*expected, expected[3], expected[3]])


def test_a_screen_is_no_trial_of_the_whole_window():
    found = by_hand().evaluations
    screened = dataclasses.replace(found, phase=np.array(["screen"] + ["search"] * 9, dtype=np.str_))
    report = by_hand(evaluations=screened)
    assert not report.measured[0]
    assert next(points.best_so_far(report, points.MEASURES[0])).x[0] == 1.0


def test_a_run_in_which_nothing_keeps_the_limits_shows_what_came_nearest():
    found = made([0, 1], [0, 0], [(1.0, 20.0, 1.1, 0.5), (1.0, 18.0, 1.1, 0.5)], [0.4, 0.2])
    report = by_hand(evaluations=found, searches=(search_row(0, "final", 2, (0, 1)),))
    assert report.chosen == {0: 1}
    assert not report.front.any()
    assert "keeps every limit" in read(as_html(report)).sections["Best trials"]


def test_in_mode_per_regime_a_search_is_called_by_fold_and_regime():
    rows = [search_row(0, "search", 5, ()), search_row(1, "search", 5, (), "ranging"), search_row(2, "final", 0, (), "ranging")]
    rows[1] = dataclasses.replace(rows[1], window_start=rows[0].window_start)
    report = by_hand(searches=tuple(rows))
    assert [report.name(row) for row in rows] == ["fold 0", "fold 0, ranging", "final, ranging"]
    assert report.shown == rows[0]


def test_slices_are_the_values_that_were_played():
    report = dataclasses.replace(large(200, 1), importances=importances(12))
    found = points.slices(report)
    assert [each.name for each in found] == list(report.importances)[: points.MOST_SLICES]
    for each in found:
        played = [getattr(decoded(report.evaluations.genome[row]), each.name) for row in each.rows]
        if each.labels:
            names = [{True: "yes", False: "no"}.get(value, value) for value in played]
            assert [each.labels[round(place)] for place in each.places] == names
            assert len(set(each.places)) > len(each.labels)
        else:
            assert each.places.tolist() == played
    assert (report.evaluations.search[found[0].rows] == report.shown.search).all()
    assert any(each.labels for each in found)
    assert not all(each.labels for each in found)


def test_of_many_trials_the_front_and_the_chosen_are_always_drawn():
    report = large(900, 2)
    rows = points.drawn_rows(report, most=100)
    assert set(np.flatnonzero(report.front)) <= set(rows)
    assert set(np.flatnonzero(points.chosen(report))) <= set(rows)
    others = [row for row in rows if not report.front[row] and not points.chosen(report)[row]]
    assert 50 <= len(others) <= 100
    assert report.measured[rows].all()


def test_regimes_tell_what_trades_there_and_why_it_is_not_their_own(page):
    assert page.table("Regimes", "ranging")[1:] == [
        *("its own", "abcdef012345", "120", "1.25", "4.50 %", "100", "0.80", "5.25 %", "")
    ]
    assert page.table("Regimes", "volatile")[1:] == [
        *("the global set", "99cdef012345", "-", "-", "-", "0", "-", "-", REGIMES[1].reason)
    ]


def test_the_proposed_set_is_told_where_it_is_not_the_default(page):
    assert page.tables["Proposed parameters"][1:] == [["risk_max_holding_hours", "6", "24", "6 to 48", "risk"]]
    assert len(PROPOSED.to_json()) == 90
    assert "the other 89 parameters" in page.sections["Proposed parameters"]


def test_importances_are_drawn_the_largest_on_top():
    found = read(as_html(by_hand(importances=importances(30))))
    [bars] = [columns for columns in found.columns() if "share" in columns]
    assert bars["name"] == list(importances(30))[:20][::-1]
    assert bars["share"] == [2.0**-place for place in range(20, 0, -1)]


def test_what_is_absent_is_said():
    page = read(as_html(empty()))
    assert tuple(page.sections) == TITLES
    for title, said in {
        "Searches": "No search has begun",
        "History": "no evaluation that traded enough",
        "Importance of parameters": "No importance was computed",
        "Slices": "Without importances",
        "Proposed parameters": "proposes nothing",
        "Regimes": "one set for all regimes",
        "Champion and challenger": "Nothing is deployed",
        "Out of sample": "were not played again",
    }.items():
        assert said in page.sections[title]
    assert len(page.scripts) == 2
    texts = [text for each in pages(as_pdf(empty())) for text in each]
    assert [text for text in texts if text in TITLES] == list(TITLES)


def test_the_pdf_holds_every_cell_of_the_page(page, pdf):
    every = " ".join(text for each in pages(pdf) for text in each)
    cells = [cell for rows in page.tables.values() for row in rows for cell in row if cell.isascii()]
    # A hash is broken where its column is narrow.
    assert [word for cell in cells for word in cell.split() if word not in every and len(word) < 12] == []


def test_the_same_record_makes_the_same_bytes(html, pdf, tmp_path):
    for name, expected in (("run.html", html.encode()), ("run.pdf", pdf)):
        write_report(by_hand(), tmp_path / name)
        assert (tmp_path / name).read_bytes() == expected


def test_nothing_is_loaded_from_anywhere(page):
    assert [attributes for _, attributes in page.elements if "src" in attributes or "href" in attributes] == []
    [policy] = [found["content"] for name, found in page.elements if found.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert "unsafe-eval" not in policy


def test_ten_thousand_trials_make_a_page_that_can_be_sent():
    assert len(as_html(dataclasses.replace(large(), importances={}))) < 2_500_000


def test_text_of_others_is_shown_as_text():
    planted = "<script>alert('1')</script>&\"'"
    facts = dataclasses.replace(FACTS, symbol=planted, configuration={planted: planted})
    rows = tuple(dataclasses.replace(row, engine=planted, reason=planted) for row in by_hand().searches)
    html = as_html(by_hand(run=facts, searches=rows))
    assert "<script>alert" not in html
    page = read(html)
    assert len(page.scripts) == 2
    assert page.table("Searches", "final")[2] == planted


def test_what_does_not_belong_together_is_refused():
    with pytest.raises(BadInputError, match=r"searches \[1\], which are not told"):
        by_hand(searches=by_hand().searches[:1])
    with pytest.raises(BadInputError, match="without a time zone"):
        by_hand(run=dataclasses.replace(FACTS, made_at=datetime(2026, 11, 22)))  # noqa: DTZ001


def test_a_trial_without_trades_enough_is_not_drawn():
    found = made([0], [0], [(1.0, 1.0, 1.0, 1.0)], [UNTRADED + 0.1])
    report = by_hand(evaluations=found, searches=(search_row(0, "final", 1, (0,)),))
    assert len(points.drawn_rows(report)) == 0
    assert "no evaluation that traded enough" in read(as_html(report)).sections["Pareto front"]


def test_champion_and_challenger_stand_side_by_side():
    old = Contender(StrategyParameters.default(), (1.0, None, 2.0, None), three_trades().measured)
    new = Contender(PROPOSED, (1.5, 0.5, 1.0, None), by_hand_run([10.0, -21.0], [110.0, 89.0]).measured)
    page = read(as_html(by_hand(contest=Contest(old, new))))
    told = {row[0]: row[1:] for row in page.tables["Champion and challenger"]}
    assert told["return"] == ["21.00 %", "-11.00 %"]
    assert told["costs"] == ["1.50", "0.00"]
    assert told["worst month"] == ["21.00 % (2018-01)", "-11.00 % (2018-01)"]
    assert told["trades"] == ["3", "2"]
    assert [told[fold] for fold in "0123"] == [
        ["1.00", "1.50", "challenger"],
        ["-", "0.50", "challenger"],
        ["2.00", "1.00", "champion"],
        ["-", "-", "none"],
    ]
    assert told["risk_max_holding_hours"] == ["24", "6", "24"]
    for said in ("the challenger won 2 of 4", "Parameters that differ: 1 of 90"):
        assert said in page.sections["Champion and challenger"]
