"""fxgpt optimize: search the live parameters fold by fold, and say what the folds' choices did on candles they had not seen."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fxgpt_core.cli.answer import JsonFlag, SymbolOption, TimeframeOption, answer, say, tell_pairs, tell_table
from fxgpt_core.cli.written_file import require_place
from fxgpt_core.settings import read_settings

if TYPE_CHECKING:
    from fxgpt_core.optimization.outcome import FoldOutcome
    from fxgpt_core.optimization.study import SearchProgress

TrialsOption = Annotated[int, typer.Option("--trials", min=1, help="Trials for each fold.")]
FinalOption = Annotated[int, typer.Option("--final-trials", min=1, help="Trials of the last search, which makes the proposal.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Seed of every proposal; the same again gives the same run.")]
OutOption = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the proposed parameters there, as JSON.")]


def optimize(
    *,
    symbol: SymbolOption,
    timeframe: TimeframeOption,
    trials: TrialsOption = 25,
    final_trials: FinalOption = 40,
    seed: SeedOption = 7,
    out: OutOption = None,
    json: JsonFlag = False,
) -> None:
    """Search on each fold's train window, play the choice on its test window; a run that was killed resumes.

    Every trial is recorded and counts in the deflated Sharpe ratio. What may be deployed is made by the asset
    optimized_parameters (`make demo`, or the Dagster UI); this verb explores.

    Example: fxgpt optimize --symbol EURUSD --timeframe 1h --trials 10 --out proposed.json
    """
    from fxgpt_core.cli.stored import opened_ledger, stored_problem

    require_place("--out", out)
    settings = read_settings()
    stored = stored_problem(settings, symbol, timeframe)
    from fxgpt_core.optimization import study
    from fxgpt_core.registry.trials import TrialStore

    search = study.SearchParameters(seed=seed, n_trials=trials, n_final_trials=final_trials)
    outcome = study.optimize(stored.problem, search, TrialStore(opened_ledger(settings)), progress=_progress())
    if out is not None:
        _write(out, outcome.proposed.to_json())
    measured = outcome.out_of_sample.metrics.to_json()
    folds = [_fold_row(fold) for fold in outcome.folds]
    payload = {
        "run_id": outcome.run_id,
        "n_trials": outcome.n_trials,
        "in_sample_sharpe": outcome.in_sample_sharpe,
        "out_of_sample": measured,
        "folds": folds,
        "pareto": list(outcome.pareto),
        "proposed": outcome.proposed.to_json(),
        "proposed_sha256": outcome.proposed.sha256,
        "artifacts": stored.artifacts,
    }

    def tell() -> None:
        say(f"run {outcome.run_id}: {outcome.n_trials} trials; the folds' choices on their test windows:")
        tell_table(folds, "no fold fits into the forecasts; more candles are needed")
        tell_pairs({"in-sample Sharpe": outcome.in_sample_sharpe, "out-of-sample Sharpe": measured["sharpe_ratio"]})
        say(f"proposed parameters: {outcome.proposed.sha256[:16]}" + (f", written to {out}" if out else ""))

    answer(payload, json, tell)


VERBS: dict[str, Callable[..., Any]] = {"optimize": optimize}


def _progress() -> "Callable[[SearchProgress], None] | None":
    # A line that rewrites itself is for a person's terminal only.
    if not sys.stderr.isatty():
        return None

    def show(progress: "SearchProgress") -> None:
        print(f"\r{progress.done}/{progress.total} trials ({progress.phase})", end="", file=sys.stderr, flush=True)

    return show


def _fold_row(fold: "FoldOutcome") -> dict[str, object]:
    return {
        "fold": fold.fold.index,
        "trial": fold.chosen.trial_number,
        "train_sharpe": fold.train_sharpe,
        "test_sharpe": fold.test.sharpe_ratio if fold.test else None,
        "test_trades": fold.tested.total_trades,
        "idle": fold.idle,
        "error": fold.error,
    }


def _write(path: Path, values: dict[str, Any]) -> None:
    from fxgpt_core.atomic_file import write_atomically
    from fxgpt_core.content_hash import canonical_json

    write_atomically(path, canonical_json(values).encode())
