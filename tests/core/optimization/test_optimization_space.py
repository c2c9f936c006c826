"""The search space and its sampler."""

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from fxgpt_core.optimization.objectives import Objectives
from fxgpt_core.optimization.space import EvaluatedTrial, SamplerParameters, distributions, propose, trial_seed
from fxgpt_core.strategy.constraints import broken_constraints
from fxgpt_core.strategy.parameters import StrategyParameters, searched_definitions

SAMPLER = SamplerParameters(n_startup_trials=4)


def walked(n: int, seed: int = 5) -> list[EvaluatedTrial]:
    trials: list[EvaluatedTrial] = []
    for number in range(n):
        values = propose(trials, SAMPLER, trial_seed(seed, number)).to_json()
        score = -abs(float(values["risk_atr_multiplier"]) - 2.5)
        trials.append(EvaluatedTrial(values, Objectives(score, -score, 1.0 + score, -score)))
    return trials


def test_every_parameter_that_no_asset_was_made_with_is_searched_over_its_whole_range() -> None:
    space = distributions()
    live = {definition.name: definition for definition in searched_definitions()}
    assert list(space) == list(live)
    assert len(space) == 69
    for name, distribution in space.items():
        if isinstance(distribution, FloatDistribution | IntDistribution):
            assert (distribution.low, distribution.high) == (live[name].low, live[name].high)
        else:
            assert isinstance(distribution, CategoricalDistribution)
    assert space["sizing_method"].choices == ("fixed_fraction", "kelly", "optimal_f", "volatility_adjusted")


def test_a_proposal_has_the_values_that_assets_were_made_with() -> None:
    fitted = {"rl_gamma": 0.97, "sssd_temperature": 1.2}
    for trials in ([], walked(6)):
        values = propose(trials, SAMPLER, 3, fitted).to_json()
        assert {name: values[name] for name in fitted} == fitted


def test_every_proposal_keeps_the_constraints_and_leaves_what_assets_were_made_with_alone() -> None:
    default = StrategyParameters.default().to_json()
    for trial in walked(30):
        assert broken_constraints(trial.parameters) == ()
        assert {name for name, value in trial.parameters.items() if value != default[name]} <= set(distributions())


def test_the_first_proposal_is_the_default_set() -> None:
    assert propose([], SAMPLER, 1) == StrategyParameters.default()


def test_a_proposal_depends_on_the_trials_and_the_seed_only() -> None:
    trials = walked(12)
    assert propose(trials, SAMPLER, 99) == propose(list(trials), SAMPLER, 99)
    assert propose(trials, SAMPLER, 99) != propose(trials, SAMPLER, 100)
    assert propose(trials, SAMPLER, 99) != propose(trials[:6], SAMPLER, 99)


def test_the_start_up_and_the_number_of_candidates_change_what_is_proposed() -> None:
    trials = walked(12)
    learnt = propose(trials, SAMPLER, 99)
    assert propose(trials, SamplerParameters(n_startup_trials=40), 99) != learnt
    assert propose(trials, SamplerParameters(n_startup_trials=4, n_candidates=200), 99) != learnt


def test_the_sampler_learns_where_the_good_trials_are() -> None:
    values = [float(trial.parameters["risk_atr_multiplier"]) for trial in walked(45)]
    near = [abs(value - 2.5) < 0.3 for value in values]
    assert sum(near[25:]) >= 12  # a random draw is near 0.3 of the time: 6 of these 20


def test_seeds_of_trials_differ_between_trials_and_runs() -> None:
    seeds = {trial_seed(run, number) for run in range(20) for number in range(200)}
    assert len(seeds) == 4000
    assert min(seeds) >= 0
    assert max(seeds) < 2**32
