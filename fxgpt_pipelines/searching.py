"""The optimization problem of a partition, from stored artifacts: the search and the gate board must judge the same one."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from fxgpt_pipelines.code_versions import code_version
from fxgpt_pipelines.reading import arrays_of, costs_of, quotes_of, spans_of, test_bands
from fxgpt_pipelines.recording import unbroken

if TYPE_CHECKING:
    from fxgpt_core.market.charges import Charges
    from fxgpt_core.market.timeframes import Timeframe
    from fxgpt_core.optimization.judged_luck import JudgedLuck
    from fxgpt_core.optimization.made_components import Used
    from fxgpt_core.optimization.outcome import OptimizationOutcome
    from fxgpt_core.optimization.plan import SearchParameters
    from fxgpt_core.optimization.problem import Problem
    from fxgpt_core.optimization.study import SearchProgress
    from fxgpt_core.registry.artifact import Artifact
    from fxgpt_core.registry.gates import GateResult
    from fxgpt_core.registry.lake import Making
    from fxgpt_core.registry.trials import TrialStore

INPUTS = ("candles", "diffusion_model", "forecasts", "calibration_quantiles")
TOLD_OF_FOLDS = ("sharpe_ratio", "total_trades", "total_return_pct")
METRICS = ("total_trades", "total_return_pct", "sharpe_ratio", "max_drawdown_pct", "profit_factor", "win_rate", "cost_ratio")


@dataclass(frozen=True)
class Judged:
    """What the gate board needs to be computed again: the problem and its outcome from the ledger's trials."""

    problem: "Problem"
    outcome: "OptimizationOutcome"


def charges_of(config: Mapping[str, Any]) -> "Charges | None":
    """What the configured account is charged; None without `account_currency` and `charges`: flat costs, by the rules of PARITY.

    Raises `BadInputError` as `market.charges.account_charges` does.
    """
    from fxgpt_core.market.charges import account_charges

    currency, values = config.get("account_currency"), config.get("charges")
    return None if currency is None and values is None else account_charges(currency, values)


def used_of(making: "Making", config: Mapping[str, Any]) -> "Used":
    """The components of a configuration: those it names, or all that have been made. Raises `BadInputError`."""
    from fxgpt_core.errors import BadInputError
    from fxgpt_core.optimization.made_components import Used, parts_of
    from fxgpt_core.portfolio.policy_blend import PolicyMode

    modes = [str(mode) for mode in PolicyMode]
    if config["policy_mode"] not in modes:
        raise BadInputError(f"the policy's mode {config['policy_mode']!r} is unknown; known: {', '.join(modes)}; choose one")
    place = (making.origin.symbol, making.origin.timeframe)
    return Used(parts_of(making.lake, *place, config["components"]), PolicyMode(config["policy_mode"]))


def inputs_of(making: "Making", charges: "Charges | None", used: "Used") -> "dict[str, Artifact]":
    """What a search rests on, by role, read through the making; candles of another symbol if the account's money needs them."""
    from fxgpt_core.market.conversion import CONVERTING_CANDLES, joining_symbol
    from fxgpt_core.market.symbols import symbol
    from fxgpt_core.optimization.made_components import read_parts

    found = {asset: making.read(asset) for asset in INPUTS}
    joining = joining_symbol(symbol(making.origin.symbol), charges.account_currency) if charges else None
    if joining is not None:
        found[CONVERTING_CANDLES] = making.read("candles", symbol=joining.name, role=CONVERTING_CANDLES)
    return found | read_parts(used.parts, making.origin.symbol, making.read)


def problem_of(making: "Making", charges: "Charges | None", used: "Used") -> "Problem":
    """Candles, calibrated bands of the test span, components and costs, read through the making."""
    from fxgpt_core.market.conversion import CONVERTING_CANDLES
    from fxgpt_core.optimization.made_components import components_of, known_of
    from fxgpt_core.optimization.problem import Problem

    read = inputs_of(making, charges, used)
    candles, model, forecasts, calibration = (read[asset] for asset in INPUTS)
    arrays, spans = arrays_of(candles), spans_of(model)
    known = known_of(candles.symbol, arrays, used, read)
    return Problem(
        symbol=candles.symbol,
        candles=arrays,
        bands=test_bands(forecasts, calibration, arrays, spans)[1],
        costs=costs_of(candles.symbol, arrays, spans),
        code_sha256=code_version("optimized_parameters"),
        paid=None if charges is None else quotes_of(candles, charges, read.get(CONVERTING_CANDLES)),
        components=components_of(candles.symbol, known, read, used, spans.test.start_us),
    )


def search_parameters(config: Mapping[str, Any], timeframe: "Timeframe", store: "TrialStore") -> "SearchParameters":
    """The budget, engine and limits of a configuration. Raises `BadInputError` for an unknown engine."""
    from fxgpt_core.optimization.configured import search_parameters as configured
    from fxgpt_core.optimization.warm import warm_start
    from fxgpt_core.validation.folds import fold_parameters

    days = fold_parameters(timeframe, **{name: config[name] for name in ("train_days", "test_days", "step_days")})
    run = config["warm_start_run"]
    return configured(config, days, None if run is None else warm_start(store, run))


