"""Small windows and trainings for the tests of the training room."""

from dataclasses import replace
from functools import cache

import torch

from fxgpt_core.diffusion.model import DenoisingNetwork, untrained
from fxgpt_core.networks.network_parameters import NetworkParameters
from fxgpt_core.training.loop import Fitted, fit_in
from fxgpt_core.training.plan import TrainPlan
from fxgpt_core.training.state import LossPoint
from fxgpt_core.training.surroundings import Surroundings
from fxgpt_core.training.training_parameters import TrainingParameters, preset
from fxgpt_core.training.windows import Windows

SIZES = NetworkParameters(n_inputs=4, n_tokens=8, context=12, width=8, embedding=16, dropout=0.2)
QUICK = replace(preset("tiny"), n_steps=8, warm_up_steps=2, batch=16, learning_rate=3e-3, context=12, width=8, embedding=16)
STILL = replace(SIZES, dropout=0.0, context_dropout=0.0)
"""Without dropout: what is left is arithmetic, which must not depend on how a batch is cut."""


@cache
def data(n: int = 240) -> tuple[Windows, Windows]:
    """Windows whose path follows the sign of their latest input, so that there is something to learn."""
    generator = torch.Generator().manual_seed(3)
    inputs = torch.randn(n + 12, SIZES.n_inputs, generator=generator)
    origins = torch.arange(12, n + 12)
    targets = 0.8 * torch.randn(n, SIZES.n_tokens, generator=generator) + 0.6 * inputs[origins, :1].sign()
    whole = Windows(inputs, targets, torch.ones(n, SIZES.n_tokens), origins, context=12, reach=8)
    return whole.divided(0.25)


def fitted(
    surroundings: Surroundings | None = None,
    *,
    parameters: TrainingParameters = QUICK,
    sizes: NetworkParameters = SIZES,
    network: DenoisingNetwork | None = None,
    seed: int = 1,
) -> Fitted:
    """A training of the small windows."""
    surroundings = surroundings or Surroundings(TrainPlan())
    return fit_in(network or untrained(sizes, seed), data(), parameters, seed=seed, surroundings=surroundings)


def weights(network: DenoisingNetwork) -> torch.Tensor:
    """All weights of a network in one row."""
    return torch.cat([weight.detach().flatten() for weight in network.parameters()])


def bytes_of(result: Fitted) -> tuple[bytes, tuple[LossPoint, ...]]:
    """What must be equal bit for bit: the weights, and every loss on the way."""
    return weights(result[0]).numpy().tobytes(), result[1]
