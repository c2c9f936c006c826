"""Pages of a PDF, filled from the top; a new one begins where something does not fit. Lengths are points, 1/72 inch."""

import io
from datetime import datetime

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from fxgpt_core.reports.palette import GREY, INK, ORANGE, mixed
from fxgpt_core.reports.pdf_text import wrapped

INCH = 72.0
WIDTH, HEIGHT = 595.0, 842.0  # A4
MARGIN = 40.0
ROOM = WIDTH - 2.0 * MARGIN
BOTTOM = HEIGHT - MARGIN
SIZE, SMALL = 8.5, 7.0
LINE = 1.35
"""From line to line, in sizes of the text."""
PADDING = 8.0
RASTER = 200
"""Dots an inch of what is drawn as a picture."""
ABOVE_PLOT, BELOW_PLOT, BESIDE_PLOT = 14.0, 22.0, 42.0


class Pages:
    """The pages so far; `y` is how far down the last one is filled."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.figures: list[Figure] = []
        self.y = BOTTOM
        self.turn()

    def heading(self, text: str, size: float, below: float) -> None:
        """A heading with space above; on a new page where `below`, what must follow it, would not fit under it."""
        self.need(2.0 * size * LINE + below)
        self.y += size if self.y > MARGIN else 0.0
        self.text(MARGIN, text, size, bold=True)
        self.y += size * LINE

    def paragraph(self, text: str, *, marked: bool = False) -> None:
        """Text as wide as the page; `marked` text stands out."""
        lines, step = wrapped(text, ROOM - PADDING, SIZE), SIZE * LINE
        self.need(len(lines) * step + PADDING)
        if marked:
            self.rectangle(MARGIN, ROOM, len(lines) * step, mixed(ORANGE, 0.12))
        for line in lines:
            self.text(MARGIN + (PADDING / 2.0 if marked else 0.0), line, SIZE)
            self.y += step
        self.y += PADDING

    def plot(self, height: float, beside: float = BESIDE_PLOT) -> Axes:
        """Axes of a height, as wide as the page, with room for what is written around them, `beside` on the left."""
        return self.plots(height, 1, 1, beside)[0]

    def plots(self, height: float, places: int, n: int, beside: float = BESIDE_PLOT) -> list[Axes]:
        """The same for n axes side by side, in the first of so many places of one width."""
        self.need(ABOVE_PLOT + height + BELOW_PLOT)
        self.y += ABOVE_PLOT + height
        wide, bottom = ROOM / places, 1.0 - self.y / HEIGHT
        self.y += BELOW_PLOT
        lefts = (MARGIN + at * wide + beside for at in range(n))
        return [self.figures[-1].add_axes((left / WIDTH, bottom, (wide - beside) / WIDTH, height / HEIGHT)) for left in lefts]

    def text(self, x: float, text: str, size: float, *, bold: bool = False, align: str = "left") -> None:
        """One line, whose top is where the page is filled to."""
        self.figures[-1].text(
            x / WIDTH,
            1.0 - (self.y + size) / HEIGHT,
            text,
            fontsize=size,
            fontweight="bold" if bold else "normal",
            color=INK,
            horizontalalignment=align,
            parse_math=False,  # a $ in a name is a $
            fontfeatures=("-liga",),  # a hash is found by its letters
        )

    def rectangle(self, x: float, wide: float, high: float, colour: str) -> None:
        """A filled rectangle, whose top is where the page is filled to."""
        figure = self.figures[-1]
        corner = (x / WIDTH, 1.0 - (self.y + high) / HEIGHT)
        figure.add_artist(
            Rectangle(corner, wide / WIDTH, high / HEIGHT, facecolor=colour, linewidth=0.0, transform=figure.transFigure)
        )

    def need(self, high: float) -> None:
        """A new page unless so much still fits on this one."""
        if self.y + high > BOTTOM:
            self.turn()

    def turn(self) -> None:
        """A new page."""
        figure = Figure(figsize=(WIDTH / INCH, HEIGHT / INCH))
        self.figures.append(figure)
        foot = f"{self.title}, page {len(self.figures)}"
        figure.text(MARGIN / WIDTH, MARGIN / 2.0 / HEIGHT, foot, fontsize=SMALL, color=GREY, parse_math=False)
        self.y = MARGIN

    def written(self, made_at: datetime) -> bytes:
        """The file of all pages, dated `made_at`; its text can be selected and searched."""
        target = io.BytesIO()
        facts = {"Title": self.title, "Creator": "fxgpt", "Producer": None, "CreationDate": made_at}
        with mpl.rc_context({"pdf.fonttype": 42}), PdfPages(target, metadata=facts) as file:
            for figure in self.figures:
                file.savefig(figure, dpi=RASTER)
        return target.getvalue()
