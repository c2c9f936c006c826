"""The numbers the gate board judges, taken from an optimization's outcome."""

from collections.abc import Sequence

from fxgpt_core.conformal.coverage import CoverageRow
from fxgpt_core.errors import MissingError
from fxgpt_core.optimization.luck_of_search import LuckOfSearch
from fxgpt_core.optimization.outcome import OptimizationOutcome, walked_forward
from fxgpt_core.optimization.problem import Problem
from fxgpt_core.registry.gate_evidence import CoverageEvidence, Evidence, LuckEvidence, StressEvidence

STRESS = 2.0


def evidence(
    problem: Problem,
    outcome: OptimizationOutcome,
    coverage: Sequence[CoverageRow],
    found: LuckOfSearch,
    lasted: StressEvidence,
) -> Evidence:
    """The evidence for the proposed set, all of it out of sample but for the days of the search, which `found` tells apart.

    `coverage` rows of the horizon the set trades are taken; `lasted` is what `survival` found. Raises `MissingError` when no row
    is of that horizon.
    """
    horizon = outcome.proposed.sssd_forecast_horizon
    rows = tuple(
        CoverageEvidence(row.nominal, row.observed, row.low, row.high, float(row.n_eff))
        for row in coverage
        if row.step == horizon
    )
    if not rows:
        measured = sorted({row.step for row in coverage})
        raise MissingError(
            f"no coverage was measured for horizon {horizon}, only for {measured}; materialize walk_forward_validation with it"
        )
    stitched = outcome.out_of_sample
    choices = [(fold.parameters, fold.fold.test) for fold in outcome.folds]
    stressed = walked_forward(problem, choices, cost_multiplier=STRESS)
    return Evidence(
        luck=tuple(LuckEvidence(test.name, test.value, test.comparison, test.limit) for test in found.luck.tests),
        n_trials=found.ever.n,
        in_sample_sharpe=outcome.in_sample_sharpe,
        out_of_sample_sharpe=stitched.metrics.sharpe_ratio,
        n_trades=stitched.metrics.total_trades,
        n_proposed_trades=int(outcome.final.metrics["total_trades"]),
        net_profit_cost_x2=stressed.result.final_equity - problem.account.cash,
        coverage=rows,
        sharpe_per_period=found.sharpe_per_period,
        lucky_sharpe=found.luck.lucky_sharpe,
        dispersion=found.dispersion,
        not_judged=found.missing,
        stress=lasted,
    )
