"""The report of a stored run: from the ledger alone, and with what playing its choices again tells."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from fxgpt_core.optimization.contest import can_play, contest
from fxgpt_core.optimization.fitted import fitted_in
from fxgpt_core.optimization.importance import LEAST_EVALUATIONS, importance, ranked_within
from fxgpt_core.optimization.outcome import OptimizationOutcome
from fxgpt_core.optimization.problem import Problem
from fxgpt_core.optimization.regime_table import RegimeRow as RegimeTableRow
from fxgpt_core.optimization.regime_table import regime_table
from fxgpt_core.optimization.searching import SCREEN
from fxgpt_core.optimization.space import canonical, to_unit
from fxgpt_core.performance.measures import Metrics
from fxgpt_core.regimes.regime import GLOBAL, REGIMES
from fxgpt_core.registry.evaluations import Evaluations
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.stored_run import StoredRunFacts, stored_run
from fxgpt_core.registry.trials import TrialStore
from fxgpt_core.reports.number_text import UNKNOWN, count, percent, short
from fxgpt_core.reports.optimization import OptimizationReport, RegimeNumbers, RegimeRow, RunFacts
from fxgpt_core.reports.walk_forward import Origin, Verdicts, walk_forward_report
from fxgpt_core.strategy.parameters import searched_definitions
from fxgpt_core.strategy.regime_sets import RegimeSets, Strategy

SEED = 7


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
    found = store.evaluations(run_id)
    proposed = run.proposed.get(GLOBAL, {})
    return OptimizationReport(facts, tuple(store.searches(run_id)), found, proposed, importances=importances(found))


def with_choices_played(
    report: OptimizationReport,
    problem: Problem,
    outcome: OptimizationOutcome,
    verdicts: Verdicts | None = None,
    champion: Strategy | None = None,
) -> OptimizationReport:
    """The same with the folds' choices on their test windows, and beside a champion, if another is deployed and can be played."""
    origin = Origin(report.run.made_at)
    other = champion is not None and champion.sha256 != outcome.strategy.sha256 and can_play(problem, champion)
    return dataclasses.replace(
        report,
        proposed=outcome.proposed.to_json(),
        played=walk_forward_report(problem, outcome, origin, verdicts),
        contest=contest(problem, outcome, champion) if champion is not None and other else None,
        regimes=_regimes(problem, outcome),
    )


def _regimes(problem: Problem, outcome: OptimizationOutcome) -> tuple[RegimeRow, ...]:
    """What trades where regimes were searched apart; numbers are of those folds that chose sets by regime."""
    if outcome.regime_sets is None:
        return ()
    choices = [(fold.parameters, fold.fold.test) for fold in outcome.folds]
    played = [(sets, window) for sets, window in choices if isinstance(sets, RegimeSets)]
    return regime_rows(outcome.regime_sets, regime_table(problem, played) if played else ())


def importances(evaluations: Evaluations, seed: int = SEED) -> dict[str, float]:
    """The share of each searched parameter in what moved the rank of the Sharpe ratio within its search, the largest first.

    None where there are too few evaluations to tell, or all are alike.
    """
    rows = np.flatnonzero(evaluations.phase != SCREEN)
    ranks = ranked_within(evaluations.objectives[rows, 0], evaluations.search[rows])
    if len(rows) < LEAST_EVALUATIONS or np.ptp(ranks) == 0.0:
        return {}
    names = [definition.name for definition in searched_definitions()]
    found = importance(to_unit(canonical(evaluations.genome[rows])), ranks, names, seed)
    return {found.names[place]: float(found.shares[place]) for place in found.order}


def regime_rows(sets: RegimeSets, played: Sequence[RegimeTableRow] = ()) -> tuple[RegimeRow, ...]:
    """What trades in each regime from now on, and what the sets of the folds did there, as `regime_table` played it."""
    by_name = {row.regime: row for row in played}
    rows = []
    for name in REGIMES:
        own, row = sets.by_regime.get(name), by_name.get(name)
        numbers = (None, None) if row is None else (_regime_numbers(row.of_sets), _regime_numbers(row.of_global))
        sha256 = (own or sets.global_set).sha256
        rows.append(RegimeRow(name, sha256, own is not None, sets.reasons.get(name, ""), *numbers))
    return tuple(rows)


def _regime_numbers(measured: Metrics) -> RegimeNumbers:
    return RegimeNumbers(measured.total_trades, measured.sharpe_ratio, measured.max_drawdown_pct)


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
