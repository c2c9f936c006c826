"""The numbers the gate board judges, taken from an optimization's outcome."""

from collections.abc import Sequence

import numpy as np

from fxgpt_core.conformal.coverage import CoverageRow
from fxgpt_core.errors import MissingError
from fxgpt_core.optimization.outcome import OptimizationOutcome, walked_forward
from fxgpt_core.optimization.problem import Problem
from fxgpt_core.performance.measures import period_returns
from fxgpt_core.performance.significance import probabilistic_sharpe, sharpe_moments
from fxgpt_core.performance.trials import Trials, lucky_sharpe
from fxgpt_core.registry.gates import CoverageEvidence, Evidence, StressEvidence

STRESS = 2.0


def evidence(
    problem: Problem,
    outcome: OptimizationOutcome,
    coverage: Sequence[CoverageRow],
    *,
    n_trials_ever: int,
    sharpe_variance: float,
    stress: StressEvidence,
) -> Evidence:
    """The evidence for the proposed set, all of it out of sample.

    `n_trials_ever` and `sharpe_variance` are the ledger's, over every trial ever made for the symbol and timeframe: test
    windows that earlier runs looked at are no longer unseen. `coverage` rows of the horizon the set trades are taken.
    `stress` is what `survival` found.
    Raises `MissingError` when none of them is of that horizon.
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
    moments = sharpe_moments(period_returns(stitched.result, stitched.candles))
    train_periods = float(np.mean([fold.chosen.n_periods for fold in outcome.folds]))
    benchmark = lucky_sharpe(Trials(max(1, n_trials_ever), sharpe_variance, train_periods), moments.n)
    choices = [(fold.parameters, fold.fold.test) for fold in outcome.folds]
    stressed = walked_forward(problem, choices, cost_multiplier=STRESS)
    return Evidence(
        deflated_sharpe=probabilistic_sharpe(moments, benchmark),
        n_trials=n_trials_ever,
        in_sample_sharpe=outcome.in_sample_sharpe,
        out_of_sample_sharpe=stitched.metrics.sharpe_ratio,
        n_trades=stitched.metrics.total_trades,
        n_proposed_trades=int(outcome.final.metrics["total_trades"]),
        net_profit_cost_x2=stressed.result.final_equity - problem.account.cash,
        coverage=rows,
        sharpe_per_period=moments.sharpe,
        lucky_sharpe=benchmark,
        stress=stress,
    )
