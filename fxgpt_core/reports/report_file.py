"""The report as a file, in the form that the ending of its name asks for."""

from pathlib import Path
from typing import Final

from fxgpt_core.atomic_file import write_atomically
from fxgpt_core.errors import BadInputError
from fxgpt_core.reports.contents import BacktestReport

HTML: Final = ".html"
PDF: Final = ".pdf"


def require_form(path: Path) -> None:
    """Raises `BadInputError` for a name that ends with neither .html nor .pdf."""
    if path.suffix not in (HTML, PDF):
        raise BadInputError(
            f"the report {path} ends with {path.suffix or 'nothing'}; {HTML} (one page for a browser) and {PDF} are known; "
            "name it so"
        )


def write_report(report: BacktestReport, path: Path) -> None:
    """Put the report at `path`, whole or not at all; the same record makes the same bytes.

    Raises `BadInputError` for another ending, and as the measures do.
    """
    require_form(path)
    # Each form loads a library of drawing of its own, which takes half a second.
    if path.suffix == HTML:
        from fxgpt_core.reports.html_page import as_html

        data = as_html(report).encode()
    else:
        from fxgpt_core.reports.pdf_file import as_pdf

        data = as_pdf(report)
    write_atomically(path, data)