def search(making: "Making", config: Mapping[str, Any], store: "TrialStore", tell: Callable[[str], None]) -> "Artifact":
    """Run or resume the search and store the proposed parameter set."""
    from fxgpt_core.optimization.study import optimize

    charges, used = charges_of(config), used_of(making, config)
    problem = problem_of(making, charges, used)
    parameters = search_parameters(config, problem.candles.timeframe, store)
    outcome = optimize(problem, parameters, store, progress=lambda progress: _tell(progress, tell))
    proposal = {
        "parameters": outcome.proposed.to_json(),
        "params_sha256": outcome.proposed.sha256,
        "run_id": outcome.run_id,
        "trial_number": outcome.final.trial_number,
        "trial_seed": outcome.final.seed,
        "regime_parameters_id": outcome.regime_parameters_id,
        **_by_regime(problem, outcome),
        "pareto": list(outcome.pareto),
        "n_trials": outcome.n_trials,
        "in_sample_sharpe": outcome.in_sample_sharpe,
        "out_of_sample": outcome.out_of_sample.metrics.to_json(),
        "equity": _thinned(outcome.out_of_sample.result.equity.tolist()),
        "folds": [_fold(fold) for fold in outcome.folds],
        "costs": asdict(problem.costs),
        "charges": charges and charges.to_json(),
        "components": used.to_json(),
        "problem_sha256": problem.sha256,
        "search": asdict(parameters),
    }
    summary = {name: proposal[name] for name in ("params_sha256", "run_id", "trial_number", "trial_seed", "n_trials")}
    return making.write_json(proposal, {**summary, "folds": len(outcome.folds)})


def judged(making: "Making", proposal: Mapping[str, Any], store: "TrialStore") -> Judged:
    """The outcome of the proposal's run again, from the ledger's own trials. Raises `BrokenLineageError` when they differ."""
    from fxgpt_core.market.charges import charges_of_proposal
    from fxgpt_core.optimization.conclusion import concluded_again
    from fxgpt_core.optimization.made_components import Used

    problem = problem_of(making, charges_of_proposal(proposal), Used.of_proposal(proposal))
    return Judged(problem, concluded_again(problem, proposal, store))


def luck(case: Judged, settings: Mapping[str, Any], tell: Callable[[str], None]) -> "JudgedLuck":
    """Every test of luck of a judged search; `settings` hold the ledger's `n_trials_ever` and `sharpe_variance` too."""
    from fxgpt_core.cli.countdown import Countdown
    from fxgpt_core.optimization.judged_luck import judged_luck
    from fxgpt_core.optimization.luck_of_search import TrialsEver

    ever = TrialsEver(settings["n_trials_ever"], settings["sharpe_variance"])
    return judged_luck(case.problem, case.outcome, ever, settings["seed"], settings["histories"], partial(Countdown, tell))


def fold_rows(proposal: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row for each fold: the choice on its train window, and what it did on the unseen test window."""
    return [
        {
            "fold": fold["index"],
            "tested": unbroken(fold["test_window"]),
            "train_sharpe": fold["train_sharpe"],
            **{f"test_{name}": fold["test"][name] if fold["test"] else None for name in TOLD_OF_FOLDS},
            "error": fold["error"],
        }
        for fold in proposal["folds"]
    ]


def gate_rows(board: "tuple[GateResult, ...]") -> list[dict[str, Any]]:
    """The gate board as rows for people."""
    return [
        {
            "gate": gate.gate,
            "passed": "yes" if gate.passed else "NO",
            "value": gate.value,
            "must be": f"{gate.comparison} {gate.limit:.4g}",
            "remedy": "" if gate.passed else gate.remedy,
        }
        for gate in board
    ]


def _fold(fold: Any) -> dict[str, Any]:
    return {
        "index": fold.fold.index,
        "train_window": str(fold.fold.train),
        "test_window": str(fold.fold.test),
        "trial_number": fold.chosen.trial_number,
        "params_sha256": fold.parameters.sha256,
        "train_sharpe": fold.train_sharpe,
        "test": fold.test.to_json() if fold.test else None,
        "idle": fold.idle,
        "error": fold.error,
    }


def _by_regime(problem: "Problem", outcome: "OptimizationOutcome") -> dict[str, Any]:
    """What a deployment per regime needs, and what the sets by regime earned out of sample; nothing where none was searched."""
    from fxgpt_core.optimization.regime_table import regime_table
    from fxgpt_core.strategy.regime_sets import RegimeSets

    if outcome.regime_sets is None:
        return {}
    choices = [(fold.parameters, fold.fold.test) for fold in outcome.folds if isinstance(fold.parameters, RegimeSets)]
    return {
        "regime_sets": outcome.regime_sets.to_json(),
        "regime_parameters_ids": dict(outcome.regime_parameters_ids),
        "regime_fallbacks": dict(outcome.regime_sets.reasons),
        "regimes": [row.cells() for row in regime_table(problem, choices)],
    }


def _thinned(values: list[float], points: int = 500) -> list[float]:
    return values[:: max(1, len(values) // points)]


def _tell(progress: "SearchProgress", tell: Callable[[str], None]) -> None:
    if progress.done % 10 and progress.done != progress.total:
        return
    left = "" if progress.remaining_s is None else f"  about {progress.remaining_s:.0f} s left"
    tell(f"trial {progress.done}/{progress.total}  {progress.phase}  sharpe {progress.trial.objectives['sharpe']:.2f}{left}")
