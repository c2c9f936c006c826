"""The program `fxgpt`: its nouns put together, and every end of it turned into an exit code."""

import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import typer

from fxgpt_core.cli import backtest, candles, doctor, failure, gateway, live, optimize, orders, registry, setup
from fxgpt_core.errors import BadInputError
from fxgpt_core.settings import read_settings

EXIT_CODES = (
    "Exit codes: 0 done · 1 unexpected · 2 wrong command line · 3 bad input · 4 nothing stored · 5 refused · "
    "6 broken lineage · 7 machine not ready · 130 interrupted."
)

app = typer.Typer(
    name="fxgpt",
    help="From raw candle to audited order.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(candles.app, name="candles")
app.add_typer(live.app, name="live")
for room in (setup, doctor, backtest, optimize, registry, orders, gateway):
    for name, verb in room.VERBS.items():
        app.command(name)(verb)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; answers go to stdout, problems to stderr (with --json to stdout)."""
    as_json = "--json" in arguments
    try:
        code = app(list(arguments), standalone_mode=False, prog_name="fxgpt")
        if code == failure.INTERRUPTED:
            # typer catches Ctrl-C and only returns its code: it is told like every other end.
            raise KeyboardInterrupt
    except BaseException as error:
        if isinstance(error, SystemExit):
            raise
        return failure.told(error, as_json, _logs(), datetime.now(UTC))
    return code if isinstance(code, int) else 0


def _logs() -> Path:
    try:
        return read_settings().data_root / "logs"
    except BadInputError:
        return Path(tempfile.gettempdir())


def main() -> None:
    """Entry point of the installed command."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
