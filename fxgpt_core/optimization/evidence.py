"""The numbers the gate board judges, taken from an optimization's outcome."""

from collections.abc import Sequence

from fxgpt_core.conformal.coverage import CoverageRow
from fxgpt_core.errors import MissingError
from fxgpt_core.optimization.luck_of_search import LuckOfSearch
from fxgpt_core.optimization.outcome import OptimizationOutcome, walked_forward
from fxgpt_core.optimization.problem import Problem
from fxgpt_core.optimization.robustness import Robustness
from fxgpt_core.registry.gate_evidence import CoverageEvidence, Evidence, FoldEvidence, LuckEvidence, StressEvidence

MULTIPLIERS = (1.5, 2.0, 3.0)


def evidence(
    problem: Problem,
    outcome: OptimizationOutcome,
    coverage: Sequence[CoverageRow],
    found: LuckOfSearch,
    lasted: StressEvidence,
    sound: Robustness,
) -> Evidence:
    """The evidence for the proposed set, all of it out of sample but for the days of the search, which `found` tells apart.

    `coverage` rows of the horizon the set trades are taken; `lasted` is what `survival` found, `sound` what `robustness` did.
    Raises `MissingError` when no row
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
    dearer = [walked_forward(problem, choices, cost_multiplier=each).result.final_equity for each in MULTIPLIERS]
    profits = [equity - problem.account.cash for equity in dearer]
    return Evidence(
        luck=tuple(LuckEvidence(test.name, test.value, test.comparison, test.limit) for test in found.luck.tests),
        n_trials=found.ever.n,
        in_sample_sharpe=outcome.in_sample_sharpe,
        out_of_sample_sharpe=stitched.metrics.sharpe_ratio,
        n_trades=stitched.metrics.total_trades,
        n_proposed_trades=int(outcome.final.metrics["total_trades"]),
        net_profit_cost_x1_5=profits[0],
        net_profit_cost_x2=profits[1],
        net_profit_cost_x3=profits[2],
        coverage=rows,
        sharpe_per_period=found.sharpe_per_period,
        lucky_sharpe=found.luck.lucky_sharpe,
        dispersion=found.dispersion,
        not_judged=found.missing,
        stress=lasted,
        folds=FoldEvidence(sound.consistency.n_measured, sound.consistency.positive),
        late_sharpe_at_5=sound.late.percentiles(sound.late.sharpe)[0],
    )
