"""The report as a file, in the form that the ending of its name asks for."""

from pathlib import Path
from typing import Final

from fxgpt_core.atomic_file import write_atomically
from fxgpt_core.errors import BadInputError
from fxgpt_core.reports.contents import BacktestReport
from fxgpt_core.reports.optimization import OptimizationReport

HTML: Final = ".html"
PDF: Final = ".pdf"


def require_form(path: Path) -> None:
    """Raises `BadInputError` for a name that ends with neither .html nor .pdf."""
    if path.suffix not in (HTML, PDF):
        raise BadInputError(
            f"the report {path} ends with {path.suffix or 'nothing'}; {HTML} (one page for a browser) and {PDF} are known; "
            "name it so"
        )


def write_report(report: BacktestReport | OptimizationReport, path: Path) -> None:
    """Put the report at `path`, whole or not at all; the same record makes the same bytes.

    Raises `BadInputError` for another ending, and as the measures do.
    """
    require_form(path)
    write_atomically(path, _as_html(report).encode() if path.suffix == HTML else _as_pdf(report))


# Each form loads a library of drawing of its own, which takes half a second.
def _as_html(report: BacktestReport | OptimizationReport) -> str:
    if isinstance(report, OptimizationReport):
        from fxgpt_core.reports import optimization_page

        return optimization_page.as_html(report)
    from fxgpt_core.reports import html_page

    return html_page.as_html(report)


def _as_pdf(report: BacktestReport | OptimizationReport) -> bytes:
    if isinstance(report, OptimizationReport):
        from fxgpt_core.reports import optimization_page

        return optimization_page.as_pdf(report)
    from fxgpt_core.reports import pdf_file

    return pdf_file.as_pdf(report)
