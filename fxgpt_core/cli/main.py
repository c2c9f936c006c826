"""The program `fxgpt`: its nouns put together, and every end of it turned into an exit code."""

import os
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import typer

from fxgpt_core.cli import (
    allocation,
    anomalies,
    backtest,
    candles,
    context,
    ctrader,
    ctrader_simulate,
    deployments,
    doctor,
    failure,
    features,
    gateway,
    ledger,
    live,
    live_chaos,
    live_guards,
    live_positions,
    live_probe,
    live_replay,
    live_up,
    luck,
    models,
    optimize,
    optimize_export,
    optimize_report,
    orders,
    parameters,
    patterns,
    policy,
    regimes,
    registry,
    replay,
    setup,
    stress,
    train,
    trials,
    vault,
)
from fxgpt_core.cli.answer import answer, say
from fxgpt_core.errors import BadInputError
from fxgpt_core.settings import read_settings

EXIT_CODES = (
    "Exit codes: 0 done · 1 unexpected · 2 wrong command line · 3 bad input · 4 nothing stored · 5 refused · "
    "6 broken lineage · 7 machine not ready · 130 interrupted. `fxgpt --version` tells the version."
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
app.add_typer(context.app, name="context")
for name, verb in ctrader_simulate.VERBS.items():
    ctrader.app.command(name)(verb)
app.add_typer(ctrader.app, name="ctrader")
app.add_typer(features.app, name="features")
live.app.command("up")(live_up.up)
live.app.command("chaos")(live_chaos.chaos)
live.app.command("why")(live_guards.why)
live.app.command("guards")(live_guards.guards)
live.app.command("probe")(live_probe.probe)
app.add_typer(live.app, name="live")
app.add_typer(models.app, name="models")
app.add_typer(regimes.app, name="regimes")
app.add_typer(patterns.app, name="patterns")
app.add_typer(policy.app, name="policy")
app.add_typer(parameters.app, name="parameters")
app.add_typer(vault.app, name="vault")
app.add_typer(optimize.app, name="optimize")
app.add_typer(trials.app, name="trials")
app.add_typer(ledger.app, name="ledger")
for room in (setup, doctor, train, anomalies, backtest, stress, luck, registry, deployments, orders, replay, gateway, allocation):
    for name, verb in room.VERBS.items():
        app.command(name)(verb)
for name, verb in (live_replay.VERBS | live_positions.VERBS).items():
    live.app.command(name)(verb)
for verbs in (optimize_report.VERBS, optimize_export.VERBS):
    for name, verb in verbs.items():
        optimize.app.command(name)(verb)


GROUPS = {str(group.name) for group in app.registered_groups}


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; answers go to stdout, problems to stderr (with --json to stdout)."""
    as_json = "--json" in arguments
    try:
        _require_text(arguments)
        if arguments[:1] == ["--version"]:
            return _tell_version(arguments[1:], as_json)
        if not arguments or (len(arguments) == 1 and arguments[0] in GROUPS):
            # typer would hand over the whole help as the message of an error.
            app([*arguments, "--help"], standalone_mode=False, prog_name="fxgpt")
            return failure.USAGE
        code = app(list(arguments), standalone_mode=False, prog_name="fxgpt")
        if code == failure.INTERRUPTED:
            # typer catches Ctrl-C and only returns its code: it is told like every other end.
            raise KeyboardInterrupt
    except BaseException as error:
        if isinstance(error, SystemExit):
            raise
        return failure.told(error, as_json, _logs(), datetime.now(UTC))
    return code if isinstance(code, int) else 0


def _require_text(arguments: Sequence[str]) -> None:
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError as error:
            raise BadInputError(f"the argument {argument!r} is not UTF-8; rename the file, or write the name in UTF-8") from error


def _tell_version(rest: Sequence[str], as_json: bool) -> int:
    if set(rest) - {"--json"}:
        raise BadInputError(f"--version stands alone or with --json; found {' '.join(rest)}; leave that out")
    from importlib.metadata import PackageNotFoundError, version

    try:
        found = version("fxgpt")
    except PackageNotFoundError:
        found = "not installed, run from its source"
    answer({"version": found}, as_json, lambda: say(f"fxgpt {found}"))
    return 0


def _logs() -> Path:
    try:
        return read_settings().data_root / "logs"
    except BadInputError:
        return Path(tempfile.gettempdir())


def main() -> None:
    """Entry point of the installed command."""
    _open_closed_streams()
    sys.exit(run(sys.argv[1:]))


def _open_closed_streams() -> None:
    # A stream that the shell closed (>&-) is None, and the next file to be opened, such as the ledger, would take its number.
    for number, name in ((1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            if nowhere != number:
                os.dup2(nowhere, number)
            setattr(sys, name, os.fdopen(number, "w"))


if __name__ == "__main__":
    main()
