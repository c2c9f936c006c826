"""Reports of optimizations for the tests: one by hand, whose every number is known, and a large one by chance."""

from datetime import UTC, datetime, timedelta

import numpy as np

from fxgpt_core.optimization.limits import UNTRADED
from fxgpt_core.optimization.space import dimension
from fxgpt_core.registry.evaluations import Evaluations
from fxgpt_core.registry.searches import SearchRow
from fxgpt_core.reports.optimization import OptimizationReport, RegimeNumbers, RegimeRow, RunFacts
from fxgpt_core.strategy.parameters import StrategyParameters, searched_definitions

MADE_AT = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
BEGAN = datetime(2018, 1, 1, tzinfo=UTC)
FACTS = RunFacts(17, "EURUSD", "1h", "genetic", "global", "completed", MADE_AT, {"seed": "7"})
PROPOSED = StrategyParameters.default().replace(risk_max_holding_hours=6)
REGIMES = (
    RegimeRow("ranging", "abcdef0123456789", True, "", RegimeNumbers(120, 1.25, 4.5), RegimeNumbers(100, 0.8, 5.25)),
    RegimeRow("volatile", "99cdef0123456789", False, "its set closed 9 trades in it", None, RegimeNumbers(0, 0.0, 0.0)),
)
# Sharpe, drawdown %, profit factor, cost ratio; violation. The second beats the first, the third is beside it, the fourth
# breaks a limit, the fifth hardly traded.
ROWS = (
    ((1.0, 8.0, 1.2, 0.4), 0.0),
    ((2.0, 6.0, 1.6, 0.4), 0.0),
    ((1.5, 3.0, 1.4, 0.4), 0.0),
    ((4.0, 30.0, 2.0, 0.3), 1.0),
    ((-10.0, 100.0, 0.0, 1.0), UNTRADED + 1.0),
)


def search_row(search: int, phase: str, n: int, population: tuple[int, ...], regime: str = "global") -> SearchRow:
    """A search over a month of its own, `n` trials of 10 planned, of which it kept `population`."""
    start = BEGAN + timedelta(days=30 * search)
    window = (start, start + timedelta(days=30))
    first = search * 10
    return SearchRow(search, phase, regime, "nsga2", first, 10, *window, n, 0.25, "budget", start, start, population)


def made(number, search, objectives, violation, genome=None, phase=None) -> Evaluations:
    """Evaluations of the default set, or of genomes, whose hash is their number."""
    n = len(number)
    return Evaluations(
        number=np.array(number, dtype=np.int64),
        search=np.array(search, dtype=np.int64),
        seed=np.zeros(n, dtype=np.int64),
        phase=np.array(phase or ["search"] * n, dtype=np.str_),
        genome=np.full((n, dimension()), 32_768, dtype=np.uint16) if genome is None else genome,
        objectives=np.array(objectives, dtype=np.float64).reshape(n, 4),
        violation=np.array(violation, dtype=np.float64),
        sharpe_per_period=np.zeros(n),
        params_sha256=tuple(f"{each:064x}" for each in number),
    )


def by_hand(run=FACTS, searches=None, evaluations=None, **changes) -> OptimizationReport:
    """Two searches of the same five trials: fold 0 with the numbers 0 to 4, the final one with 10 to 14."""
    objectives, violation = zip(*ROWS, strict=True)
    rows = (search_row(0, "search", 5, (0, 1, 2)), search_row(1, "final", 5, (10, 11, 12)))
    found = made([*range(5), *range(10, 15)], [0] * 5 + [1] * 5, objectives * 2, violation * 2)
    told = {"proposed": PROPOSED.to_json(), "importances": importances(3), "regimes": REGIMES} | changes
    return OptimizationReport(run, rows if searches is None else searches, found if evaluations is None else evaluations, **told)


def importances(n: int) -> dict[str, float]:
    """Falling shares of the last n searched parameters, names and switches among them."""
    names = [definition.name for definition in searched_definitions()][: -n - 1 : -1]
    return {name: 2.0 ** -(place + 1) for place, name in enumerate(names)}


def empty() -> OptimizationReport:
    """A run that was asked for and has not begun."""
    return OptimizationReport(FACTS, (), made([], [], [], []))


def large(n: int = 10_000, folds: int = 8) -> OptimizationReport:
    """n trials of a search for each fold and a final one, better and better, with a genome by chance."""
    rng = np.random.default_rng(3)
    per = n // (folds + 1)
    skill = np.tile(1.0 - np.exp(-np.arange(per) / (per / 3)), folds + 1)
    drawn = rng.normal(0.0, 1.0, (len(skill), 4))
    sharpe = -1.0 + 3.0 * skill + drawn[:, 0]
    fall = np.clip(14.0 - 6.0 * skill + 2.5 * drawn[:, 1] + 1.2 * sharpe, 0.3, 60.0)
    factor = np.clip(np.exp(0.25 * sharpe + 0.15 * drawn[:, 2]), 0.1, 10.0)
    costs = np.clip(0.6 - 0.25 * skill + 0.1 * drawn[:, 3], 0.03, 1.0)
    violation = np.maximum(0.0, fall / 15.0 - 1.0) + np.maximum(0.0, 0.2 - sharpe)
    violation[rng.random(len(skill)) < 0.05] = UNTRADED + 0.5
    number, search = np.arange(len(skill)), np.repeat(np.arange(folds + 1), per)
    genome = rng.integers(0, 65_536, (len(skill), dimension())).astype(np.uint16)
    found = made(number, search, np.column_stack([sharpe, fall, factor, costs]), violation, genome)
    rows = tuple(
        search_row(at, "final" if at == folds else "search", per, tuple(range(at * per + per - 60, (at + 1) * per)))
        for at in range(folds + 1)
    )
    return OptimizationReport(FACTS, rows, found, PROPOSED.to_json(), importances(20), REGIMES)
