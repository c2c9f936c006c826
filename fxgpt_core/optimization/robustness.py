"""How much of what a search found hangs on its exact numbers: the fold, the candle of an entry, each parameter's value."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from fxgpt_core.errors import BadInputError
from fxgpt_core.optimization.consistency import Consistency, consistency
from fxgpt_core.optimization.distance import DistanceFromDefault, distance_from_default
from fxgpt_core.optimization.importance import Importance, importance, ranked_within
from fxgpt_core.optimization.other_histories import RUNS, OtherHistories, with_late_entries
from fxgpt_core.optimization.outcome import OptimizationOutcome
from fxgpt_core.optimization.plateau import Plateau, Score, plateau, sharpe_on
from fxgpt_core.optimization.problem import Problem
from fxgpt_core.optimization.space import canonical, to_unit
from fxgpt_core.registry.evaluations import Evaluations
from fxgpt_core.strategy.parameters import searched_definitions

SEED = 7


@dataclass(frozen=True)
class Told:
    """One measure for a person: NaN where it is not known, and what it says."""

    measure: str
    value: float
    says: str


@dataclass(frozen=True, eq=False)
class Robustness:
    """Of a run: its folds, its choices with late entries, and the proposed set's neighbours and distance from the defaults.

    `importance` of the parameters by all evaluations of the run; None where they tell nothing, and `unknown` says why.
    `by_regime`: sets by regime are proposed, of which plateau and distance know the global one alone.
    """

    consistency: Consistency
    late: OtherHistories
    plateau: Plateau
    distance: DistanceFromDefault
    importance: Importance | None
    unknown: str = ""
    by_regime: bool = False

    @property
    def told(self) -> tuple[Told, ...]:
        """The measures in the order in which they are read."""
        of_set = (*_of_plateau(self.plateau), _of_distance(self.distance))
        if self.by_regime:
            of_set = tuple(replace(each, says=f"of the global set alone, not of those by regime: {each.says}") for each in of_set)
        return (*_of_folds(self.consistency), *of_set[:-1], *_of_importance(self), of_set[-1])

    def to_json(self) -> dict[str, object]:
        """Every number by name, null where not known."""
        return {
            "consistency": self.consistency.to_json(),
            "late_entries": self.late.to_json(),
            "plateau": self.plateau.to_json(),
            "distance": self.distance.to_json(),
            "importance": self.importance.to_json() if self.importance else None,
            "importance_unknown": self.unknown,
            "global_set_alone": self.by_regime,
        }


def robustness(
    problem: Problem,
    outcome: OptimizationOutcome,
    seed: int = SEED,
    runs: int = RUNS,
    score: Score | None = None,
    counted: Callable[[str], Callable[[int, int], None]] = lambda what: lambda done, total: None,
) -> Robustness:
    """Judge a run's outcome: the choices are played `runs` times with late entries, the proposed set beside its neighbours.

    `score` judges those, by default with the Sharpe ratio on the set's own train window. `counted(what)` gives what is told of
    the progress. Raises as `with_late_entries`.
    """
    rngs = [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(2)]
    found, unknown = _importance(outcome.evaluations, seed)
    return Robustness(
        consistency=consistency(outcome.folds),
        late=with_late_entries(problem, outcome, rngs[0], runs, counted("test windows played with late entries")),
        plateau=plateau(outcome.proposed, score or sharpe_on(problem, outcome.own_window), rngs[1]),
        distance=distance_from_default(outcome.proposed),
        importance=found,
        unknown=unknown,
        by_regime=outcome.regime_sets is not None and bool(outcome.regime_sets.by_regime),
    )


def _of_folds(found: Consistency) -> tuple[Told, ...]:
    of = f"of {found.n_measured} test windows that were measured, of {found.n_folds}"
    spread = f"lowest {found.lowest:.2f}, median {found.median:.2f}"
    return (
        Told("folds that earn", found.earned, f"{of}, the share with a return above 0"),
        Told("folds with a Sharpe ratio above 0", found.positive, f"{of}; a gate"),
        Told("dispersion of the folds", found.dispersion, f"deviation of their annual Sharpe ratios; {spread}"),
        Told("the best fold's share", found.largest_share, "of all that folds earned; near 1, one fold pays for all"),
    )


def _of_plateau(found: Plateau) -> tuple[Told, ...]:
    name, left = found.steepest
    kept = f"keep {found.kept:.0%} of its Sharpe ratio, {found.score:.2f} on its own train window"
    return (
        Told("plateau, one parameter moved", found.share_alone, f"of {len(found.alone)} neighbours, the share that {kept}"),
        Told(
            "plateau, where it is felt",
            found.share_felt,
            f"the same of those whose score changes at all; {len(found.without_effect)} parameters change nothing; steepest: "
            f"{name}, which leaves {left:.2f}",
        ),
        Told("plateau, all moved at once", found.share_together, f"of {len(found.together)} neighbours, the share that {kept}"),
    )


def _of_importance(found: Robustness) -> tuple[Told, ...]:
    known = found.importance
    if known is None:
        return (Told("effective parameters", math.nan, f"not known: {found.unknown}"),)
    first = ", ".join(known.names[i] for i in known.order[:3])
    inert = f"{len(known.inert)} of {len(known.names)} lose no more than chance when shuffled: {', '.join(known.inert)}"
    unsure = "the forest tells nothing of held-out evaluations, so that no parameter is called inert"
    return (
        Told("effective parameters", known.effective_parameters, f"{known.n_for_mass} explain 90 %; first {first}"),
        Told("R² of held-out evaluations", known.held_out_r2, inert if known.held_out_r2 > 0.0 else unsure),
    )


def _of_distance(found: DistanceFromDefault) -> Told:
    most = ", ".join(f"{move.name} {move.default} -> {move.value}" for move in found.moves[:3])
    return Told(
        "distance from the defaults", found.mean, f"of the range, the mean of {found.n_searched} parameters; most: {most}"
    )


def _importance(evaluations: Evaluations, seed: int) -> tuple[Importance | None, str]:
    """By the rank of the Sharpe ratio within each search; or why the evaluations tell nothing."""
    names = [each.name for each in searched_definitions()]
    scores = ranked_within(evaluations.objectives[:, 0], evaluations.search)
    try:
        return importance(to_unit(canonical(evaluations.genome)), scores, names, seed), ""
    except BadInputError as error:
        return None, str(error)
