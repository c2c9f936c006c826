"""The search for a parameter set, and the gate board it must pass."""

from collections.abc import Iterator
from dataclasses import asdict
from functools import cache, partial
from typing import Any

import dagster as dg

from fxgpt_pipelines.assets.calibration import calibration_quantiles, walk_forward_validation
from fxgpt_pipelines.checks import gates as checks
from fxgpt_pipelines.code_versions import code_version
from fxgpt_pipelines.partitions import cell, grid
from fxgpt_pipelines.recording import materialized, table, two_columns
from fxgpt_pipelines.resources import LakeResource

GROUP = "optimization"
# By name: allocation is of this group, and its module reads GROUP.
COMPONENTS = tuple(map(dg.AssetKey, ("regimes", "pattern_autoencoder", "context_series", "allocation", "rl_agent")))


class SearchConfig(dg.Config):
    """The budget: `n_trials` in each of the latest `max_folds` folds, then `n_final_trials`; window lengths in calendar days.

    `engine`: nsga2 (many cheap trials, `population` a generation), tpe (few dear ones), tpe_weighted (one weighted objective),
    hybrid (a grid, then nsga2) or random. The last `vault_share` of the test span is seen by no search. The limits are
    constraints: a set that breaks one on its train window is chosen only where every set does; null leaves one out. Without
    `converge` each search spends its budget; `timeout_s` ends a run with what is there. `warm_start_run`: a run whose best sets
    begin the searches that it has not seen the test days of. With `regime_mode` per_regime each regime is searched too, and has a
    set of its own where it earns one.

    Lengths not given are 30, 7 and 7 days, and twelve times that for daily candles. With an `account_currency`, such as USD, or
    the account's own `charges`, such as {"commission": 0, "commission_per_lot": 3.5} (docs/costs.md names all; the others stay at
    their defaults), trials are played by the rules of FX (bid and ask, slippage, swap, conversion, stop-out), and so is paper
    trading of what they find; without, by those of PARITY, with flat costs. `components` are those that decide besides the
    forecast: patterns, regimes, anomalies, context, allocation, policy; by default patterns and all others whose asset has been
    made, but not the policy, nor an allocation of one symbol. `policy_mode`: hybrid, rl_only or advisory.
    """

    seed: int = 7
    engine: str = "nsga2"
    population: int = 50
    n_trials: int = 1000
    n_final_trials: int = 2500
    max_folds: int = 8
    vault_share: float = 0.2
    min_trades: int = 5
    max_drawdown_pct: float | None = 15.0
    min_win_rate_pct: float | None = 50.0
    max_daily_loss_pct: float | None = 3.0
    min_sharpe: float | None = 1.0
    converge: bool = True
    timeout_s: float | None = None
    warm_start_run: int | None = None
    regime_mode: str = "global"
    train_days: float | None = None
    test_days: float | None = None
    step_days: float | None = None
    account_currency: str | None = None
    charges: dict[str, Any] | None = None
    components: list[str] | None = None
    policy_mode: str = "hybrid"


@dg.asset(
    partitions_def=grid,
    group_name=GROUP,
    code_version=code_version("optimized_parameters"),
    deps=[calibration_quantiles, *COMPONENTS],
    kinds={"pymoo", "numba"},
)
def optimized_parameters(
    context: dg.AssetExecutionContext, config: SearchConfig, lake: LakeResource
) -> "dg.MaterializeResult[Any]":
    """A parameter set found by multi-objective search on each fold's train window, tested on its unseen test window."""
    from fxgpt_core.optimization.contest import champion
    from fxgpt_core.registry.trials import TrialStore
    from fxgpt_pipelines import reporting, search_shown, searching
    from fxgpt_pipelines.pictures import line

    store = TrialStore(lake.ledger)
    with lake.making(context, config.model_dump(), seed=config.seed) as making:
        asked = config.model_dump()
        searching.inputs_of(making, searching.charges_of(asked), searching.used_of(making, asked))
        reused = making.unchanged()
        artifact = reused or searching.search(making, asked, store, context.log.info)
        proposal, root = artifact.json(), lake.settings().report_root
        case = cache(lambda: searching.judged(making, proposal, store))
        report = reporting.report(making, artifact, case, root)
        told = reporting.told_of(making, artifact, case, champion(lake.lake, artifact.symbol, artifact.timeframe))
        pages = {f"search_{form[1:]}": reporting.search_report(told, artifact, root, form) for form in (".html", ".pdf")}
    numbers = {name: proposal["out_of_sample"][name] for name in searching.METRICS}
    equity = proposal["equity"]
    return materialized(
        artifact,
        reused=reused is not None,
        metadata={
            "report": report,
            **pages,
            **search_shown.metadata(told),
            "equity": line("equity over the unseen test windows", range(len(equity)), equity, "account currency"),
            "out_of_sample": two_columns(numbers | {"trials": proposal["n_trials"], "run": proposal["run_id"]}),
            "folds": table(searching.fold_rows(proposal)),
            "parameters": two_columns(proposal["parameters"]),
        },
    )


