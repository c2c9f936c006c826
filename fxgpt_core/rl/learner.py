"""PPO of stable-baselines3 with two learning rates, one of the actor's weights and one of the critic's."""

from typing import Any, Final

import torch
from sb3_contrib import RecurrentPPO
from stable_baselines3 import PPO
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import DummyVecEnv

from fxgpt_core.portfolio.policy_parameters import PolicyParameters
from fxgpt_core.rl.environment import PolicyEnvironment

ROLLOUT: Final = 256
"""Days of a rollout, rounded up to whole mini batches."""
ADAM_EPSILON: Final = 1e-5
CRITIC: Final = ("mlp_extractor.value_net.", "value_net.", "lstm_critic.")


class TwoRatePpo(PPO):
    """PPO whose optimizer keeps the rates it was given."""

    def _update_learning_rate(self, optimizers: Any) -> None:
        """Nothing: the schedule of stable-baselines3 knows one rate, and would lay it on both groups."""


class TwoRateRecurrentPpo(RecurrentPPO):
    """PPO with an LSTM each for actor and critic, whose optimizer keeps the rates it was given."""

    def _update_learning_rate(self, optimizers: Any) -> None:
        """Nothing, as in `TwoRatePpo`."""


Learner = TwoRatePpo | TwoRateRecurrentPpo


def rollout_days(parameters: PolicyParameters) -> int:
    """Days between two updates: whole mini batches, so that none is cut short."""
    return -(-ROLLOUT // parameters.mini_batch_size) * parameters.mini_batch_size


def learner(environment: PolicyEnvironment, parameters: PolicyParameters, seed: int) -> Learner:
    """An untrained actor and critic with their optimizer, on the processor; the same seed gives the same weights."""
    kind = TwoRateRecurrentPpo if parameters.use_lstm else TwoRatePpo
    memory = {"lstm_hidden_size": int(parameters.lstm_hidden_size)} if parameters.use_lstm else {}
    made: Learner = kind(
        "MlpLstmPolicy" if parameters.use_lstm else "MlpPolicy",
        DummyVecEnv([lambda: environment]),
        n_steps=rollout_days(parameters),
        batch_size=int(parameters.mini_batch_size),
        n_epochs=int(parameters.ppo_epochs),
        gamma=parameters.gamma,
        gae_lambda=parameters.gae_lambda,
        clip_range=parameters.clip_epsilon,
        ent_coef=parameters.entropy_coef,
        vf_coef=parameters.value_coef,
        max_grad_norm=parameters.max_grad_norm,
        policy_kwargs={"net_arch": {"pi": parameters.actor_widths, "vf": parameters.critic_widths}, **memory},
        seed=seed,
        device="cpu",
    )
    made.set_logger(Logger(folder=None, output_formats=[]))
    made.policy.optimizer = torch.optim.Adam(_groups(made, parameters), eps=ADAM_EPSILON)
    return made


def _groups(made: Learner, parameters: PolicyParameters) -> list[dict[str, Any]]:
    """The critic's weights are those under `CRITIC`; all others are the actor's."""
    named = list(made.policy.named_parameters())
    actor = [weight for name, weight in named if not name.startswith(CRITIC)]
    critic = [weight for name, weight in named if name.startswith(CRITIC)]
    return [{"params": actor, "lr": parameters.actor_lr}, {"params": critic, "lr": parameters.critic_lr}]
