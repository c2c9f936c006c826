"""A stored run once more: its parameter set, its problem, and what it came to, from the ledger's own trials."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fxgpt_core.settings import read_settings

if TYPE_CHECKING:
    from fxgpt_core.optimization.outcome import OptimizationOutcome
    from fxgpt_core.optimization.problem import Problem
    from fxgpt_core.registry.artifact import Artifact
    from fxgpt_core.registry.lake import Lake
    from fxgpt_core.registry.trials import TrialStore


@dataclass(frozen=True, eq=False)
class JudgedRun:
    """A run as it may be judged again."""

    parameter_set: "Artifact"
    problem: "Problem"
    outcome: "OptimizationOutcome"
    store: "TrialStore"


def judged_run(symbol: str, timeframe: str, run: int | None = None) -> JudgedRun:
    """The run of a set made by the asset optimized_parameters, the latest by default, on the artifacts it was searched on.

    Raises `MissingError` when no such run made a set, `BrokenLineageError` when the ledger's trials now say something else, and
    as `opened_ledger` and `problem_of` do.
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
    from fxgpt_core.registry.trials import TrialStore

    store = TrialStore(ledger)
    return JudgedRun(parameter_set, stored.problem, concluded_again(stored.problem, proposal, store), store)


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
