"""Tables on the pages of a PDF: as wide as they need, wrapped where they do not fit, their heads again on every page."""

from dataclasses import dataclass

from fxgpt_core.reports.palette import BLUE, GRID, ORANGE, mixed, shade
from fxgpt_core.reports.pdf_pages import LINE, MARGIN, PADDING, ROOM, SIZE, SMALL, Pages
from fxgpt_core.reports.pdf_text import column_widths, width, wrapped
from fxgpt_core.reports.section import Row, Table, Tone

STEP = SMALL * LINE
COLOURS = {Tone.GOOD: mixed(BLUE, 0.08), Tone.BAD: mixed(ORANGE, 0.2)}


@dataclass(frozen=True)
class Columns:
    """Where the columns of a table stand: from `left` on, `widths` in points, `words` those that are set left."""

    left: float
    widths: tuple[float, ...]
    words: tuple[bool, ...]

    def lines(self, row: Row) -> list[tuple[str, ...]]:
        """The lines of each cell."""
        return [wrapped(cell, wide - PADDING, SMALL) for cell, wide in zip(row.cells, self.widths, strict=True)]

    def height(self, row: Row) -> float:
        """How high a row is, in points."""
        return max(map(len, self.lines(row))) * STEP + 2.0


def put(table: Table, pages: Pages) -> None:
    """A table across the page."""
    pages.need(5.0 * STEP)
    _put(table, _columns(table, MARGIN, ROOM), pages)


def put_beside(first: Table, second: Table, pages: Pages) -> None:
    """Two short tables side by side, whole on one page."""
    half = ROOM / 2.0
    both = [(table, _columns(table, left, half - PADDING)) for table, left in ((first, MARGIN), (second, MARGIN + half))]
    pages.need(max(sum(map(columns.height, table.rows)) for table, columns in both) + 4.0 * STEP)
    top, ends = pages.y, []
    for table, columns in both:
        pages.y = top
        _put(table, columns, pages)
        ends.append(pages.y)
    pages.y = max(ends)


def _columns(table: Table, left: float, room: float) -> Columns:
    texts = zip(table.heads, *(row.cells for row in table.rows), strict=True)
    natural = [max(width(text, SMALL, bold=True) for text in column) + PADDING for column in texts]
    words = tuple(head in table.words for head in table.heads)
    return Columns(left, tuple(column_widths(natural, words, room)), words)


def _put(table: Table, columns: Columns, pages: Pages) -> None:
    heads = Row(table.heads)
    if table.title:
        pages.text(columns.left, table.title, SIZE, bold=True)
        pages.y += SIZE * LINE
    _put_row(heads, columns, pages, bold=True)
    for row in table.rows:
        page = len(pages.figures)
        pages.need(columns.height(row))
        if len(pages.figures) > page:
            _put_row(heads, columns, pages, bold=True)
        _put_row(row, columns, pages)
    pages.y += 2.0 * PADDING


def _put_row(row: Row, columns: Columns, pages: Pages, *, bold: bool = False) -> None:
    top, high, left = pages.y, columns.height(row), columns.left
    shades = row.shades or (0.0,) * len(row.cells)
    for lines, wide, word, value in zip(columns.lines(row), columns.widths, columns.words, shades, strict=True):
        pages.y = top
        colour = shade(value) if value else COLOURS.get(row.tone)
        if colour:
            pages.rectangle(left, wide, high, colour)
        for line in lines:
            x = left + PADDING / 2.0 if word else left + wide - PADDING / 2.0
            pages.text(x, line, SMALL, bold=bold, align="left" if word else "right")
            pages.y += STEP
        left += wide
    pages.y = top + high
    pages.rectangle(columns.left, sum(columns.widths), 0.5, GRID)
