"""fxgpt context import | sync | list: what the user knows of the world besides prices."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from fxgpt_core.cli import context_sync
from fxgpt_core.cli.answer import JsonFlag, answer, say, tell_pairs, tell_table
from fxgpt_core.settings import read_settings

HELP = """Import, download and list context: indices, positions of traders, releases, news, retail sentiment.

Example: fxgpt context import VIX_History.csv --kind vix
"""
SHOWN_HASH = 16

app = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode=None)
app.command("sync")(context_sync.sync_context)

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="CSV or Parquet file of the kind.")]
KindOption = Annotated[
    str, typer.Option("--kind", "-k", help="vix, spx, spy, qqq, cot_legacy, cot_tff, calendar, news or retail.")
]


@app.command("import")
def import_context(file: FileArgument, kind: KindOption, json: JsonFlag = False) -> None:
    """Check a file of context and store it, each row with the moment it was published; it replaces the kind's earlier import.

    Example: fxgpt context import VIX_History.csv --kind vix
    """
    from fxgpt_core.context.kinds import check_published, kind_of, notes
    from fxgpt_core.context.store import FOLDER, ContextStore

    series = kind_of(kind).read(file)
    check_published(series, datetime.now(UTC))
    stored = ContextStore(read_settings().data_root / FOLDER).put(series, str(file.resolve()))
    n_subjects = series.frame["subject"].n_unique()
    payload: dict[str, object] = {
        "kind": kind,
        "sha256": stored.sha256,
        "path": stored.path,
        "rows": stored.rows,
        "subjects": n_subjects,
        "values": list(series.values),
        "first_known_at": stored.first,
        "last_known_at": stored.last,
        "source": stored.source,
        "notes": notes(series),
    }

    def tell() -> None:
        span = f"{stored.first:%Y-%m-%d %H:%M} to {stored.last:%Y-%m-%d %H:%M} UTC"
        say(f"stored {stored.rows} rows of {kind}, subjects {n_subjects}, known from {span}")
        tell_pairs({"path": stored.path, "sha256": stored.sha256, "values": ", ".join(series.values)})
        for note in notes(series):
            say(f"note: {note}")
        say("next: materialize the asset context_series")

    answer(payload, json, tell)


@app.command("list")
def list_context(json: JsonFlag = False) -> None:
    """Every stored version of every kind, imported or downloaded, and which of them is joined to candles.

    Example: fxgpt context list --json
    """
    from fxgpt_core.context.kinds import KINDS
    from fxgpt_core.context.store import FOLDER, ContextStore

    store = ContextStore(read_settings().data_root / FOLDER)
    latest = {kind: store.latest(kind).sha256 for kind in store.kinds()}
    rows: list[dict[str, object]] = [
        {
            "kind": card.kind,
            "rows": card.rows,
            "first_known_at": card.first,
            "last_known_at": card.last,
            "latest": latest.get(card.kind) == card.sha256,
            "sha256": card.sha256,
            "source": card.source,
        }
        for card in store.list()
    ]

    def tell() -> None:
        short = [row | {"sha256": str(row["sha256"])[:SHOWN_HASH]} for row in rows]
        tell_table(
            short, f"nothing imported yet; `fxgpt context import FILE --kind vix` stores a file; kinds: {', '.join(KINDS)}"
        )

    answer({"context": rows, "kinds": list(KINDS)}, json, tell)
