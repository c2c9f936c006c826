"""fxgpt optimize: search the live parameters fold by fold, see what runs, stop it."""

import getpass
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fxgpt_core.cli.answer import JsonFlag, SymbolOption, TimeframeOption, answer, minute, say, tell_pairs, tell_table
from fxgpt_core.cli.workers import workers_beside
from fxgpt_core.cli.written_file import require_place
from fxgpt_core.settings import read_settings

if TYPE_CHECKING:
    from fxgpt_core.optimization.outcome import FoldOutcome, OptimizationOutcome
    from fxgpt_core.optimization.study import SearchProgress
    from fxgpt_core.registry.searches import SearchRow

app = typer.Typer(help="Search the live parameters fold by fold, see what runs, stop it.", no_args_is_help=True)

TrialsOption = Annotated[int, typer.Option("--trials", min=1, help="Trials for each fold.")]
FinalOption = Annotated[int, typer.Option("--final-trials", min=1, help="Trials of the last search, which makes the proposal.")]
FoldsOption = Annotated[int, typer.Option("--folds", min=1, help="How many of the latest folds are searched.")]
EngineOption = Annotated[str, typer.Option("--engine", help="nsga2, tpe, tpe_weighted, hybrid or random.")]
PopulationOption = Annotated[int, typer.Option("--population", min=4, help="Sets of a generation, or drawn at once.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Seed of every proposal; the same again gives the same run.")]
VaultOption = Annotated[float, typer.Option("--vault", help="The last share of the test span, which no search sees.")]
ConvergeOption = Annotated[bool, typer.Option("--converge/--no-converge", help="End a search that finds nothing better.")]
TimeoutOption = Annotated[float | None, typer.Option("--timeout", metavar="SECONDS", help="End with what is there by then.")]
WarmOption = Annotated[int | None, typer.Option("--warm-start", metavar="RUN", help="Begin with what a run ended with.")]
RegimeOption = Annotated[str, typer.Option("--regime-mode", help="global, or per_regime: a search for each regime too.")]
WorkersOption = Annotated[int, typer.Option("--workers", min=1, help="Processes that share the run's searches.")]
OutOption = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the proposed parameters there, as JSON.")]
RunArgument = Annotated[int, typer.Argument(metavar="RUN", help="Number of a run, as `fxgpt optimize list` shows it.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; it is stored with the run.")]


@app.command()
def run(
    *,
    symbol: SymbolOption,
    timeframe: TimeframeOption,
    engine: EngineOption = "nsga2",
    trials: TrialsOption = 1000,
    final_trials: FinalOption = 2500,
    folds: FoldsOption = 8,
    population: PopulationOption = 50,
    vault: VaultOption = 0.2,
    converge: ConvergeOption = True,
    timeout: TimeoutOption = None,
    warm_start: WarmOption = None,
    regime_mode: RegimeOption = "global",
    workers: WorkersOption = 1,
    seed: SeedOption = 7,
    out: OutOption = None,
    json: JsonFlag = False,
) -> None:
    """Search on each fold's train window, play the choice on its test window; a run that was killed resumes.

    Every trial is recorded and counts in the deflated Sharpe ratio. What may be deployed is made by the asset
    optimized_parameters (`make demo`, or the Dagster UI); this verb explores. The same call in another terminal joins the run.

    Example: fxgpt optimize run --symbol EURUSD --timeframe 1h --trials 200 --workers 2 --out proposed.json
    """
    from fxgpt_core.cli.stored import opened_ledger, stored_problem
    from fxgpt_core.optimization import study
    from fxgpt_core.optimization.configured import search_parameters
    from fxgpt_core.optimization.limits import TrialLimits
    from fxgpt_core.optimization.warm import warm_start as warm
    from fxgpt_core.registry.trials import TrialStore
    from fxgpt_core.validation.folds import fold_parameters

    require_place("--out", out)
    settings = read_settings()
    stored = stored_problem(settings, symbol, timeframe)
    store = TrialStore(opened_ledger(settings))
    budget = {"seed": seed, "n_trials": trials, "n_final_trials": final_trials, "max_folds": folds, "vault_share": vault}
    asked = {**budget, **vars(TrialLimits()), "engine": engine, "population": population}
    asked |= {"converge": converge, "timeout_s": timeout, "regime_mode": regime_mode}
    days = fold_parameters(stored.problem.candles.timeframe)
    search = search_parameters(asked, days, None if warm_start is None else warm(store, warm_start))
    same = [f"--{name}={value}" for name, value in _again(locals()).items()] + ([] if converge else ["--no-converge"])
    with workers_beside(workers - 1, ["optimize", "run", *same, "--json"]) as told:
        outcome = study.optimize(stored.problem, search, store, progress=_progress())
    if out is not None:
        _write(out, outcome.proposed.to_json())
    _tell_outcome(outcome, stored.artifacts, told, out, json)


@app.command("list")
def list_runs(*, json: JsonFlag = False) -> None:
    """Every run there is: what it searched, how far it is, and how it ended.

    Example: fxgpt optimize list --json
    """
    from fxgpt_core.cli.stored import opened_ledger
    from fxgpt_core.registry.run_list import run_list

    rows = [vars(row) for row in run_list(opened_ledger(read_settings()))]
    told = [{**row, "created_at": minute(row["created_at"])} for row in rows]
    answer({"runs": rows}, json, lambda: tell_table(told, "no run yet; `fxgpt optimize run` makes one"))


