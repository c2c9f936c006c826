"""The page: every section is there or says why not, its numbers are the record's, and it loads nothing from anywhere."""

import dataclasses
import re
import time

import numpy as np
import pytest
from page_reader import read
from played_by_hand import weekdays
from report_examples import FREE, FX, HEADING, ROWS, by_hand, idle, large, sample, three_trades

from fxgpt_core.backtest import ledger
from fxgpt_core.market.fills import REASON_NAMES
from fxgpt_core.performance.cost_parts import costs_paid
from fxgpt_core.reports.heading import costs_text
from fxgpt_core.reports.html_page import as_html
from fxgpt_core.reports.palette import shade

TITLES = (
    *("Backtest of EURUSD 1h", "Key numbers", "Equity and drawdown", "Trades on the price", "Months", "Costs"),
    *("Where the profit came from", "Drawdowns", "Folds", "Stress", "Luck", "Robustness", "Gates"),
)
LARGEST_BYTES = 6_000_000
LOADING = {"link", "img", "iframe", "object", "embed", "base", "audio", "video", "source"}


@pytest.fixture(scope="module")
def rich():
    return sample()


@pytest.fixture(scope="module")
def page(rich):
    return read(as_html(rich))


@pytest.fixture(scope="module")
def by_hand_page():
    return read(as_html(three_trades()))


def test_every_section_stands_in_its_order(page):
    assert tuple(page.sections) == TITLES


def test_the_heading_tells_what_was_played_and_on_what_it_rests(page, rich):
    told = dict(page.tables[TITLES[0]][1:])
    assert told["symbol and timeframe"] == "EURUSD 1h"
    assert told["span"].endswith("1,500 candles")
    assert told["parameter set"] == "a72f" * 16
    assert told["mode"].startswith("FX: ")
    assert told["account"].startswith(f"began with 100,000.00, ended with {rich.result.final_equity:,.2f}; leverage 30:1")
    assert told["gates"] == "1 of 2 passed"
    assert told["candles"] == "ccad" * 16
    assert told["code"] == f"commit {'4b37' * 10}, changed since ({'d1f7' * 16})"
    assert told["made at"] == "2026-11-22T08:00:00+00:00"
    assert "Drawn by chance." in page.sections[TITLES[0]]


def test_the_costs_of_both_modes_are_told_in_words(page, by_hand_page):
    in_fx = dict(page.tables[TITLES[0]][1:])["costs"]
    for part in (
        *("spread 0.0001 in price units", "0.00002 a unit, each side", "slippage 0.1 × spread", "0.00004 long", "50.00 %"),
        "one of quote currency is 1 in the account's",
    ):
        assert part in in_fx
    flat = dict(read(as_html(sample(300, costs=dataclasses.replace(FREE, spread=0.00007)))).tables[TITLES[0]][1:])
    assert flat["costs"] == "spread 0.007 % of the price, at the entry; commission 0 % of the notional, each side"
    assert flat["mode"].startswith("PARITY: filled by the rules of backtesting.py 0.6.6")


def test_costs_that_change_from_candle_to_candle_are_told_by_median_and_range():
    changing = dataclasses.replace(FX, spread=np.array([0.0001, 0.0004, 0.0002]))
    assert "spread 0.0002 (median, from 0.0001 to 0.0004)" in costs_text(changing)
    assert "no stop-out" in costs_text(dataclasses.replace(FX, stop_out=0.0))


def test_exits_that_only_finer_candles_could_decide_are_counted(by_hand_page):
    assert dict(by_hand_page.tables["Backtest of EURUSD 1d"][1:])["ambiguous exits"] == "none"
    made = three_trades()
    trades = dataclasses.replace(made.result.trades, ambiguous=np.array([True, False, True]))
    unsure = dataclasses.replace(made, result=dataclasses.replace(made.result, trades=trades, refused=4))
    told = dict(read(as_html(unsure)).tables["Backtest of EURUSD 1d"][1:])
    assert told["ambiguous exits"].startswith("2 of 3: ")
    assert told["account"].endswith("4 orders were beyond its margin")


def test_the_key_numbers_are_those_worked_out_by_hand(by_hand_page):
    for measure, value in {
        "total return": "21.00",
        "total return, %": "21.00 %",
        "buy and hold, without leverage": "30.00 %",
        "deepest drawdown": "5.00 %",
        "deepest drawdown, money": "5.50",
        "profit factor": f"{26.5 / 5.5:.2f}",
        "won": "2 (66.67 %)",
        "average trade": "7.00",
        "best trade, worst trade": "16.50, -5.50",
        "longest streaks, won and lost": "1, 1",
        "FX days": "4",
        "best day": "10.00 %",
        "worst day": "-5.00 %",
    }.items():
        assert by_hand_page.table("Key numbers", measure)[1] == value


