"""The report as one HTML page that needs nothing else: text and tables as HTML, charts by BokehJS from within the file."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from bokeh.models import LayoutDOM

from fxgpt_core.reports.contents import BacktestReport
from fxgpt_core.reports.heading import title_of
from fxgpt_core.reports.html_charts import figures
from fxgpt_core.reports.html_choices import CHOOSING
from fxgpt_core.reports.html_script import charts_script
from fxgpt_core.reports.outline import outline
from fxgpt_core.reports.page_style import STYLE
from fxgpt_core.reports.palette import shade
from fxgpt_core.reports.section import Chart, Choice, Row, Section, Table, charts

# The browser itself refuses whatever would be loaded from elsewhere.
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:"
LONG_TEXT = 30


def as_html(report: BacktestReport) -> str:
    """The whole page, the same for the same record. Raises as the measures do."""
    sections = outline(report)
    return page(title_of(report), sections, figures(report, charts(sections)))


def page(title: str, sections: Sequence[Section], drawn: Mapping[Chart, LayoutDOM]) -> str:
    """A page of sections, the first of which is its head, and of their charts as drawn."""
    chosen = any(section.choices for section in sections)
    body = "\n".join(_section(section, level=2 if at else 1) for at, section in enumerate(sections))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<main>
{body}
</main>
{charts_script(drawn, CHOOSING if chosen else "")}
</body>
</html>
"""


def _section(section: Section, level: int) -> str:
    parts = [f"<h{level}>{escape(section.title)}</h{level}>", f"<p>{escape(f'{section.reading} {section.hint}'.strip())}</p>"]
    if section.absent:
        parts.append(f'<p class="absent">{escape(section.absent)}</p>')
    if section.tiles:
        parts.append(_tiles(section.tiles))
    if section.choices:
        parts.append(f'<div class="choices">{"".join(map(_choice, section.choices))}</div>')
    if section.chart:
        parts.append(_chart(section.chart, section.title))
    if section.tables:
        parts.append(f'<div class="{_layout(section.tables)}">{"".join(map(_table, section.tables))}</div>')
    return f"<section>{''.join(parts)}</section>"


def _chart(chart: Chart, title: str) -> str:
    return (
        f'<div class="chart" id="{chart}" role="figure" aria-label="{escape(title)}">'
        "<noscript>The chart needs JavaScript.</noscript></div>"
    )


def _choice(choice: Choice) -> str:
    options = "".join(
        f'<option value="{escape(value)}"{" selected" if value == choice.chosen else ""}>{escape(text)}</option>'
        for value, text in choice.options
    )
    return f'<label>{escape(choice.label)} <select data-{choice.kind}="{escape(choice.target)}">{options}</select></label>'


def _layout(tables: Sequence[Table]) -> str:
    """How tables stand side by side: one has the whole width, those of two columns need little."""
    if len(tables) == 1:
        return "single"
    return "slim" if len(tables[0].heads) == 2 else "broad"


def _tiles(tiles: Iterable[tuple[str, str]]) -> str:
    boxes = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in tiles)
    return f'<dl class="tiles">{boxes}</dl>'


def _table(table: Table) -> str:
    title = f"<h3>{escape(table.title)}</h3>" if table.title else ""
    words = [head in table.words for head in table.heads]
    heads = "".join(
        f'<th scope="col"{_classes(word, "")}>{escape(head)}</th>' for head, word in zip(table.heads, words, strict=True)
    )
    rows = "".join(_row(row, words) for row in table.rows)
    return f'<div>{title}<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div></div>'


def _row(row: Row, words: list[bool]) -> str:
    shades = row.shades or (0.0,) * len(row.cells)
    cells = "".join(
        f"<td{_classes(word, cell)}{_colour(value)}>{escape(cell)}</td>"
        for cell, word, value in zip(row.cells, words, shades, strict=True)
    )
    return f'<tr class="{row.tone}">{cells}</tr>'


def _classes(word: bool, cell: str) -> str:
    if not word:
        return ""
    return ' class="word long"' if len(cell) > LONG_TEXT else ' class="word"'


def _colour(value: float) -> str:
    return f' style="background:{shade(value)}"' if value else ""
