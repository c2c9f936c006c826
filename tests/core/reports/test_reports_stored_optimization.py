"""What is computed for the report of a stored run: importances, and what trades in which regime."""

import numpy as np
from optimization_examples import made

from fxgpt_core.optimization.importance import LEAST_EVALUATIONS
from fxgpt_core.optimization.regime_table import RegimeRow
from fxgpt_core.optimization.space import dimension
from fxgpt_core.performance.measures import metrics
from fxgpt_core.regimes.regime import REGIMES
from fxgpt_core.reports.stored_optimization import importances, regime_rows
from fxgpt_core.strategy.parameters import StrategyParameters, searched_definitions
from fxgpt_core.strategy.regime_sets import RegimeSets

GLOBAL_SET = StrategyParameters.default()
OWN_SET = GLOBAL_SET.replace(risk_max_holding_hours=6)
NUMBERS = [definition for definition in searched_definitions() if definition.kind == "float"]


def evaluated(n, deciding, offset=0.0, phase="search"):
    """n sets by chance in two searches; one parameter alone decides the Sharpe ratio, `offset` higher in the second search."""
    rng = np.random.default_rng(1)
    genome = rng.integers(0, 65_536, (n, dimension())).astype(np.uint16)
    search = np.arange(n) % 2
    place = [definition.name for definition in searched_definitions()].index(deciding)
    objectives = np.tile([0.0, 5.0, 1.0, 0.5], (n, 1))
    objectives[:, 0] = genome[:, place] / 65_535 + offset * search
    return made(range(n), search, objectives, np.zeros(n), genome, [phase] * n)


def test_the_parameter_that_decides_is_first_whatever_windows_are_worth():
    deciding = NUMBERS[3].name
    found = importances(evaluated(120, deciding, 100.0))
    assert next(iter(found)) == deciding
    assert found[deciding] > 0.5
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert np.isclose(sum(found.values()), 1.0)


def test_there_is_none_of_few_evaluations_of_equal_ones_and_of_screens():
    assert importances(evaluated(LEAST_EVALUATIONS - 1, NUMBERS[0].name)) == {}
    assert importances(evaluated(60, NUMBERS[0].name, phase="screen")) == {}
    alike = evaluated(60, NUMBERS[0].name)
    alike.objectives[:, 0] = 1.0
    assert importances(alike) == {}


def test_each_regime_tells_its_set_its_reason_and_what_both_did_there():
    from report_examples import idle, three_trades

    of_sets, of_global = (metrics(each.result, each.candles) for each in (three_trades(), idle()))
    reasons = {name: f"reason of {name}" for name in REGIMES if name != "ranging"}
    sets = RegimeSets(GLOBAL_SET, {"ranging": OWN_SET}, reasons)
    rows = {row.regime: row for row in regime_rows(sets, [RegimeRow("ranging", 0.25, of_global, of_sets, 1, ())])}
    assert list(rows) == list(REGIMES)
    ranging, other = rows["ranging"], rows["volatile"]
    assert (ranging.own, ranging.parameters_sha256, ranging.reason) == (True, OWN_SET.sha256, "")
    assert (ranging.by_regime.trades, ranging.by_regime.sharpe) == (3, of_sets.sharpe_ratio)
    assert (ranging.by_regime.drawdown_pct, ranging.by_global.trades) == (of_sets.max_drawdown_pct, 0)
    assert (other.own, other.parameters_sha256, other.reason) == (False, GLOBAL_SET.sha256, "reason of volatile")
    assert (other.by_regime, other.by_global) == (None, None)