def test_every_measure_shown_is_the_records(page, rich):
    found = rich.measured
    for measure, value in {
        "Sharpe ratio": f"{found.metrics.sharpe_ratio:.2f}",
        "Sortino ratio": f"{found.metrics.sortino_ratio:.2f}",
        "Calmar ratio": f"{found.metrics.calmar_ratio:.2f}",
        "growth a year": f"{100 * found.risk.cagr:.2f} %",
        "volatility a year": f"{100 * found.risk.annual_volatility:.2f} %",
        "value at risk of a day, 95 %": f"{100 * found.risk.var_95:.2f} %",
        "value at risk of a day, 99 %": f"{100 * found.risk.var_99:.2f} %",
        "expected shortfall, 95 %": f"{100 * found.risk.cvar_95:.2f} %",
        "expected shortfall, 99 %": f"{100 * found.risk.cvar_99:.2f} %",
        "time under water": f"{100 * found.drawdowns.time_under_water:.2f} %",
        "alpha a year": f"{100 * found.benchmark.alpha:.2f} %",
        "beta": f"{found.benchmark.beta:.2f}",
        "recovery factor": f"{found.drawdowns.recovery_factor:.2f}",
        "Kelly fraction": f"{found.trades.kelly_fraction:.2f}",
        "turnover a year": f"{found.exposure.turnover:,.2f}",
        "time in the market": f"{100 * found.exposure.exposure:.2f} %",
    }.items():
        assert page.table("Key numbers", measure)[1] == value
    tiles = page.sections["Key numbers"].split()
    assert str(found.metrics.total_trades) in tiles
    assert f"{found.metrics.profit_factor:.2f}" in tiles


def test_the_costs_lead_from_the_profit_before_them_to_the_profit_after(by_hand_page):
    assert by_hand_page.tables["Costs"] == [
        ["part", "money", "share of gross profit"],
        ["before costs", "22.50", ""],
        ["commission", "-1.50", f"{100 * 1.5 / 27.5:.2f} %"],
        *[[part, "0.00", "0.00 %"] for part in ("spread", "slippage", "impact", "swap")],
        ["after costs", "21.00", ""],
    ]


def test_every_part_of_the_costs_is_shown_by_its_own_name(page, rich):
    trades = rich.result.trades
    for part, column in {"commission": "commission", "spread": "spread_cost"}.items():
        assert page.table("Costs", part)[1] == f"{-getattr(trades, column).sum():,.2f}"
    for part in ("slippage", "impact", "swap"):
        assert page.table("Costs", part)[1] == f"{-getattr(trades, part).sum():,.2f}"
    before = trades.profit.sum() + costs_paid(trades).sum()
    assert page.table("Costs", "before costs")[1] == f"{before:,.2f}"
    [bars] = [columns for columns in page.columns() if "amount" in columns]
    assert (bars["name"][0], bars["name"][-1]) == ("before costs", "after costs")
    assert bars["amount"][-1] == pytest.approx(trades.profit.sum())


def test_months_and_years_are_a_heat_map():
    candles = weekdays(4, first="2018-01-30")
    html = as_html(by_hand([21.0, -60.5], [110.0, 121.0, 121.0, 60.5], candles))
    heads, year = read(html).tables["Months"]
    assert (heads[0], heads[1], heads[12], heads[13]) == ("year", "Jan", "Dec", "whole year")
    assert year == ["2018", "21.00", "-50.00", *[""] * 10, "-39.50"]
    assert f'<td style="background:{shade(0.42)}">21.00</td>' in html
    assert f'<td style="background:{shade(-1.0)}">-50.00</td>' in html


def test_groups_of_trades_add_up_to_the_whole(page, rich):
    rows = [row for row in page.tables["Where the profit came from"] if row[0] in (*REASON_NAMES, "long", "short")]
    profit = {row[0]: float(row[3].replace(",", "")) for row in rows}
    total = rich.result.trades.profit.sum()
    assert profit["long"] + profit["short"] == pytest.approx(total, abs=0.02)
    assert sum(profit[name] for name in REASON_NAMES if name in profit) == pytest.approx(total, abs=0.05)
    hours = [row for row in page.tables["Where the profit came from"] if row[0].isdigit()]
    assert sum(int(row[1]) for row in hours) == len(rich.result.trades)
    assert {"sydney", "tokyo", "london", "new_york"} <= {row[0] for row in page.tables["Where the profit came from"]}