@app.command()
def show(run_id: RunArgument, *, json: JsonFlag = False) -> None:
    """The searches of a run: how many trials, how much of the box of objectives they reached, and why each ended.

    Example: fxgpt optimize show 3
    """
    from fxgpt_core.cli.stored import opened_ledger
    from fxgpt_core.errors import MissingError
    from fxgpt_core.registry.trials import TrialStore

    store = TrialStore(opened_ledger(read_settings()))
    rows = [_search_row(each) for each in store.searches(run_id)]
    if not rows:
        raise MissingError(f"there is no run {run_id} with searches; `fxgpt optimize list` shows those there are")
    payload = {"run_id": run_id, "searches": rows, "stop_asked": store.stop_asked(run_id)}
    answer(payload, json, lambda: tell_table(rows, ""))


@app.command()
def stop(run_id: RunArgument, *, reason: ReasonOption, json: JsonFlag = False) -> None:
    """Ask a run to end with what is there: each search ends behind its batch, the last one makes a batch if it has none.

    Example: fxgpt optimize stop 3 --reason "enough for today"
    """
    from fxgpt_core.cli.stored import opened_ledger
    from fxgpt_core.registry.trials import TrialStore

    TrialStore(opened_ledger(read_settings())).ask_to_stop(run_id, getpass.getuser(), reason)
    answer({"run_id": run_id, "stop_asked": True}, json, lambda: say(f"run {run_id} ends behind the batch that is under way"))


def _tell_outcome(
    outcome: "OptimizationOutcome", artifacts: dict[str, str], told: list[str], out: Path | None, json: bool
) -> None:
    measured = outcome.out_of_sample.metrics.to_json()
    rows = [_fold_row(fold) for fold in outcome.folds]
    payload = {
        "run_id": outcome.run_id,
        "n_trials": outcome.n_trials,
        "in_sample_sharpe": outcome.in_sample_sharpe,
        "out_of_sample": measured,
        "folds": rows,
        "searches": [_search_row(each) for each in outcome.searches],
        "pareto": list(outcome.pareto),
        "proposed": outcome.proposed.to_json(),
        "proposed_sha256": outcome.proposed.sha256,
        "regime_sets": outcome.regime_sets and outcome.regime_sets.to_json(),
        "artifacts": artifacts,
        "workers_failed": told,
    }

    def tell() -> None:
        for problem in told:
            say(f"a worker ended early, and others did its share: {problem}")
        say(f"run {outcome.run_id}: {outcome.n_trials} trials; the folds' choices on their test windows:")
        tell_table(rows, "no fold fits into the forecasts; more candles are needed")
        tell_pairs({"in-sample Sharpe": outcome.in_sample_sharpe, "out-of-sample Sharpe": measured["sharpe_ratio"]})
        say(f"proposed parameters: {outcome.proposed.sha256[:16]}" + (f", written to {out}" if out else ""))
        if outcome.regime_sets is not None and outcome.regime_sets.by_regime:
            own = ", ".join(outcome.regime_sets.by_regime)
            say(f"this is the global set alone; {own} have sets of their own: `fxgpt stress --run {outcome.run_id}` plays them")

    answer(payload, json, tell)


def _progress() -> "Callable[[SearchProgress], None] | None":
    # A line that rewrites itself is for a person's terminal only.
    if not sys.stderr.isatty():
        return None

    def show(progress: "SearchProgress") -> None:
        left = "" if progress.remaining_s is None else f", about {progress.remaining_s:.0f} s left"
        print(f"\r{progress.done}/{progress.total} trials ({progress.phase}){left}   ", end="", file=sys.stderr, flush=True)

    return show


def _again(asked: dict[str, Any]) -> dict[str, Any]:
    """The options of a call, as they are spelled, for another process that shares its run."""
    names = {"symbol": "symbol", "timeframe": "timeframe", "engine": "engine", "trials": "trials", "seed": "seed"}
    names |= {"final_trials": "final-trials", "folds": "folds", "population": "population", "vault": "vault"}
    names |= {"timeout": "timeout", "warm_start": "warm-start", "regime_mode": "regime-mode"}
    return {option: asked[name] for name, option in names.items() if asked[name] is not None}


def _fold_row(fold: "FoldOutcome") -> dict[str, object]:
    return {
        "fold": fold.fold.index,
        "trial": fold.chosen.trial_number,
        "train_sharpe": fold.train_sharpe,
        "test_sharpe": fold.test.sharpe_ratio if fold.test else None,
        "test_trades": fold.tested.total_trades,
        "idle": fold.idle,
        "within_limits": fold.chosen.violation == 0.0,
        "error": fold.error,
    }


def _search_row(row: "SearchRow") -> dict[str, object]:
    return {
        "search": row.search,
        "phase": row.phase,
        "regime": row.regime,
        "engine": row.engine,
        "trained": f"{minute(row.window_start)} .. {minute(row.window_end)}",
        "trials": row.n_done,
        "planned": row.n_planned,
        "hypervolume": row.hypervolume,
        "ended": row.reason or ("runs" if row.started_at else "waits"),
    }


def _write(path: Path, values: dict[str, Any]) -> None:
    from fxgpt_core.atomic_file import write_atomically
    from fxgpt_core.content_hash import canonical_json

    write_atomically(path, canonical_json(values).encode())
