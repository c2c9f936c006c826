"""A policy from stored artifacts: it learns in the calibration span, and is judged on the test span, but its vault."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fxgpt_core.errors import RefusedError
from fxgpt_pipelines.policy_market import CALIBRATION, TEST, Market, Sources, market
from fxgpt_pipelines.training import snapshot_name

if TYPE_CHECKING:
    from fxgpt_core.portfolio.policy import PlainPolicy
    from fxgpt_core.registry.artifact import Artifact
    from fxgpt_core.registry.lake import Making
    from fxgpt_core.rl.training import LearningProgress

FEWEST_ENTRIES = 20


def trained(
    making: "Making", sources: Sources, config: Mapping[str, Any], tell: Callable[[str], None], folder: Path
) -> "Artifact":
    """Train a policy, judge it before the vault and store it. Raises `RefusedError` when there is nothing to weigh."""
    from fxgpt_core.portfolio.policy_file import policy_bytes
    from fxgpt_core.portfolio.policy_parameters import PolicyParameters
    from fxgpt_core.rl.environment import PolicyEnvironment
    from fxgpt_core.rl.training import Watched, train_policy
    from fxgpt_core.training.snapshots import Snapshots

    began = time.monotonic()
    names = [field.name for field in fields(PolicyParameters) if field.name in config]
    parameters = PolicyParameters(**{name: config[name] for name in names})
    learning, test = market(sources, CALIBRATION), market(sources, TEST, config["vault_share"])
    _require_entries(learning, len(sources))
    environment = PolicyEnvironment(learning.accounts, learning.states, learning.rows)
    snapshots = Snapshots(folder / f"policy_{snapshot_name(making)}")
    days = learning.rows.stop - learning.rows.first
    tell(f"training on {learning.entries} wishes of {days} days; to stop it: touch {snapshots.stop_file}")
    watched = Watched(lambda progress: tell(_told(progress)), tell, snapshots)
    found = train_policy(environment, parameters, config["timesteps"], seed=config["seed"], watched=watched)
    summary = {
        "symbols": list(found.policy.symbols),
        "days_lived": found.days,
        "days_trained_on": days,
        "learned_until_us": learning.learned_until_us,
        "days_tested": test.played.stop - test.played.first - 1,
        "days_in_vault": test.rows.stop - test.played.stop,
        "entries_trained_on": learning.entries,
        "entries_tested": test.entries,
        "curve": [[point.days, point.reward] for point in found.curve],
        "parameters": asdict(parameters),
        **_judged(found.policy, learning, test),
        "seconds": time.monotonic() - began,
    }
    data = policy_bytes(found.policy, parameters, {"seed": config["seed"], "days_lived": found.days})
    artifact = making.write_bytes(data, "safetensors", summary)
    snapshots.remove()
    return artifact


def _judged(policy: "PlainPolicy", learning: Market, test: Market) -> dict[str, Any]:
    """What the policy, equal weights and the best static weights of the training days earn on the unseen days before the vault.

    Its weights are told of all unseen days: they are what it wants, and not what came of it.
    """
    from fxgpt_core.portfolio.policy import policy_weights
    from fxgpt_core.rl.judgement import best_static, equal_weights, held, judged

    universe, rows, played = test.accounts.universe, test.rows, test.played
    weights = policy_weights(policy, test.states, universe.day)[rows.first : rows.stop - 1]
    static = best_static(learning.accounts, learning.rows)
    equities = {
        "policy": test.accounts.day_equity(weights[: played.stop - 1 - played.first], played.first),
        "best static": held(test.accounts, static, played),
        "equal": held(test.accounts, equal_weights(len(universe.names)), played),
    }
    return {
        "judged": [asdict(judged(name, equity)) for name, equity in equities.items()],
        "best_static": static.tolist(),
        "test_days": universe.day[rows.first : rows.stop - 1].tolist(),
        "test_weights": weights.tolist(),
    }


def _require_entries(learning: Market, n_symbols: int) -> None:
    if learning.entries < FEWEST_ENTRIES:
        raise RefusedError(
            f"the decisions of the calibration span wish to enter {learning.entries} times on {n_symbols} symbols, "
            f"{FEWEST_ENTRIES} are needed for weights to mean anything; give more candles or symbols, or a larger "
            "calibration_share to diffusion_model"
        )


def _told(progress: "LearningProgress") -> str:
    point = progress.point
    return (
        f"day {point.days} of {progress.n_days}  mean reward {point.reward:+.4f} % a day  "
        f"about {progress.seconds_left:.0f} s left"
    )
