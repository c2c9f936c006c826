"""The report of a stored run: from the ledger alone, and with what playing its choices again tells."""

import dataclasses
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from fxgpt_core.optimization.contest import contest
from fxgpt_core.optimization.fitted import fitted_in
from fxgpt_core.optimization.outcome import OptimizationOutcome
from fxgpt_core.optimization.problem import Problem
from fxgpt_core.regimes.regime import GLOBAL
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.stored_run import StoredRunFacts, stored_run
from fxgpt_core.registry.trials import TrialStore
from fxgpt_core.reports.number_text import UNKNOWN, count, percent, short
from fxgpt_core.reports.optimization import OptimizationReport, RunFacts
from fxgpt_core.reports.walk_forward import Origin, Verdicts, walk_forward_report
from fxgpt_core.strategy.parameters import StrategyParameters


def stored_optimization(
    ledger: Ledger, run_id: int, made_at: datetime, search: Mapping[str, Any] | None = None
) -> OptimizationReport:
    """What the ledger tells of a run, finished or not; `search`: its parameters as stored with a proposal, to be told with it.

    Raises `MissingError` for a run that is not there.
    """
    run, store = stored_run(ledger, run_id), TrialStore(ledger)
    facts = RunFacts(
        run_id=run.id,
        symbol=run.symbol,
        timeframe=run.timeframe,
        method=run.method,
        regime_mode=run.regime_mode,
        status=run.status,
        made_at=made_at,
        configuration=dict(_configuration(run, search)),
        fitted=fitted_in(run.proposed),
    )
    return OptimizationReport(facts, tuple(store.searches(run_id)), store.evaluations(run_id), run.proposed.get(GLOBAL, {}))


def with_choices_played(
    report: OptimizationReport,
    problem: Problem,
    outcome: OptimizationOutcome,
    verdicts: Verdicts | None = None,
    champion: StrategyParameters | None = None,
) -> OptimizationReport:
    """The same with the folds' choices on their test windows, and beside a champion, if one is deployed and it is another set."""
    origin = Origin(report.run.made_at)
    other = champion is not None and champion.sha256 != outcome.proposed.sha256
    return dataclasses.replace(
        report,
        proposed=outcome.proposed.to_json(),
        played=walk_forward_report(problem, outcome, origin, verdicts),
        contest=contest(problem, outcome, champion) if champion is not None and other else None,
    )


def _configuration(run: StoredRunFacts, search: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    yield "searched span", f"{run.start:%Y-%m-%d %H:%M} .. {run.end:%Y-%m-%d %H:%M}"
    yield "begun", f"{run.created_at:%Y-%m-%d %H:%M}"
    yield "seconds of work", UNKNOWN if run.duration_s is None else count(run.duration_s)
    yield "name of the recipe", run.run_uuid
    if run.notes:
        yield "notes", run.notes
    if search is not None:
        yield from _search(search)


def _search(search: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    days, engine = search["folds"], search["engine"]
    yield "seed", str(search["seed"])
    yield "budget", f"{count(search['n_trials'])} trials a fold, {count(search['n_final_trials'])} in the last search"
    train, test, step = (short(days[f"{name}_days"]) for name in ("train", "test", "step"))
    yield "folds", f"{train} days of training, {test} of test, every {step}"
    yield "vault, which no search sees", percent(search["vault_share"])
    yield "engine", str(engine["name"])
    yield "limits", ", ".join(f"{name} {short(value)}" for name, value in search["limits"].items() if value is not None)
    warm = search["warm_start"]
    yield "warm start", f"run {warm['run_id']}, {len(warm['genomes'])} sets" if warm else "none"
