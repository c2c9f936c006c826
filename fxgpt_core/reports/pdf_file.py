"""The report as a PDF: the same sections as the page, on A4."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from fxgpt_core.reports import pdf_charts, pdf_tables
from fxgpt_core.reports.contents import BacktestReport
from fxgpt_core.reports.heading import title_of
from fxgpt_core.reports.outline import outline
from fxgpt_core.reports.pdf_pages import Pages
from fxgpt_core.reports.section import Chart, Row, Section, Table

TITLE_SIZE, SECTION_SIZE = 17.0, 12.0
BELOW_HEADING = 80.0


def as_pdf(report: BacktestReport) -> bytes:
    """The whole file, the same for the same record. Raises as the measures do."""
    draw = partial(pdf_charts.draw, report=report)
    return pdf_of(title_of(report), report.heading.made_at, outline(report), draw)


def pdf_of(title: str, made_at: datetime, sections: Sequence[Section], draw: Callable[[Chart, Pages], None]) -> bytes:
    """A file of sections, the first of which is its head; `draw` puts a chart on the pages."""
    pages = Pages(title)
    for at, section in enumerate(sections):
        chart = pdf_charts.HEIGHTS[section.chart] if section.chart else 0.0
        pages.heading(section.title, SECTION_SIZE if at else TITLE_SIZE, BELOW_HEADING + chart)
        _put(section, draw, pages)
    return pages.written(made_at)


def _put(section: Section, draw: Callable[[Chart, Pages], None], pages: Pages) -> None:
    pages.paragraph(section.reading)
    if section.absent:
        pages.paragraph(section.absent, marked=True)
    if section.tiles:
        names, values = zip(*section.tiles, strict=True)
        pdf_tables.put(Table(names, (Row(values),)), pages)
    if section.chart:
        draw(section.chart, pages)
    tables = section.tables
    if len(tables) > 1 and all(len(table.heads) == 2 for table in tables):
        for first, second in zip(tables[::2], tables[1::2], strict=True):
            pdf_tables.put_beside(first, second, pages)
    else:
        for table in tables:
            pdf_tables.put(table, pages)
