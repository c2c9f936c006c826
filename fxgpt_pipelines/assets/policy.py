"""The policy of portfolio weights: learned in the calibration span, judged on the test span beside weights that never change."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from fxgpt_pipelines.assets.calibration import calibration_quantiles
from fxgpt_pipelines.assets.context import context_series
from fxgpt_pipelines.checks import policy as checks
from fxgpt_pipelines.code_versions import code_version
from fxgpt_pipelines.partitions import grid
from fxgpt_pipelines.recording import materialized
from fxgpt_pipelines.resources import LakeResource


class PolicyConfig(dg.Config):
    """`timesteps`: days lived in training; `seed` of weights, episodes and noise; `symbols` of the universe, at most five, by
    default this one and all others whose forecasts are calibrated; `vault_share`: the last of the test span, by which it is not
    judged; and the parameters of PPO, as docs/policy.md tells them.
    """

    timesteps: int = 8_192
    seed: int = 7
    symbols: list[str] | None = None
    vault_share: float = 0.2
    actor_lr: float = 3e-4
    critic_lr: float = 3e-4
    gamma: float = 0.95
    clip_epsilon: float = 0.2
    gae_lambda: float = 0.95
    entropy_coef: float = 0.01
    value_coef: float = 0.5
    max_grad_norm: float = 0.5
    ppo_epochs: int = 5
    mini_batch_size: int = 64
    actor_hidden_layers: str = "[256,128]"
    critic_hidden_layers: str = "[256,128]"
    use_lstm: bool = False
    lstm_hidden_size: int = 128


# Context is read where it was made, and neutral where it was not: a dependency all the same, so that it is made first.
@dg.asset(
    partitions_def=grid,
    group_name="models",
    code_version=code_version("rl_agent"),
    deps=[calibration_quantiles, context_series],
    check_specs=checks.POLICY_CHECKS,
    pool="gpu",
    kinds={"pytorch"},
)
def rl_agent(
    context: dg.AssetExecutionContext, config: PolicyConfig, lake: LakeResource
) -> "Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]":
    """Weights of up to five symbols and cash, chosen at the end of each FX day by an actor that PPO taught in the backtest."""
    from fxgpt_pipelines import policy_market, policy_shown, policy_training

    with lake.making(context, config.model_dump(), seed=config.seed) as making:
        sources = policy_market.sources_of(making, config.symbols)
        reused = making.unchanged()
        snapshots = lake.settings().data_root / "training"
        artifact = reused or policy_training.trained(making, sources, config.model_dump(), context.log.info, snapshots)
    yield materialized(
        artifact, reused=reused is not None, metadata=policy_shown.metadata(context.partition_key, artifact.summary)
    )
    yield from checks.verdicts(artifact.summary)
