"""Which stored strategy a verb plays: of a file, of a run, the one that is deployed, or the latest that was optimized."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fxgpt_core.cli.stored import global_alone, opened_ledger, read_only_lake, read_parameters
from fxgpt_core.errors import BadInputError, MissingError
from fxgpt_core.regimes.regime import GLOBAL, REGIMES
from fxgpt_core.settings import Settings

if TYPE_CHECKING:
    from fxgpt_core.market.charges import Charges
    from fxgpt_core.optimization.made_components import Used
    from fxgpt_core.registry.deployment_records import Deployment
    from fxgpt_core.registry.ledger import Ledger
    from fxgpt_core.strategy.regime_sets import Strategy

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
    """A parameter set, or one by regime, in words where it came from, what its search paid (None for flat costs, or where it is
    not told) and the components it was searched with (None where they are not told).
    """

    strategy: "Strategy"
    source: str
    charges: "Charges | None" = None
    used: "Used | None" = None

    @property
    def origin(self) -> str:
        """Where it came from, and of a strategy by regime, which regimes have sets of their own."""
        from fxgpt_core.strategy.regime_sets import RegimeSets

        if not isinstance(self.strategy, RegimeSets):
            return self.source
        own = [name for name in REGIMES if name in self.strategy.by_regime]
        return f"{self.source}, by regime: sets of their own in {', '.join(own) or 'none'}, the global one elsewhere"


def chosen(choice: Choice, settings: Settings, symbol: str, timeframe: str) -> Chosen:
    """The strategy of a choice. Raises `MissingError` where there is none, and as `read_parameters` and `strategy_of` do."""
    from fxgpt_core.market.charges import charges_of_proposal
    from fxgpt_core.optimization.made_components import Used
    from fxgpt_core.strategy.regime_sets import searched_mode, strategy_of

    if choice.file is not None:
        return Chosen(read_parameters(choice.file), f"the set of {choice.file}{global_alone(choice.file)}")
    ledger = opened_ledger(settings)
    if choice.run is not None:
        return Chosen(_proposed(ledger, choice.run, symbol, timeframe), f"the set that run {choice.run} proposed")
    lake = read_only_lake(settings, ledger)
    if choice.deployed:
        deployment = _deployed(ledger, symbol, timeframe)
        stored, mode, source = lake.get(deployment.parameter_set_id), deployment.mode, "the deployed set"
    else:
        stored, source = lake.latest("optimized_parameters", symbol, timeframe), "the latest optimized set"
        mode = searched_mode(stored.json())
    proposal = stored.json()
    return Chosen(strategy_of(proposal, mode), source, charges_of_proposal(proposal), Used.of_proposal(proposal))


def _proposed(ledger: "Ledger", run: int, symbol: str, timeframe: str) -> "Strategy":
    from fxgpt_core.registry.proposals import proposed_by
    from fxgpt_core.strategy.parameters import StrategyParameters
    from fxgpt_core.strategy.regime_sets import RegimeSets

    sets = {name: StrategyParameters.from_json(each) for name, each in proposed_by(ledger, run, symbol, timeframe).items()}
    whole = sets.pop(GLOBAL)
    reasons = dict.fromkeys((name for name in REGIMES if name not in sets), f"run {run} proposed no set of its own")
    return RegimeSets(whole, sets, reasons) if sets else whole


def _deployed(ledger: "Ledger", symbol: str, timeframe: str) -> "Deployment":
    from fxgpt_core.registry.deployments import Deployments

    active = Deployments(ledger).active(symbol, timeframe)
    if not active:
        raise MissingError(
            f"nothing is deployed for {symbol} {timeframe}; deploy with `fxgpt deploy`, or leave --deployed out, which plays the "
            "latest optimized set"
        )
    return active[-1]
