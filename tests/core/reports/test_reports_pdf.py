"""The PDF: the page's sections on A4, as text that can be searched, the same bytes for the same record."""

import dataclasses
import re

import pytest
from page_reader import read
from pdf_reader import pages
from report_examples import HEADING, ROWS, idle, sample, three_trades

from fxgpt_core.reports.html_page import as_html
from fxgpt_core.reports.outline import outline
from fxgpt_core.reports.pdf_file import as_pdf
from fxgpt_core.reports.pdf_text import column_widths, width, wrapped

MEDIA_BOX = re.compile(rb"/MediaBox \[ ?0 0 595 842 ?\]")


@pytest.fixture(scope="module")
def rich():
    return sample()


@pytest.fixture(scope="module")
def pdf(rich):
    return as_pdf(rich)


def test_every_page_is_a4_and_says_its_number(pdf):
    found = pages(pdf)
    assert len(found) >= 4
    assert len(MEDIA_BOX.findall(pdf)) == len(found)
    feet = [[text for text in page if ", page " in text] for page in found]
    assert feet == [[f"Backtest of EURUSD 1h, page {number}"] for number in range(1, len(found) + 1)]


def test_every_section_and_every_cell_of_the_page_can_be_found_in_the_pdf(pdf, rich):
    texts = [text for page in pages(pdf) for text in page]
    titles = [section.title for section in outline(rich)]
    assert [text for text in texts if text in titles and text != titles[0]] == titles[1:]
    every = " ".join(texts)
    cells = [cell for rows in read(as_html(rich)).tables.values() for row in rows for cell in row if cell.isascii()]
    # What is wrapped is found word by word.
    assert [word for cell in cells for word in cell.split() if word not in every and len(word) < 40] == []
    for section in outline(rich):
        for _, value in section.tiles:
            assert value in texts


def test_the_key_numbers_are_those_worked_out_by_hand():
    texts = [text for page in pages(as_pdf(three_trades())) for text in page]
    for measure, value in {"total return": "21.00", "payoff ratio": "2.41", "deepest drawdown, money": "5.50"}.items():
        assert texts[texts.index(measure) + 1] == value


def test_what_is_absent_is_said():
    every = " ".join(text for page in pages(as_pdf(idle())) for text in page)
    assert every.count("There is no trade: every decision was to stay out") == 4
    assert "not tested for luck" in every


def test_the_same_record_makes_the_same_bytes(pdf):
    assert as_pdf(sample()) == pdf


def test_the_file_is_dated_when_the_report_was_made(pdf):
    assert b"/CreationDate (D:20261122080000Z)" in pdf


def test_signs_that_mean_something_to_typesetters_are_signs():
    planted = "$x^2$ (a) \\ <b>"
    texts = pages(as_pdf(dataclasses.replace(three_trades(), heading=dataclasses.replace(HEADING, symbol=planted))))
    assert f"Backtest of {planted} 1d" in texts[0]


def test_a_long_table_goes_on_to_the_next_page_below_its_heads():
    folds = tuple(dataclasses.replace(ROWS["folds"][0], fold=number, trades=1000) for number in range(150))
    found = [page for page in pages(as_pdf(dataclasses.replace(three_trades(), folds=folds))) if "chosen set" in page]
    assert len(found) == 3
    for page in found[1:]:
        assert page[1:4] == ["fold", "train", "test"]
    numbers = [text for page in found for text in page[page.index("chosen set") :] if text.isdigit()]
    assert numbers[:150] == [str(number) for number in range(150)]


def test_lines_fit_and_hold_every_word():
    text = "a remedy that is long enough to be wrapped " + "f" * 90
    lines = wrapped(text, 100.0, 7.0)
    assert max(width(line, 7.0) for line in lines) <= 100.0
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_columns_keep_their_width_where_they_fit_and_only_wide_words_are_cut():
    assert column_widths([10.0, 20.0], [True, False], 100.0) == [10.0, 20.0]
    assert column_widths([10.0, 300.0, 200.0, 30.0], [True, True, True, False], 140.0) == [10.0, 50.0, 50.0, 30.0]