def test_a_group_without_a_loss_has_no_profit_factor_of_a_hundred(by_hand_page):
    assert by_hand_page.table("Where the profit came from", "22")[6] == "≥ 100"
    assert by_hand_page.table("Where the profit came from", "short") == ["short", "0", "-", "-", "-", "-", "-"]


def test_a_drawdown_tells_when_it_began_how_deep_it_was_and_when_it_was_over(by_hand_page):
    [_, fall] = by_hand_page.tables["Drawdowns"]
    assert fall == ["2018-01-10 12:00", "2018-01-11 12:00", "2018-01-12 12:00", "5.00 %", "5.50", "2.00", "1"]


def test_a_drawdown_that_lasts_is_said_to_last():
    [_, fall] = read(as_html(by_hand([-5.0], [100.0, 95.0]))).tables["Drawdowns"]
    assert fall[2] == "not yet"


def test_a_fold_without_trades_is_an_error_and_no_zero(page):
    [_, traded, empty] = page.tables["Folds"]
    assert traded[3:] == ["abcdef012345", "14", "1.23", "0.52 %", ""]
    assert empty[4:] == ["0", "-", "-", "idle"]
    assert [attributes["class"] for name, attributes in page.elements if name == "tr" and "class" in attributes].count("bad") >= 4


def test_a_stress_shows_what_it_left_and_whether_that_was_enough(page):
    [_, dearer, lost, missing] = page.tables["Stress"]
    span = "1970-01-01 00:00 .. 1970-01-15 00:00"
    assert dearer == ["costs_x2", span, "398", "-9.87 %", "14.90 %", "90.13 %", "yes", ""]
    assert lost == ["jump_up, worst of 5", span, "0", "-49.00 %", "49.50 %", "51.00 %", "NO", "kept 51 %"]
    assert missing[2:] == ["-", "-", "-", "-", "not judged", "candles end 2018-02-07"]


def test_luck_and_gates_show_number_limit_verdict_and_words(page):
    assert page.tables["Luck"][1:] == [
        ["deflated Sharpe ratio", "0.0254", ">= 0.95", "FAILED", "Is it above the best of as many worthless trials?"],
        ["probability of overfitting", "0.18", "<= 0.2", "passed", "Does the best of a search stay good?"],
    ]
    assert page.tables["Gates"][1:] == [
        ["cost_x2", "12,346", "> 0", "passed", ""],
        ["minimum_trades", "12", ">= 30", "FAILED", "too few trades: add candles"],
    ]


def test_robustness_shows_each_measure_and_what_it_says(page):
    assert [row[0] for row in page.tables["Robustness"][1:]] == ["folds that earn", "plateau"]
    assert page.table("Robustness", "folds that earn")[1:] == ["0.625", "of 8 test windows"]
    assert page.table("Robustness", "plateau")[1:] == ["-", "not known"]


def test_what_is_absent_is_said():
    page = read(as_html(idle()))
    assert tuple(page.sections)[1:] == TITLES[1:]
    for title in ("Key numbers", "Trades on the price", "Costs", "Where the profit came from"):
        assert "There is no trade" in page.sections[title]
    assert "Key numbers" not in page.tables
    for title, said in {
        "Drawdowns": "never closed below its peak",
        "Folds": "There are no folds",
        "Stress": "There is no stress test",
        "Luck": "not tested for luck",
        "Robustness": "not tested how robust",
        "Gates": "No gate has judged",
    }.items():
        assert said in page.sections[title]
        assert title not in page.tables


def test_a_page_with_gates_says_where_the_tests_behind_them_are_told(rich):
    page = read(as_html(dataclasses.replace(rich, stress=(), luck=(), robustness=())))
    for title, where in {"Stress": "fxgpt stress", "Luck": "fxgpt luck", "Robustness": "the asset robustness"}.items():
        assert f"The gates below tell how these tests ended; {where} tells them in full." in page.sections[title]


def test_nothing_is_said_to_be_absent_where_everything_is_there(page):
    assert "absent" not in [attributes.get("class") for _, attributes in page.elements]


