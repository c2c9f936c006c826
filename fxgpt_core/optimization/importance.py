"""Which parameters decide how good a set is: functional ANOVA of a search's evaluations, and permutation on unseen ones.

Sources: Hutter, Hoos and Leyton-Brown, An Efficient Approach for Assessing Hyperparameter Importance (2014); Breiman, Random
Forests (2001), for permutation; Kursa and Rudnicki, Feature Selection with the Boruta Package (2010), for the shuffled copies
of all parameters that show what importance chance gives.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.errors import BadInputError

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestRegressor

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

LEAST_EVALUATIONS: Final = 40
MOST_EVALUATIONS: Final = 500
MASS: Final = 0.9
ASKED: Final = 1.0 / 3.0  # Breiman's choice for regression


@dataclass(frozen=True)
class ForestParameters:
    """Trees of each forest, the share of evaluations it is judged on and not shown, and shuffles of each parameter there."""

    n_trees: int = 64
    held_out: float = 0.3
    repeats: int = 5


@dataclass(frozen=True, eq=False)
class Importance:
    """Of D parameters: `shares` float64[D] of the variance of the score that each explains alone, and sum to 1.

    `lost` float64[D]: how much of R² is lost on held-out evaluations when the parameter is shuffled; `by_chance`: the most that
    any shuffled copy of a parameter lost. `held_out_r2`: how well the forest tells the score there; not above 0, it knows
    nothing, and nothing is called inert. `n`: evaluations it learnt from, held-out ones included.
    """

    names: tuple[str, ...]
    shares: FloatArray
    lost: FloatArray
    by_chance: float
    held_out_r2: float
    n: int

    @property
    def order(self) -> list[int]:
        """The parameters, the most important first."""
        return [int(i) for i in np.argsort(-self.shares, kind="stable")]

    @property
    def effective_parameters(self) -> float:
        """How many equally important parameters would spread the shares as much: exp of their entropy, 1 to D."""
        held = self.shares[self.shares > 0.0]
        return float(np.exp(-(held * np.log(held)).sum()))

    @property
    def n_for_mass(self) -> int:
        """How many of the most important parameters make 90 % of the shares."""
        return int(np.searchsorted(np.cumsum(np.sort(self.shares)[::-1]), MASS - 1e-12)) + 1

    @property
    def inert(self) -> tuple[str, ...]:
        """Parameters that lose no more than chance when they are shuffled; none where the forest knows nothing."""
        if not self.held_out_r2 > 0.0:
            return ()
        most = max(self.by_chance, 0.0)
        return tuple(name for name, lost in zip(self.names, self.lost, strict=True) if lost <= most)

    def to_json(self) -> dict[str, object]:
        """Every number, the parameters in order of their shares."""
        rows = [{"name": self.names[i], "share": float(self.shares[i]), "lost": float(self.lost[i])} for i in self.order]
        return {
            "evaluations": self.n,
            "held_out_r2": self.held_out_r2,
            "effective_parameters": self.effective_parameters,
            "parameters_for_90_pct": self.n_for_mass,
            "by_chance": self.by_chance,
            "inert": list(self.inert),
            "parameters": rows,
        }


def ranked_within(scores: FloatArray, searches: IntArray) -> FloatArray:
    """float64[n] in (0, 1): the rank of each score [n] within its own search [n], ties at their mean.

    Each search has its own window, and sets that hardly traded have a score far below all others: neither must be what the
    forest learns.
    """
    from scipy.stats import rankdata

    ranks = np.empty(len(scores))
    for search in np.unique(searches):
        own = searches == search
        ranks[own] = (rankdata(scores[own]) - 0.5) / own.sum()
    return ranks


def importance(
    places: FloatArray, scores: FloatArray, names: Sequence[str], seed: int, parameters: ForestParameters | None = None
) -> Importance:
    """The importance of each of D parameters by n evaluations: where they lay, `places` [n, D] in [0, 1], and `scores` [n].

    Of more than 500 evaluations as many are taken evenly. Raises `BadInputError` below 40 evaluations, for places outside the
    ranges, and for scores that are not finite or all alike.
    """
    _check(places, scores, names)
    taken = np.linspace(0, len(scores) - 1, min(len(scores), MOST_EVALUATIONS)).astype(int)
    seen, score, settings = places[taken], scores[taken], parameters or ForestParameters()
    shares = main_effects(_fitted(seen, score, settings.n_trees, seed))
    whole = float(shares.sum())
    if whole == 0.0:
        raise BadInputError("the score depends on no single parameter at all; evaluate sets that differ in more than chance")
    lost, r2 = _lost_when_shuffled(seen, score, settings, np.random.default_rng(seed))
    n_parameters = places.shape[1]
    by_chance = float(lost[n_parameters:].max())
    return Importance(tuple(names), shares / whole, lost[:n_parameters], by_chance, r2, len(taken))


def main_effects(forest: "RandomForestRegressor") -> FloatArray:
    """float64[D]: mean share of the variance of each tree over the unit cube that each input explains alone.

    A tree is constant on the box of each leaf, so its marginal over one input is a step function, and exact.
    """
    shares = [_tree_effects(fitted.tree_) for fitted in forest.estimators_]
    known = [share for share in shares if share is not None]
    effects: FloatArray = np.mean(known, axis=0) if known else np.zeros(forest.n_features_in_)
    return effects


def _check(places: FloatArray, scores: FloatArray, names: Sequence[str]) -> None:
    if places.shape != (len(scores), len(names)) or len(scores) < LEAST_EVALUATIONS:
        raise BadInputError(
            f"places {places.shape}, {len(scores)} scores and {len(names)} names found; needed are at least "
            f"{LEAST_EVALUATIONS} evaluations with a place for each name: search with more trials"
        )
    if not (np.isfinite(scores).all() and places.min() >= 0.0 and places.max() <= 1.0):
        raise BadInputError("places outside [0, 1] or scores that are not finite found; give each as a place in its range")
    if np.ptp(scores) == 0.0:
        raise BadInputError(f"all {len(scores)} scores are {scores[0]:g}; nothing can be told of what does not differ")


def _fitted(places: FloatArray, scores: FloatArray, n_trees: int, seed: int, asked: float = 1.0) -> "RandomForestRegressor":
    """A forest that asks for so large a share of the parameters at each split."""
    from sklearn.ensemble import RandomForestRegressor  # half a second of import

    forest = RandomForestRegressor(n_estimators=n_trees, max_depth=64, max_features=asked, random_state=seed)
    fitted: RandomForestRegressor = forest.fit(places, scores)
    return fitted


def _lost_when_shuffled(
    places: FloatArray, scores: FloatArray, settings: ForestParameters, rng: np.random.Generator
) -> tuple[FloatArray, float]:
    """Loss of R² float64[2D] of each parameter and of a shuffled copy of each, and R², on evaluations the forest did not see."""
    both = np.concatenate([places, rng.permuted(places, axis=0)], axis=1)
    order = rng.permutation(len(scores))
    n_held = math.ceil(settings.held_out * len(scores))
    held, shown = order[:n_held], order[n_held:]
    forest = _fitted(both[shown], scores[shown], settings.n_trees, int(rng.integers(2**31)), ASKED)
    truth = scores[held]
    scale = float(((truth - truth.mean()) ** 2).sum()) or 1.0
    error = float(((forest.predict(both[held]) - truth) ** 2).sum())
    lost = np.zeros(both.shape[1])
    used = np.flatnonzero(forest.feature_importances_ > 0.0)
    for column in used:  # what no tree asks for loses nothing
        shuffled = np.tile(both[held], (settings.repeats, 1, 1))
        shuffled[:, :, column] = rng.permuted(shuffled[:, :, column], axis=1)
        told = forest.predict(shuffled.reshape(-1, both.shape[1])).reshape(settings.repeats, n_held)
        lost[column] = float(((told - truth) ** 2).sum(axis=1).mean() - error) / scale
    return lost, 1.0 - error / scale


def _tree_effects(tree: Any) -> FloatArray | None:
    """Share of the tree's variance by each input alone, float64[D]; None of a tree that is constant."""
    low, high, value = _leaves(tree)
    width = high - low
    volume = width.prod(axis=1)
    mean = float(value @ volume)
    variance = float(volume @ (value - mean) ** 2)
    if variance <= 0.0:
        return None
    effects = np.zeros(low.shape[1])
    for column in np.flatnonzero(width.min(axis=0) < 1.0):
        edges, at = np.unique(np.concatenate([low[:, column], high[:, column]]), return_inverse=True)
        height = value * volume / width[:, column]
        steps = np.bincount(at, np.concatenate([height, -height]), minlength=len(edges))
        effects[column] = np.diff(edges) @ (np.cumsum(steps)[:-1] - mean) ** 2
    return effects / variance


def _leaves(tree: Any) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Boxes of the leaves in the unit cube, low and high float64[L, D], and their values [L]; level by level."""
    left, right = tree.children_left, tree.children_right
    feature, threshold = tree.feature, tree.threshold
    n, d = tree.node_count, tree.n_features
    low, high = np.zeros((n, d)), np.ones((n, d))
    level = np.array([0])
    while len(level):
        level = level[left[level] >= 0]
        first, second, cut = left[level], right[level], feature[level]
        low[first], high[first] = low[level], high[level]
        low[second], high[second] = low[level], high[level]
        high[first, cut] = low[second, cut] = threshold[level]
        level = np.concatenate([first, second])
    leaf = left < 0
    return low[leaf], high[leaf], tree.value[leaf, 0, 0]
