"""Every engine, by one contract: pure, canonical, feasible first; and each by what it alone promises."""

from dataclasses import replace

import numpy as np
import pytest

from fxgpt_core.errors import BadInputError
from fxgpt_core.optimization.engines.bayesian import BayesianParameters
from fxgpt_core.optimization.engines.engine import Engine, Told
from fxgpt_core.optimization.engines.genetic import GeneticParameters
from fxgpt_core.optimization.engines.hybrid import GRID, GRID_SIZE, HybridParameters, grid
from fxgpt_core.optimization.engines.named import EngineName, EngineParameters, engine
from fxgpt_core.optimization.engines.random_search import RandomParameters
from fxgpt_core.optimization.hypervolume import hypervolume
from fxgpt_core.optimization.objectives import Weights, weighted
from fxgpt_core.optimization.pareto import feasible_front
from fxgpt_core.optimization.space import canonical, decoded, encoded, options, places, searched_definitions, to_unit, trial_seed
from fxgpt_core.strategy.parameters import StrategyParameters

SMALL = EngineParameters(genetic=GeneticParameters(population=12), bayesian=BayesianParameters(startup=6), seeded=6)
START = encoded(StrategyParameters.default())[np.newaxis]
NAMES = list(EngineName)


def judged(genomes: np.ndarray) -> Told:
    """Objectives with a conflict: near one corner of the first six numbers the Sharpe ratio is high, and so is the drawdown."""
    numbers = to_unit(genomes)[:, [index for index, count in enumerate(options()) if count == 0][:6]]
    near = 1.0 - ((numbers - 0.8) ** 2).mean(axis=1)
    far = ((numbers - 0.2) ** 2).mean(axis=1)
    objectives = np.column_stack([4.0 * near - 2.0, 40.0 * far, 0.5 + 2.0 * near, far])
    return Told(genomes, objectives, np.maximum(0.0, numbers[:, 0] - 0.9))


def told(name: EngineName, n: int, seed: int = 3, parameters: EngineParameters = SMALL) -> tuple[Engine, list[tuple[int, Told]]]:
    made = engine(replace(parameters, name=name), START)
    heard: list[tuple[int, Told]] = []
    number = 0
    while number < n:
        batch = judged(made.ask(n - number, trial_seed(seed, number)))
        made.tell(batch, trial_seed(seed, number))
        heard.append((trial_seed(seed, number), batch))
        number += len(batch)
    return made, heard


def budget(name: EngineName) -> int:
    return GRID_SIZE + 36 if name is EngineName.HYBRID else 36


@pytest.mark.parametrize("name", NAMES)
def test_an_engine_proposes_canonical_genomes_within_the_budget_and_none_twice_in_a_batch(name: EngineName) -> None:
    _, heard = told(name, budget(name))
    assert sum(len(batch) for _, batch in heard) == budget(name)
    for _, batch in heard:
        assert np.array_equal(canonical(batch.genomes), batch.genomes)
        assert len({genome.tobytes() for genome in batch.genomes}) == len(batch)
        assert all(decoded(genome) is not None for genome in batch.genomes[:2])


