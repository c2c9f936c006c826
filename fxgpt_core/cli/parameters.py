"""fxgpt parameters list | check: the 90 parameters, and whether a file of some of them can be traded."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fxgpt_core.cli.answer import JsonFlag, answer, say, tell_table
from fxgpt_core.cli.stored import read_changes

if TYPE_CHECKING:
    from fxgpt_core.strategy.definitions import ParameterDefinition

HELP = """Look at the parameters of a strategy.

Example: fxgpt parameters list --group sizing
"""
app = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode=None)

GroupOption = Annotated[str | None, typer.Option("--group", help="Only one group, such as sizing.")]
FileArgument = Annotated[Path, typer.Argument(help="A JSON object of parameters; the others are at their defaults.")]
RepairFlag = Annotated[bool, typer.Option("--repair", help="Raise what breaks a constraint, and print the whole set.")]


@app.command("list")
def list_parameters(group: GroupOption = None, json: JsonFlag = False) -> None:
    """All 90 with their group, what is allowed, the default, the stage they act in and what reads them; and their constraints.

    Example: fxgpt parameters list --json
    """
    from fxgpt_core.errors import BadInputError
    from fxgpt_core.strategy.constraints import CONSTRAINTS
    from fxgpt_core.strategy.parameters import definitions

    groups = list(dict.fromkeys(item.group for item in definitions()))
    if group is not None and group not in groups:
        raise BadInputError(f"the group {group!r} is unknown; known: {', '.join(groups)}; choose one, or leave --group out")
    rows = [_row(item) for item in definitions() if group in (None, item.group)]
    names = {row["parameter"] for row in rows}
    held = [
        {"below": each.low, "above": each.high, "may_equal": each.may_equal, "only_with": each.switch, "or": each.why}
        for each in CONSTRAINTS
        if {each.low, each.high} & names
    ]

    def tell() -> None:
        tell_table(rows, "none")
        say(f"{len(rows)} parameters")
        if held:
            say()
            tell_table(held, "none")

    answer({"parameters": rows, "constraints": held}, json, tell)


@app.command("check")
def check(file: FileArgument, repair: RepairFlag = False, json: JsonFlag = False) -> None:
    """Whether a file's parameters can be traded (3 if not); with --repair what would have to change, and the set that results.

    Example: fxgpt parameters check mine.json --repair --json
    """
    from fxgpt_core.strategy.constraints import broken_constraints, repaired
    from fxgpt_core.strategy.parameters import StrategyParameters

    changes = read_changes(file)
    if not repair:
        StrategyParameters.default().replace(**changes)
    asked = StrategyParameters.default().to_json() | changes
    broken = broken_constraints(asked)
    checked = StrategyParameters.from_json(repaired(asked))
    values = checked.to_json()
    moved = {name: {"from": asked[name], "to": values[name]} for name in values if repair and values[name] != asked[name]}

    def tell() -> None:
        for reason in broken:
            say(reason)
        for name, change in moved.items():
            say(f"{name}: {change['from']} becomes {change['to']}")
        say(f"{file}: {len(changes)} parameters given, the set is {checked.sha256[:16]}")

    answer({"sha256": checked.sha256, "broken": broken, "repaired": moved, "parameters": values}, json, tell)


def _row(item: "ParameterDefinition") -> dict[str, Any]:
    when = "at every decision or order" if item.fitted_by is None else f"when {item.fitted_by} is made"
    return {
        "parameter": item.name,
        "group": item.group,
        "allowed": item.allowed() + (", searched on a logarithmic scale" if item.log else ""),
        "default": item.default,
        "stage": str(item.stage),
        "read_by": item.component,
        "when": when,
    }
