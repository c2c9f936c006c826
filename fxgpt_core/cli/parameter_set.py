"""Which stored parameter set a verb plays: of a file, of a run, the one that is deployed, or the latest that was optimized."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fxgpt_core.cli.stored import opened_ledger, read_only_lake, read_parameters
from fxgpt_core.errors import BadInputError, MissingError
from fxgpt_core.settings import Settings

if TYPE_CHECKING:
    from fxgpt_core.market.charges import Charges
    from fxgpt_core.optimization.made_components import Used
    from fxgpt_core.registry.ledger import Ledger
    from fxgpt_core.strategy.parameters import StrategyParameters

FileOption = Annotated[
    Path | None, typer.Option("--params", metavar="FILE", help="Play the defaults, changed by a JSON object of parameters.")
]
RunOption = Annotated[int | None, typer.Option("--run", metavar="ID", help="Play what this optimization run proposed.")]
DeployedFlag = Annotated[bool, typer.Option("--deployed", help="Play the set that is deployed.")]


@dataclass(frozen=True)
class Choice:
    """At most one of them, which is checked; none is the latest optimized parameter set. Raises `BadInputError`."""

    file: Path | None = None
    run: int | None = None
    deployed: bool = False

    def __post_init__(self) -> None:
        given = [name for name, value in (("--params", self.file), ("--run", self.run)) if value is not None]
        given += ["--deployed"] * self.deployed
        if len(given) > 1:
            raise BadInputError(f"{' and '.join(given)} found; each names a parameter set; give one of them")


@dataclass(frozen=True)
class Chosen:
    """A parameter set, in words where it came from, what its search paid (None for flat costs, or where it is not told) and the
    components it was searched with (None where they are not told).
    """

    parameters: "StrategyParameters"
    origin: str
    charges: "Charges | None" = None
    used: "Used | None" = None


def chosen(choice: Choice, settings: Settings, symbol: str, timeframe: str) -> Chosen:
    """The parameter set of a choice. Raises `MissingError` where there is none, and as `read_parameters` does."""
    from fxgpt_core.market.charges import charges_of_proposal
    from fxgpt_core.optimization.made_components import Used
    from fxgpt_core.strategy.parameters import StrategyParameters

    if choice.file is not None:
        return Chosen(read_parameters(choice.file), f"the set of {choice.file}")
    ledger = opened_ledger(settings)
    if choice.run is not None:
        from fxgpt_core.registry.proposals import proposed_by

        values = proposed_by(ledger, choice.run, symbol, timeframe)
        return Chosen(StrategyParameters.from_json(values), f"the set that run {choice.run} proposed")
    lake = read_only_lake(settings, ledger)
    if choice.deployed:
        stored, origin = lake.get(_deployed(ledger, symbol, timeframe)), "the deployed set"
    else:
        stored, origin = lake.latest("optimized_parameters", symbol, timeframe), "the latest optimized set"
    proposal = stored.json()
    parameters = StrategyParameters.from_json(proposal["parameters"])
    if proposal.get("regime_sets", {}).get("by_regime"):
        origin += ", its global one alone: those by regime decide in the search and live"
    return Chosen(parameters, origin, charges_of_proposal(proposal), Used.of_proposal(proposal))


def _deployed(ledger: "Ledger", symbol: str, timeframe: str) -> str:
    from fxgpt_core.registry.deployments import Deployments

    active = Deployments(ledger).active(symbol, timeframe)
    if not active:
        raise MissingError(
            f"nothing is deployed for {symbol} {timeframe}; deploy with `fxgpt deploy`, or leave --deployed out, which plays the "
            "latest optimized set"
        )
    return active[-1].parameter_set_id