@pytest.mark.parametrize("name", NAMES)
def test_an_engine_that_is_told_a_stored_search_goes_on_as_if_it_had_not_stopped(name: EngineName) -> None:
    whole, heard = told(name, budget(name))
    for cut in (0, 1, len(heard) // 2, len(heard)):
        again = engine(replace(SMALL, name=name), START)
        for seed, batch in heard[:cut]:
            again.tell(batch, seed)
        for seed, batch in heard[cut:]:
            assert np.array_equal(again.ask(len(batch), seed), batch.genomes)
            again.tell(batch, seed)
        assert np.array_equal(again.population, whole.population)


@pytest.mark.parametrize("name", NAMES)
def test_another_seed_proposes_otherwise(name: EngineName) -> None:
    first, second = (told(name, budget(name), seed)[1][-1][1].genomes for seed in (3, 4))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("name", NAMES)
def test_the_population_is_of_what_was_told_and_holds_the_feasible_first(name: EngineName) -> None:
    made, heard = told(name, budget(name))
    everything = judged(np.concatenate([batch.genomes for _, batch in heard]))
    population = made.population
    assert np.array_equal(population, np.unique(population))
    assert population.max() < len(everything)
    refined = everything.rows(slice(GRID_SIZE, None)) if name is EngineName.HYBRID else everything
    if (refined.violation == 0.0).sum() >= 12 and name not in (EngineName.TPE, EngineName.TPE_WEIGHTED):
        assert (everything.violation[population] == 0.0).all()


@pytest.mark.parametrize("name", [name for name in NAMES if name is not EngineName.HYBRID])
def test_the_first_proposal_is_where_the_search_begins(name: EngineName) -> None:
    assert np.array_equal(engine(replace(SMALL, name=name), START).ask(5, 1)[:1], START)


@pytest.mark.parametrize("name", [EngineName.NSGA2, EngineName.TPE])
def test_what_learns_beats_what_draws(name: EngineName) -> None:
    n = 60 if name is EngineName.TPE else 480
    better = 0
    for seed in (1, 2, 3):
        volumes = []
        for each in (name, EngineName.RANDOM):
            _, heard = told(each, n, seed)
            found = judged(np.concatenate([batch.genomes for _, batch in heard]))
            volumes.append(hypervolume(found.objectives[found.violation == 0.0]))
        better += volumes[0] > volumes[1]
    assert better == 3


def test_the_weighted_engine_goes_where_the_weights_say() -> None:
    sharpe_only = replace(SMALL, weights=Weights(1.0, 0.0, 0.0, 0.0))
    _, heard = told(EngineName.TPE_WEIGHTED, 50, 1, sharpe_only)
    found = judged(np.concatenate([batch.genomes for _, batch in heard]))
    values = weighted(found.objectives, sharpe_only.weights)
    assert values[30:].mean() > values[1:15].mean()


def test_survivors_are_not_beaten_by_what_was_dropped() -> None:
    made, heard = told(EngineName.NSGA2, 120)
    everything = judged(np.concatenate([batch.genomes for _, batch in heard]))
    front = feasible_front(everything.objectives, everything.violation)
    if len(front) <= 12:
        assert set(front) <= set(made.population.tolist())
    assert len(made.population) == 12


@pytest.mark.parametrize(
    "change",
    [{"population": 8}, {"crossover": 0.2}, {"mutation": 0.5}, {"crossover_index": 2.0}, {"mutation_index": 2.0}],
    ids=lambda change: next(iter(change)),
)
def test_every_setting_of_the_genetic_engine_changes_what_is_proposed(change: dict) -> None:
    usual = told(EngineName.NSGA2, 36)[1]
    other = told(EngineName.NSGA2, 36, parameters=replace(SMALL, genetic=replace(SMALL.genetic, **change)))[1]
    assert not np.array_equal(other[-1][1].genomes[-8:], usual[-1][1].genomes[-8:])


@pytest.mark.parametrize("change", [{"startup": 20}, {"candidates": 200}], ids=lambda change: next(iter(change)))
def test_every_setting_of_the_bayesian_engine_changes_what_is_proposed(change: dict) -> None:
    usual = told(EngineName.TPE, 14)[1]
    other = told(EngineName.TPE, 14, parameters=replace(SMALL, bayesian=replace(SMALL.bayesian, **change)))[1]
    assert any(not np.array_equal(one.genomes, two.genomes) for (_, one), (_, two) in zip(usual, other, strict=True))


def test_the_grid_is_every_combination_of_its_values_and_leaves_the_rest() -> None:
    found = places(grid(START[0]))
    names = [each.name for each in searched_definitions()]
    columns = [names.index(name) for name in GRID]
    assert len(found) == GRID_SIZE == 500 == len({row.tobytes() for row in found[:, columns]})
    assert [len(np.unique(found[:, column])) for column in columns] == list(GRID.values())
    others = np.delete(found, columns, axis=1)
    assert (others == others[0]).all()


def test_the_hybrid_looks_cheaply_first_and_then_begins_with_the_best_of_the_grid() -> None:
    made, heard = told(EngineName.HYBRID, GRID_SIZE)
    assert not made.screening
    assert len(made.population) == 0
    screened = judged(np.concatenate([batch.genomes for _, batch in heard]))
    first = made.ask(12, 1)
    known = {genome.tobytes() for genome in screened.genomes}
    assert sum(genome.tobytes() in known for genome in first[:7]) >= 6
    seeds = judged(first[1:7])
    assert weighted(seeds.objectives, Weights()).mean() > weighted(screened.objectives, Weights()).mean()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: GeneticParameters(population=3),
        lambda: GeneticParameters(mutation=1.5),
        lambda: BayesianParameters(startup=0),
        lambda: RandomParameters(batch=0),
        lambda: HybridParameters(seeded=60),
        lambda: EngineParameters(EngineName.HYBRID, GeneticParameters(population=8)),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong) -> None:
    with pytest.raises(BadInputError, match="found"):
        wrong()
