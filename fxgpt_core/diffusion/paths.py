"""Sampled paths and their quantiles: P paths, K members, T tokens, D draws of noise, L levels."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch

from fxgpt_core.diffusion.model import DenoisingNetwork
from fxgpt_core.diffusion.sampler import deviation, n_draws, sample
from fxgpt_core.diffusion.sampling_parameters import SamplingParameters
from fxgpt_core.diffusion.shape import NORMAL, Shape
from fxgpt_core.forecasts.forecast import LEVELS, normal_quantiles

FloatArray = npt.NDArray[np.float64]
Noise = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class PathSampler:
    """Draws paths from the members of a model, what they say multiplied by `shrink`, and gives them the `shape` of returns."""

    members: tuple[DenoisingNetwork, ...]
    shrink: float
    schedule: str
    sampling: SamplingParameters
    shape: Shape = NORMAL

    @cached_property
    def used(self) -> tuple[DenoisingNetwork, ...]:
        """Copies of the members that paths are drawn from, as they were when the first was drawn."""
        members = self.members if self.sampling.ensemble else self.members[:1]
        return tuple(member.for_sampling() for member in members)

    @property
    def steps_on(self) -> str:
        """The noise schedule that the sampler's steps follow."""
        return self.sampling.schedule or self.schedule

    @cached_property
    def walk_deviation(self) -> float:
        """Standard deviation of a token of `walks`, which is known."""
        by_sampler = deviation(self.sampling.sampler, self.steps_on, self.sampling.n_steps, self.sampling.eta)
        return self.sampling.temperature * by_sampler

    def noise(self, seed: int, known_at_us: int, n_tokens: int) -> Noise:
        """float32[D,P,T]: the noise of one candle; it depends on the seed and the candle's time alone."""
        draws = n_draws(self.sampling.sampler, self.sampling.n_steps, self.sampling.eta)
        drawn = mirrored_noise(seed, known_at_us, self.sampling.n_paths, draws, n_tokens)
        return drawn * np.float32(self.sampling.temperature)

    def paths(self, context: npt.NDArray[np.float32], noise: Noise) -> FloatArray:
        """float64[K·P,T]: increments in units of each token's standard deviation, from a context float32[L,F] of inputs."""
        # Cloned, because matrix kernels may round by where memory is aligned, and torch aligns its own always alike.
        window = torch.from_numpy(context.T).clone(memory_format=torch.contiguous_format)[None]
        start = torch.from_numpy(noise).clone()
        sampled = [self._sampled(member, member.encoder(window), start) for member in self.used]
        return self.shape.of_normal(torch.cat(sampled).numpy().astype(np.float64))

    def walks(self, noise: Noise) -> FloatArray:
        """float64[P,T]: what the same noise becomes when the network says nothing, which is a random walk."""
        start = torch.from_numpy(noise)
        parameters = self.sampling
        walked = sample(
            parameters.sampler, lambda x, _: torch.zeros_like(x), start, self.steps_on, parameters.n_steps, parameters.eta
        )
        return walked.numpy().astype(np.float64)

    def quantiles(self, context: npt.NDArray[np.float32], noise: Noise, ahead: FloatArray) -> FloatArray:
        """float64[T,L]: quantiles at `LEVELS` of the cumulative log-return; `ahead` float64[T] is each token's deviation."""
        scale = self.walk_deviation * np.sqrt(np.cumsum(ahead**2))
        return path_quantiles(self.paths(context, noise) * ahead, self.walks(noise) * ahead, scale)

    def _sampled(self, member: DenoisingNetwork, embedding: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        guidance, shrink = self.sampling.guidance, self.shrink

        def velocity(x: torch.Tensor, angle: torch.Tensor) -> torch.Tensor:
            said: torch.Tensor = member.denoiser(x, angle, embedding)
            if guidance != 1.0:
                unguided = member.denoiser(x, angle, member.no_context)
                said = unguided + guidance * (said - unguided)
            return shrink * said

        return sample(self.sampling.sampler, velocity, noise, self.steps_on, self.sampling.n_steps, self.sampling.eta)


def path_quantiles(increments: FloatArray, walks: FloatArray, scale: FloatArray) -> FloatArray:
    """float64[T,L]: quantiles at `LEVELS` of the cumulative log-return, from increments float64[K·P,T] of K·P paths.

    `walks` float64[P,T] are the increments of a random walk with the same noise and `scale` float64[T] its known standard
    deviation: a control variate (Hsu & Nelson 1990). What P walks miss of their known quantiles, the paths miss as well, as
    far as they move together; so P paths are worth many more, and an untrained network is the random walk exactly.
    """
    paths = np.cumsum(increments, axis=1)
    control = np.tile(np.cumsum(walks, axis=1), (len(increments) // len(walks), 1))
    moved = ((paths - paths.mean(axis=0)) * control).sum(axis=0) / (control**2).sum(axis=0)
    sampled, walked = np.quantile(np.stack([paths, control]), LEVELS, axis=1).transpose(1, 2, 0)
    missed = normal_quantiles(scale) - walked
    return np.sort(sampled + np.maximum(moved, 0.0)[:, None] * missed, axis=1)


def mirrored_noise(seed: int, known_at_us: int, n_paths: int, draws: int, n_tokens: int) -> Noise:
    """float32[D,P,T]: standard normal noise of one candle, the second half of the paths the mirror image of the first.

    It depends on the seed and the candle's time alone.
    """
    generator = np.random.Generator(np.random.Philox(key=[seed, known_at_us]))
    half = generator.standard_normal((draws, n_paths // 2, n_tokens)).astype(np.float32)
    return np.concatenate([half, -half], axis=1)