def test_the_charts_hold_the_trades_of_the_record(page, rich):
    trades = rich.result.trades
    [shown] = [columns for columns in page.columns() if "reason" in columns]
    for name, column in {
        "profit": trades.profit,
        "costs": costs_paid(trades),
        "entry_price": trades.entry_price,
        "exit_price": trades.exit_price,
        "entered": trades.entry_time_us / 1000,
        "left": trades.exit_time_us / 1000,
        "units": trades.units,
    }.items():
        assert np.array_equal(shown[name], column)
    assert shown["side"] == ["long" if side > 0 else "short" for side in trades.side]
    assert shown["reason"] == [REASON_NAMES[code] for code in trades.reason]


def test_marks_are_placed_by_side_and_by_profit(page, rich):
    trades = rich.result.trades
    filters = [np.array(found["attributes"]["indices"]) for found in page.charts() if found["name"] == "IndexFilter"]
    members = (trades.side > 0, trades.side < 0, trades.profit > 0.0, trades.profit <= 0.0)
    assert [rows.tolist() for rows in filters] == [np.flatnonzero(member).tolist() for member in members]


def test_the_drawn_equity_ends_where_the_account_did(page, rich):
    lines = [columns for columns in page.columns() if set(columns) == {"x", "y"}]
    assert rich.result.final_equity in [columns["y"][-1] for columns in lines]
    assert max(rich.result.equity) in [columns["y"].max() for columns in lines]


PLANTED = "<script>alert('1')</script>&\"'$x^2$"


def test_text_of_others_is_shown_as_text():
    made = dataclasses.replace(
        three_trades(),
        heading=dataclasses.replace(HEADING, symbol=PLANTED, about=PLANTED, artifacts={PLANTED: PLANTED}),
        folds=(dataclasses.replace(ROWS["folds"][0], train=PLANTED, note=PLANTED, parameters_sha256=PLANTED),),
        stress=(dataclasses.replace(ROWS["stress"][1], name=PLANTED, place=PLANTED, why=PLANTED),),
        luck=(dataclasses.replace(ROWS["luck"][0], name=PLANTED, asks=PLANTED),),
        gates=(dataclasses.replace(ROWS["gates"][1], gate=PLANTED, remedy=PLANTED),),
    )
    html = as_html(made)
    page = read(html)
    assert "<script>alert" not in html
    assert len(page.scripts) == 2
    assert page.table("Luck", PLANTED)[4] == PLANTED
    assert page.table("Gates", PLANTED)[4] == PLANTED
    assert next(iter(page.sections)).startswith(f"Backtest of {PLANTED}")


def test_a_script_cannot_be_ended_from_within(monkeypatch):
    planted = "</script><script>alert(1)</script>"
    monkeypatch.setattr(ledger, "REASON_NAMES", (planted,) * len(REASON_NAMES))
    page = read(as_html(three_trades()))
    assert len(page.scripts) == 2
    [shown] = [columns for columns in page.columns() if "reason" in columns]
    assert shown["reason"] == [planted] * 3


def test_moments_are_utc_wherever_the_report_is_made(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    tokyo = dataclasses.replace(HEADING, made_at=HEADING.made_at.astimezone())
    page = read(as_html(dataclasses.replace(three_trades(), heading=tokyo)))
    monkeypatch.undo()
    time.tzset()
    assert tokyo.made_at.utcoffset().total_seconds() == 9 * 3600
    told = dict(page.tables["Backtest of EURUSD 1d"][1:])
    assert (told["made at"], told["span"][:16]) == ("2026-11-22T08:00:00+00:00", "2018-01-09 12:00")


def test_the_same_record_makes_the_same_bytes(rich):
    assert as_html(rich) == as_html(rich)
    assert as_html(sample()) == as_html(rich)


def test_another_record_makes_other_bytes(rich):
    assert as_html(sample(density=0.11)) != as_html(rich)


def test_nothing_is_loaded_from_anywhere(rich, page):
    html = as_html(rich)
    assert {name for name, _ in page.elements} & LOADING == set()
    assert [attributes for _, attributes in page.elements if "src" in attributes or "href" in attributes] == []
    [style] = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    assert "url(" not in style
    assert "@import" not in style
    [policy] = [found["content"] for name, found in page.elements if found.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert "http" not in policy


def test_150_000_candles_and_4_000_trades_fit_into_six_megabytes():
    made = large()
    assert (len(made.candles), len(made.result.trades) > 4000) == (150_000, True)
    html = as_html(made)
    assert len(html.encode()) < LARGEST_BYTES
    lines = [columns["y"] for columns in read(html).columns() if set(columns) == {"x", "y"}]
    assert made.candles.close.max() in [values.max() for values in lines]
    assert made.result.equity.min() in [values.min() for values in lines]
