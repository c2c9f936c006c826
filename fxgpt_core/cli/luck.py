"""fxgpt luck: could what a stored search found be luck? Its trials and its choices judged again."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fxgpt_core.cli.answer import JsonFlag, SymbolOption, TimeframeOption, answer, say, tell_pairs, tell_table
from fxgpt_core.cli.countdown import on_terminal

if TYPE_CHECKING:
    from fxgpt_core.optimization.judged_luck import JudgedLuck
    from fxgpt_core.registry.artifact import Artifact

RunOption = Annotated[int | None, typer.Option("--run", metavar="ID", help="The run to judge; the latest by default.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Seed of every history that is drawn; the same gives the same.")]
HistoriesOption = Annotated[
    int,
    typer.Option("--histories", min=0, help="Other histories of each kind that the choices are played on; 0 leaves them out."),
]

SHOWN = (
    *("trials_ever", "sets_searched", "days_searched", "days_judged", "sharpe_per_day", "lucky_sharpe", "dispersion"),
    *("effective_trials", "clustered_trials", "loss_probability", "minimum_track_record"),
)


def luck(
    *,
    symbol: SymbolOption,
    timeframe: TimeframeOption,
    run: RunOption = None,
    seed: SeedOption = 7,
    histories: HistoriesOption = 1000,
    json: JsonFlag = False,
) -> None:
    """Whether what a search found could be luck: every parameter set of its run, and its choices on days no search had seen.

    The run is that of a set made by the asset optimized_parameters; all trials ever made count. The first five tests are gates.
    The exit code does not depend on what passed.

    Example: fxgpt luck --symbol EURUSD --timeframe 1h --run 1
    """
    from fxgpt_core.cli.judged_run import judged_run

    judged = judged_run(symbol, timeframe, run)
    from fxgpt_core.optimization.judged_luck import judged_luck
    from fxgpt_core.optimization.luck_of_search import TrialsEver

    parameter_set, store = judged.parameter_set, judged.store
    place = (parameter_set.symbol, parameter_set.timeframe)
    ever = TrialsEver(store.n_trials_ever(*place), store.sharpe_variance(*place))
    found = judged_luck(judged.problem, judged.outcome, ever, seed, histories, on_terminal)
    payload = _payload(parameter_set, found) | {"seed": seed}
    answer(payload, json, lambda: _tell(payload))


VERBS: dict[str, Callable[..., Any]] = {"luck": luck}


def _payload(parameter_set: "Artifact", found: "JudgedLuck") -> dict[str, Any]:
    failed = [test.name for test in found.search.luck.tests if not test.passed]
    return {
        "symbol": parameter_set.symbol,
        "timeframe": parameter_set.timeframe,
        "run_id": parameter_set.summary["run_id"],
        "parameter_set_id": parameter_set.id,
        "passed": not failed,
        "failed_gates": failed,
        "tests": [
            {"test": test.name, "passed": test.passed, "value": test.value, "needs": f"{test.comparison} {test.limit:.6g}"}
            for test in found.tests
        ],
        "asks": {test.name: test.asks for test in found.tests},
        **found.to_json(),
    }


def _tell(payload: dict[str, Any]) -> None:
    say(f"run {payload['run_id']} of {payload['symbol']} {payload['timeframe']}: its choices on days their searches had not seen")
    tell_table(payload["tests"], "no test of luck was made")
    for name, asks in payload["asks"].items():
        say(f"{name}: {asks}")
    tell_pairs({name: payload[name] for name in SHOWN})
    if payload["not_judged"]:
        say(f"not judged: {payload['not_judged']}")
    else:
        failed = payload["failed_gates"]
        say(f"it could be luck, by {', '.join(failed)}" if failed else "all gates of luck passed")
