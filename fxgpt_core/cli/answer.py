"""How a verb answers: one JSON object on stdout with --json, else lines and tables; rich on a terminal, plain elsewhere."""

import json
import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer

JsonFlag = Annotated[bool, typer.Option("--json", help="Answer with one JSON object on stdout and nothing else.")]
SymbolOption = Annotated[str, typer.Option("--symbol", "-s", help="Symbol, such as EURUSD.")]
TimeframeOption = Annotated[str, typer.Option("--timeframe", "-t", help="1m, 5m, 15m, 30m, 1h, 4h or 1d.")]
VerifyOption = Annotated[
    bool, typer.Option("--verify", help="Ask for the whole history again, to find what the provider changed in it.")
]

Row = Mapping[str, object]


def answer(payload: Mapping[str, Any], as_json: bool, tell: Callable[[], None]) -> None:
    """Print the payload as JSON (numbers that are not finite as null), or let `tell` print it for people."""
    if as_json:
        print(json.dumps(_plain(payload), ensure_ascii=False, allow_nan=False))
    else:
        tell()


def say(line: str = "") -> None:
    """Print one line for people."""
    print(line)


def minute(moment: datetime | None) -> str:
    """A moment as people read it, to the minute; a dash for none."""
    return "-" if moment is None else f"{moment:%Y-%m-%d %H:%M}"


def tell_table(rows: Sequence[Row], nothing: str) -> None:
    """Print rows with the same names as a table, or the line `nothing` when there are none."""
    if not rows:
        say(nothing)
        return
    heads = list(rows[0])
    cells = [[_cell(row[head]) for head in heads] for row in rows]
    if sys.stdout.isatty():
        _rich_table(heads, cells)
    else:
        for line in _plain_table(heads, cells):
            say(line)


def tell_pairs(values: Row) -> None:
    """Print names and values, one pair a line."""
    width = max((len(name) for name in values), default=0)
    for name, value in values.items():
        say(f"{name:<{width}}  {_cell(value)}")


def _plain_table(heads: list[str], cells: list[list[str]]) -> Iterable[str]:
    widths = [max(len(row[column]) for row in (heads, *cells)) for column in range(len(heads))]
    for row in (heads, ["-" * width for width in widths], *cells):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _rich_table(heads: list[str], cells: list[list[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*heads, header_style="bold")
    for row in cells:
        # As Text: a message with square brackets is not markup.
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
