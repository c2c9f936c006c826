"""fxgpt ledger archive: what is old enough leaves the tables of optimization; what was tried stays counted."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from fxgpt_core.cli.answer import JsonFlag, answer, minute, say, tell_table
from fxgpt_core.settings import read_settings

app = typer.Typer(help="The ledger's keeping.", no_args_is_help=True, rich_markup_mode=None)

BeforeOption = Annotated[
    datetime | None,
    typer.Option("--before", formats=["%Y-%m-%d"], help="Archive runs made before this day (UTC); else 12 months ago."),
]
DryRunFlag = Annotated[bool, typer.Option("--dry-run", help="Only tell which runs would be archived.")]


@app.callback()
def _ledger() -> None:
    """Keeps `archive` a verb of its own, beside which others may come."""


@app.command("archive")
def archive(before: BeforeOption = None, dry_run: DryRunFlag = False, json: JsonFlag = False) -> None:
    """Move runs older than twelve months to the archive, with their parameters and results; trials stay counted and traced.

    Example: fxgpt ledger archive --before 2025-01-01 --dry-run --json
    """
    from datetime import UTC

    from fxgpt_core.cli.stored import opened_ledger
    from fxgpt_core.registry import retention

    ledger = opened_ledger(read_settings())
    moment = retention.months_before(ledger.now()) if before is None else before.replace(tzinfo=UTC)
    done = retention.archive(ledger, moment, dry_run=dry_run)
    rows = [{**asdict(run), "created_at": minute(run.created_at)} for run in done.archived]

    def tell() -> None:
        tell_table(rows, f"no run that is not running was made before {moment:%Y-%m-%d}")
        if rows:
            say(f"{len(rows)} runs {'would go' if dry_run else 'went'} to the archive; their trials stay counted")
        if done.running:
            say(f"still running, and kept: {', '.join(map(str, done.running))}")

    payload = {"before": moment, "dry_run": dry_run, "archived": [asdict(run) for run in done.archived], "running": done.running}
    answer(payload, json, tell)
