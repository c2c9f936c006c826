"""The numbers the gate board judges, taken from an optimization's outcome."""

from collections.abc import Sequence

from fxgpt_core.conformal.coverage import CoverageRow
from fxgpt_core.errors import MissingError
from fxgpt_core.optimization.luck_of_search import LuckOfSearch
from fxgpt_core.optimization.outcome import OptimizationOutcome, in_sample, walked_forward
from fxgpt_core.optimization.problem import Problem
from fxgpt_core.optimization.robustness import Robustness
from fxgpt_core.registry.gate_evidence import CoverageEvidence, Evidence, FoldEvidence, LuckEvidence, StressEvidence
from fxgpt_core.strategy.regime_sets import sets_of

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

    `coverage` is that of the horizon that is traded, of several (sets by regime) the worst; `lasted` is what `survival` found,
    `sound` what `robustness` did. Raises `MissingError` when a horizon that is traded was not measured.
    """
    horizons = {each.sssd_forecast_horizon for each in sets_of(outcome.strategy)}
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
        n_proposed_trades=int(in_sample(problem, outcome)["total_trades"]),
        net_profit_cost_x1_5=profits[0],
        net_profit_cost_x2=profits[1],
        net_profit_cost_x3=profits[2],
        coverage=_coverage(coverage, horizons),
        sharpe_per_period=found.sharpe_per_period,
        lucky_sharpe=found.luck.lucky_sharpe,
        dispersion=found.dispersion,
        not_judged=found.missing,
        stress=lasted,
        folds=FoldEvidence(sound.consistency.n_measured, sound.consistency.positive),
        late_sharpe_at_5=sound.late.percentiles(sound.late.sharpe)[0],
    )


def _coverage(rows: Sequence[CoverageRow], horizons: set[int]) -> tuple[CoverageEvidence, ...]:
    """For each nominal coverage the row, of the horizons that are traded, that lies furthest beyond its bounds."""
    missing = sorted(horizons - {row.step for row in rows})
    if missing:
        measured = sorted({row.step for row in rows})
        raise MissingError(
            f"no coverage was measured for horizon {missing[0]}, only for {measured}; materialize walk_forward_validation with it"
        )
    traded = [row for row in rows if row.step in horizons]
    worst = {row.nominal: row for row in sorted(traded, key=lambda row: max(row.low - row.observed, row.observed - row.high))}
    return tuple(
        CoverageEvidence(row.nominal, row.observed, row.low, row.high, float(row.n_eff))
        for row in sorted(worst.values(), key=lambda row: row.nominal)
    )
