"""The report of an optimization, as one HTML page and as a PDF: the search, and the run of its choices out of sample."""

import dataclasses

from fxgpt_core.reports import choice_sections, heading, optimization_sections, outline
from fxgpt_core.reports.optimization import OptimizationReport
from fxgpt_core.reports.optimization_sections import title_of
from fxgpt_core.reports.pdf_pages import Pages
from fxgpt_core.reports.section import Chart, Section, charts

ORDER = (
    optimization_sections.heading,
    optimization_sections.searched,
    optimization_sections.history,
    optimization_sections.pareto,
    optimization_sections.best_trials,
    optimization_sections.hypervolume,
    optimization_sections.importance,
    optimization_sections.slices,
    choice_sections.proposed,
    choice_sections.regimes,
    choice_sections.champion,
)


def sections(report: OptimizationReport) -> tuple[Section, ...]:
    """Every section in the order of reading, always all of those of the search. Raises as the measures do."""
    return (*(section(report) for section in ORDER), *_out_of_sample(report))


def as_html(report: OptimizationReport) -> str:
    """The whole page, the same for the same record. Raises as the measures do."""
    from fxgpt_core.reports import html_charts, html_page, optimization_html

    shown = sections(report)
    drawn = optimization_html.figures(report, charts(shown))
    if report.played is not None:
        drawn |= html_charts.figures(report.played, charts(shown))
    return html_page.page(title_of(report), shown, drawn)


def as_pdf(report: OptimizationReport) -> bytes:
    """The whole file, the same for the same record. Raises as the measures do."""
    from fxgpt_core.reports import optimization_pdf, pdf_charts, pdf_file

    def draw(chart: Chart, pages: Pages) -> None:
        if chart in optimization_pdf.DRAWERS:
            optimization_pdf.draw(chart, pages, report)
        elif report.played is not None:
            pdf_charts.draw(chart, pages, report.played)

    return pdf_file.pdf_of(title_of(report), report.run.made_at, sections(report), draw)


def _out_of_sample(report: OptimizationReport) -> tuple[Section, ...]:
    if report.played is None:
        return (Section("Out of sample", "", absent=NOT_PLAYED),)
    head = dataclasses.replace(heading.heading(report.played), title="Out of sample")
    return (head, *outline.outline(report.played)[1:])


NOT_PLAYED = "The choices of this run were not played again: it has not ended, or no stored parameter set was made by it."
