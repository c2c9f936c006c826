"""What a person configures, as the parameters of a run."""

from collections.abc import Mapping
from typing import Any

from fxgpt_core.errors import BadInputError
from fxgpt_core.optimization.convergence import NEVER, ConvergenceParameters
from fxgpt_core.optimization.engines.genetic import GeneticParameters
from fxgpt_core.optimization.engines.named import EngineName, EngineParameters
from fxgpt_core.optimization.limits import TrialLimits
from fxgpt_core.optimization.plan import SearchParameters, WarmStart
from fxgpt_core.validation.folds import FoldParameters

BUDGET = ("seed", "n_trials", "n_final_trials", "max_folds", "vault_share")
LIMITS = ("max_drawdown_pct", "min_win_rate_pct", "max_daily_loss_pct", "min_sharpe", "min_trades")


def search_parameters(values: Mapping[str, Any], folds: FoldParameters, warm_start: WarmStart | None) -> SearchParameters:
    """The parameters of a run of the values `BUDGET`, `LIMITS`, engine, population, converge, timeout_s, regime_mode.

    Raises `BadInputError` for an engine that is unknown and for numbers that cannot be.
    """
    usual = ConvergenceParameters() if values["converge"] else NEVER
    return SearchParameters(
        **{name: values[name] for name in BUDGET},
        folds=folds,
        limits=TrialLimits(**{name: values[name] for name in LIMITS}),
        engine=EngineParameters(_engine(values["engine"]), GeneticParameters(values["population"])),
        convergence=ConvergenceParameters(**{**vars(usual), "timeout_s": values["timeout_s"]}),
        warm_start=warm_start,
        regime_mode=values["regime_mode"],
    )


def _engine(name: str) -> EngineName:
    known = [str(each) for each in EngineName]
    if name not in known:
        raise BadInputError(f"the engine {name!r} is unknown; known: {', '.join(known)}; choose one")
    return EngineName(name)
