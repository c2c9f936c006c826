"""How many ideas a search tried: clusters of its trials, against scikit-learn and planted ones."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score, silhouette_score

from fxgpt_core.errors import BadInputError
from fxgpt_core.performance.clusters import MOST_TRIALS, trial_clusters


def of_ideas(n_ideas, n_trials, correlation, days=250, seed=1):
    """Trials that share the returns of their idea; independent ones for a correlation of 0."""
    rng, idea = np.random.default_rng(seed), np.arange(n_trials) % n_ideas
    shared, own = rng.standard_normal((days, n_ideas)), rng.standard_normal((days, n_trials))
    return np.sqrt(correlation) * shared[:, idea] + np.sqrt(1.0 - correlation) * own, idea


@pytest.mark.parametrize("n_ideas", [2, 3, 10])
@pytest.mark.parametrize("correlation", [0.5, 0.9])
def test_planted_ideas_are_found_whatever_their_order_and_scale(n_ideas, correlation):
    returns, idea = of_ideas(n_ideas, 60, correlation)
    found = trial_clusters(returns)
    assert found.n == n_ideas
    assert adjusted_rand_score(idea, found.labels) == 1.0
    assert found.silhouette > {0.5: 0.2, 0.9: 0.6}[correlation]
    order = np.random.default_rng(2).permutation(60)
    other = trial_clusters(returns[:, order] * np.linspace(0.001, 3.0, 60) + 0.01)
    assert adjusted_rand_score(idea[order], other.labels) == 1.0


def test_the_silhouette_is_scikit_learns():
    returns, _ = of_ideas(7, 40, 0.4, days=90)
    found = trial_clusters(returns)
    distance = np.sqrt(np.clip(1.0 - np.corrcoef(returns.T), 0.0, None) / 2.0)
    np.fill_diagonal(distance, 0.0)
    assert found.silhouette == pytest.approx(silhouette_score(distance, found.labels, metric="precomputed"), abs=1e-12)


def test_the_partition_is_the_best_one_of_its_tree_by_scikit_learns_silhouettes():
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform
    from sklearn.metrics import silhouette_samples

    returns, _ = of_ideas(4, 24, 0.6, days=120, seed=5)
    distance = np.sqrt(np.clip(1.0 - np.corrcoef(returns.T), 0.0, None) / 2.0)
    np.fill_diagonal(distance, 0.0)
    tree = linkage(squareform(distance, checks=False), "average")
    widths = [silhouette_samples(distance, fcluster(tree, k, "maxclust"), metric="precomputed") for k in range(2, 24)]
    assert trial_clusters(returns).n == 2 + int(np.argmax([each.mean() / each.std() for each in widths])) == 4


def test_independent_trials_are_many_and_one_idea_is_not():
    independent, one = trial_clusters(of_ideas(1, 100, 0.0)[0]), trial_clusters(of_ideas(1, 100, 0.8)[0])
    assert independent.n > 40
    assert one.n == 2


def test_copies_are_one_idea_and_what_never_traded_counts_each_time():
    returns, _ = of_ideas(3, 3, 0.0)
    copies = np.repeat(returns, 5, axis=1)
    assert trial_clusters(copies).n == 3
    assert trial_clusters(copies).silhouette == pytest.approx(1.0)
    idle = np.concatenate([copies, np.zeros((250, 4))], axis=1)
    assert trial_clusters(idle).n == 7
    assert len(set(trial_clusters(idle).labels[-4:])) == 4
    assert trial_clusters(np.zeros((30, 1))).n == trial_clusters(returns[:, :1]).n == 1


def test_of_very_many_trials_some_are_taken_evenly():
    returns, _ = of_ideas(5, 3 * MOST_TRIALS, 0.9, days=60)
    found = trial_clusters(returns)
    assert (len(found.labels), found.n) == (MOST_TRIALS, 5)


@pytest.mark.parametrize("returns", [np.zeros((1, 3)), np.zeros((5, 0)), np.full((5, 2), np.nan)])
def test_what_cannot_be_clustered_is_refused(returns):
    with pytest.raises(BadInputError, match="give those of every trial"):
        trial_clusters(returns)
