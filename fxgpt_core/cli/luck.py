"""fxgpt luck: could what a stored search found be luck? Its trials and its choices judged again."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fxgpt_core.cli.answer import JsonFlag, SymbolOption, TimeframeOption, answer, say, tell_pairs, tell_table
from fxgpt_core.cli.countdown import on_terminal
from fxgpt_core.settings import read_settings

if TYPE_CHECKING:
    from fxgpt_core.optimization.judged_luck import JudgedLuck
    from fxgpt_core.registry.artifact import Artifact
    from fxgpt_core.registry.lake import Lake

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
    from fxgpt_core.cli.quoted import with_charges
    from fxgpt_core.cli.stored import opened_ledger, problem_of, read_only_lake
    from fxgpt_core.market.charges import charges_of_proposal
    from fxgpt_core.market.conversion import CONVERTING_CANDLES
    from fxgpt_core.optimization.made_components import Used

    settings = read_settings()
    ledger = opened_ledger(settings)
    lake = read_only_lake(settings, ledger)
    parameter_set = _searched_by(lake, symbol, timeframe, run)
    inputs, proposal = {edge.role: edge.parent for edge in lake.inputs(parameter_set.id)}, parameter_set.json()
    stored, charges = problem_of(inputs, Used.of_proposal(proposal)), charges_of_proposal(proposal)
    if charges is not None:
        stored = with_charges(stored, charges, inputs.get(CONVERTING_CANDLES))
    from fxgpt_core.optimization.conclusion import concluded_again
    from fxgpt_core.optimization.judged_luck import judged_luck
    from fxgpt_core.optimization.luck_of_search import TrialsEver
    from fxgpt_core.registry.trials import TrialStore

    store = TrialStore(ledger)
    outcome = concluded_again(stored.problem, proposal, store)
    place = (parameter_set.symbol, parameter_set.timeframe)
    ever = TrialsEver(store.n_trials_ever(*place), store.sharpe_variance(*place))
    found = judged_luck(stored.problem, outcome, ever, seed, histories, on_terminal)
    payload = _payload(parameter_set, found) | {"seed": seed}
    answer(payload, json, lambda: _tell(payload))


VERBS: dict[str, Callable[..., Any]] = {"luck": luck}


def _searched_by(lake: "Lake", symbol: str, timeframe: str, run: int | None) -> "Artifact":
    from fxgpt_core.errors import MissingError
    from fxgpt_core.market import symbols, timeframes

    asked = (symbols.symbol(symbol).name, str(timeframes.timeframe(timeframe)))
    if run is None:
        return lake.latest("optimized_parameters", *asked)
    made = [artifact for artifact in lake.every("optimized_parameters", asked[0]) if artifact.timeframe == asked[1]]
    for artifact in reversed(made):
        if artifact.summary["run_id"] == run:
            return artifact
    known = ", ".join(str(number) for number in sorted({artifact.summary["run_id"] for artifact in made})) or "none"
    raise MissingError(
        f"run {run} made no stored parameter set of {asked[0]} {asked[1]}; runs that did: {known}; name one of those, or "
        "materialize optimized_parameters"
    )


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