class JudgementConfig(dg.Config):
    """`seed` draws what the tests of luck compare with, and where the proposed set meets its shocks; the choices are played on so
    many other `histories` of each kind.
    """

    seed: int = 7
    histories: int = 1000


@dg.asset(
    partitions_def=grid,
    group_name=GROUP,
    code_version=code_version("robustness"),
    deps=[optimized_parameters, walk_forward_validation],
    check_specs=checks.GATE_CHECKS,
    kinds={"numpy"},
)
def robustness(
    context: dg.AssetExecutionContext, config: JudgementConfig, lake: LakeResource
) -> "Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]":
    """The evidence for the proposed set, out of sample, whether it could be luck, and every gate's number, limit and verdict."""
    from fxgpt_core.cli.countdown import Countdown
    from fxgpt_core.conformal.coverage import CoverageRow
    from fxgpt_core.optimization.evidence import evidence
    from fxgpt_core.optimization.robustness import robustness as robust
    from fxgpt_core.optimization.survival import StressPlan, survival
    from fxgpt_core.registry.gate_results import record_board
    from fxgpt_core.registry.gates import gate_board
    from fxgpt_core.registry.trials import TrialStore
    from fxgpt_core.reports.walk_forward import Verdicts
    from fxgpt_pipelines import luck_shown, opening, reporting, robustness_shown, searching, stress_shown

    symbol, timeframe = cell(context.partition_key)
    store = TrialStore(lake.ledger)
    n_ever, variance = store.n_trials_ever(symbol, timeframe), store.sharpe_variance(symbol, timeframe)
    settings = {"n_trials_ever": n_ever, "sharpe_variance": variance, **config.model_dump()}
    settings["vault_openings"] = opening.n_played(lake.ledger, symbol, timeframe)
    with lake.making(context, settings, seed=config.seed) as making:
        parameter_set, validation = making.read("optimized_parameters"), making.read("walk_forward_validation")
        case = searching.judged(making, parameter_set.json(), store)
        coverage = [CoverageRow(**row) for row in validation.json()["coverage"]]
        luck = searching.luck(case, settings, context.log.info)
        lasted = survival(case.problem, case.outcome, StressPlan(config.seed, progress=partial(Countdown, context.log.info)))
        sound = robust(case.problem, case.outcome, config.seed, counted=partial(Countdown, context.log.info))
        found = evidence(case.problem, case.outcome, coverage, luck.search, lasted.evidence, sound)
        board = gate_board(found)
        # Last the vault, which this does not judge: an opening makes this anew, so that what is stored tells of it.
        whole = (*board, opening.gate_of(lake.ledger, case, parameter_set.id))
        record_board(lake.ledger, parameter_set.id, whole)
        reused = making.unchanged()
        stored: dict[str, Any] = {"parameter_set_id": parameter_set.id, "evidence": found.to_json(), "luck": luck.to_json()}
        stored |= {"stress": lasted.to_json(), "robustness": sound.to_json(), "gates": [asdict(gate) for gate in whole]}
        passed = sum(gate.passed for gate in whole)
        artifact = reused or making.write_json(stored, {"gates": len(whole), "passed": passed})
        verdicts = Verdicts(whole, luck.tests, lasted.folds, sound.told)
        report = reporting.report(making, artifact, lambda: case, lake.settings().report_root, verdicts)
    shown = {"gates": table(searching.gate_rows(whole)), "passed": passed, **opening.cheapest(whole), "report": report}
    shown |= (
        robustness_shown.metadata(sound, found)
        | luck_shown.metadata(luck)
        | stress_shown.metadata(lasted, case.problem.candles.timeframe)
    )
    yield materialized(artifact, reused=reused is not None, metadata=shown)
    yield from checks.verdicts(board)
