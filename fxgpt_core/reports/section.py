"""The parts of a report before they take a form: text, tables and the names of charts, which HTML and PDF both write."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

NO_TRADE = "There is no trade: every decision was to stay out, or every order was refused."


class Chart(StrEnum):
    """The charts; each form draws them its own way from the same lines and points."""

    EQUITY = "equity"
    PRICE = "price"
    COSTS = "costs"
    HISTORY = "history"
    PARETO = "pareto"
    HYPERVOLUME = "hypervolume"
    IMPORTANCE = "importance"
    SLICES = "slices"


class Tone(StrEnum):
    """How a row stands out; its words say the same, so that no reader depends on the colour."""

    PLAIN = "plain"
    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True)
class Row:
    """One row of texts; `shades` in [-1, 1], one for each cell, colour a heat map (none: no colours)."""

    cells: tuple[str, ...]
    tone: Tone = Tone.PLAIN
    shades: tuple[float, ...] = ()


@dataclass(frozen=True)
class Table:
    """Rows below `heads`; columns of the heads in `words` hold words and stand left, all others hold numbers and stand right."""

    heads: tuple[str, ...]
    rows: tuple[Row, ...]
    words: tuple[str, ...] = ()
    title: str = ""


@dataclass(frozen=True)
class Choice:
    """What a reader of the page can choose for a chart: `options` as (value, text), of which `chosen` is a value.

    `kind` "column": the values name the columns that can take the place of the drawn column `target`; `kind` "search": they are
    the searches whose points can be shown.
    """

    label: str
    options: tuple[tuple[str, str], ...]
    chosen: str
    target: str
    kind: str = "column"


@dataclass(frozen=True)
class Section:
    """One part of the report; `reading` says how to read it, `absent` stands where there is nothing to show.

    `hint`: what can be done with a chart that answers, as that of the page does and that of a PDF does not; so with `choices`.
    """

    title: str
    reading: str
    tables: tuple[Table, ...] = ()
    chart: Chart | None = None
    tiles: tuple[tuple[str, str], ...] = ()
    absent: str = ""
    hint: str = ""
    choices: tuple[Choice, ...] = ()


def charts(sections: Iterable[Section]) -> list[Chart]:
    """The charts of sections, in their order."""
    return [section.chart for section in sections if section.chart]
