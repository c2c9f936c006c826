"""Sampled paths and their quantiles: P paths, K members, T tokens, D draws of noise, L levels."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch

from fxgpt_core.diffusion.independent_sums import IndependentSums
from fxgpt_core.diffusion.model import DenoisingNetwork, DiffusionModel
from fxgpt_core.diffusion.sampler import VARIANCE_KEEPING, deviation, n_draws, sample
from fxgpt_core.diffusion.sampling_parameters import SamplingParameters
from fxgpt_core.diffusion.shape import NORMAL, Shape
from fxgpt_core.forecasts.forecast import normal_quantiles, sample_quantiles
from fxgpt_core.forecasts.horizons import horizon_parts
from fxgpt_core.market.timeframes import timeframe

FloatArray = npt.NDArray[np.float64]
Noise = npt.NDArray[np.float32]
Share = FloatArray | float


@dataclass(frozen=True, eq=False)
class PathSampler:
    """Draws paths from the members of a model and gives them the `shape` of returns.

    How far the sum up to each token is believed, float64[T] in [0, 1]. `shrink`: 0 is the random walk of the same noise, ½ that
    walk with regression and shape, 1 the symmetric part of what the networks say. `lean`: of the other part, drift and skew.
    """

    members: tuple[DenoisingNetwork, ...]
    shrink: FloatArray
    lean: FloatArray
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
    def independent(self) -> IndependentSums:
        """What `walks` are in the shape of returns: tokens of a deviation that is known."""
        by_sampler = deviation(self.sampling.sampler, self.steps_on, self.sampling.n_steps, self.sampling.eta)
        return IndependentSums(self.shape, self.sampling.temperature * by_sampler)

    def noise(self, seed: int, known_at_us: int, n_tokens: int) -> Noise:
        """float32[D,P,T]: the noise of one candle; it depends on the seed and the candle's time alone."""
        draws = n_draws(self.sampling.sampler, self.sampling.n_steps, self.sampling.eta)
        drawn = mirrored_noise(seed, known_at_us, self.sampling.n_paths, draws, n_tokens)
        return drawn * np.float32(self.sampling.temperature)

    def paths(self, context: npt.NDArray[np.float32], noise: Noise) -> FloatArray:
        """float64[K·P,T]: increments in units of each token's standard deviation, from a context float32[L,F] of inputs."""
        return self.shape.of_normal(self._normal_paths(context, noise))

    def walks(self, noise: Noise) -> FloatArray:
        """float64[P,T]: what the same noise becomes when the network says nothing, which is a random walk."""
        parameters = self.sampling
        start = torch.from_numpy(noise)
        walked = start[0]
        if parameters.sampler not in VARIANCE_KEEPING:
            walked = sample(
                parameters.sampler, lambda x, _: torch.zeros_like(x), start, self.steps_on, parameters.n_steps, parameters.eta
            )
        return walked.numpy().astype(np.float64)

    def sums(self, context: npt.NDArray[np.float32], noise: Noise, ahead: FloatArray, walk: FloatArray) -> FloatArray:
        """float64[K·P,T]: cumulative log-returns, as far as they are believed.

        Each token has the deviation `ahead` float64[T] in the paths, and `walk` float64[T] in the random walk.
        """
        return self.unbelieved(context, noise, ahead, walk).believed(self.shrink, self.lean)

    def unbelieved(self, context: npt.NDArray[np.float32], noise: Noise, ahead: FloatArray, walk: FloatArray) -> "Sums":
        """What `sums` are made of."""
        walks = self.walks(noise)
        shaped = self.shape.of_normal(np.concatenate([walks, self._normal_paths(context, noise)]))
        return Sums(
            walks=np.cumsum(walks * walk, axis=1),
            regressed=np.cumsum(shaped[: len(walks)] * ahead, axis=1),
            said=np.cumsum(shaped[len(walks) :] * ahead, axis=1),
            of_walks=normal_quantiles(self.independent.deviation * np.sqrt(np.cumsum(walk**2))),
            of_regressed=self.independent.quantiles(ahead),
        )

    def quantiles(self, context: npt.NDArray[np.float32], noise: Noise, ahead: FloatArray, walk: FloatArray) -> FloatArray:
        """float64[T,L]: quantiles at `LEVELS` of `sums`."""
        return self.unbelieved(context, noise, ahead, walk).quantiles(self.shrink, self.lean)

    def scale(self, ahead: FloatArray, walk: FloatArray) -> FloatArray:
        """float64[T]: about how far `sums` spread, whatever the networks say: a unit for what they say."""
        own, plain = (np.sqrt(np.cumsum(each**2)) for each in (ahead, walk))
        return towards(own, plain, self.shrink)

    def _normal_paths(self, context: npt.NDArray[np.float32], noise: Noise) -> FloatArray:
        """float64[K·P,T]: `paths` before they have the shape of returns."""
        # Cloned, because matrix kernels may round by where memory is aligned, and torch aligns its own always alike.
        window = torch.from_numpy(context).clone(memory_format=torch.contiguous_format)[None]
        start = torch.from_numpy(noise).clone()
        sampled = [self._sampled(member, member.encoder(window), start) for member in self.used]
        return torch.cat(sampled).numpy().astype(np.float64)

    def _sampled(self, member: DenoisingNetwork, embedding: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        guidance = self.sampling.guidance

        def velocity(x: torch.Tensor, angle: torch.Tensor) -> torch.Tensor:
            said: torch.Tensor = member.denoiser(x, angle, embedding)
            if guidance != 1.0:
                unguided = member.denoiser(x, angle, member.no_context)
                said = unguided + guidance * (said - unguided)
            return said

        return sample(self.sampling.sampler, velocity, noise, self.steps_on, self.sampling.n_steps, self.sampling.eta)


def sampler_of(model: DiffusionModel, sampling: SamplingParameters) -> PathSampler:
    """What draws the paths of a model."""
    shrink, lean = np.empty((2, model.parameters.n_tokens))
    for horizon, (tokens, _) in horizon_parts(timeframe(model.timeframe)).items():
        shrink[tokens], lean[tokens] = model.shrink[horizon], model.lean[horizon]
    return PathSampler(model.members, shrink, lean, model.schedule, sampling, model.shape)


@dataclass(frozen=True, eq=False)
class Sums:
    """Cumulative log-returns of the same noise: of random `walks` float64[…,P,T], of those with regression and shape, `regressed`
    float64[…,P,T], and of the paths of K networks, `said` float64[…,K·P,T]. The second half of P has the mirrored noise of the
    first. Of the former two the quantiles at `LEVELS` are known without drawing: `of_walks` and `of_regressed` float64[…,T,L].
    """

    walks: FloatArray
    regressed: FloatArray
    said: FloatArray
    of_walks: FloatArray
    of_regressed: FloatArray

    def believed(self, shrink: Share, lean: Share) -> FloatArray:
        """float64[…,K·P,T]: what is left of all, as `PathSampler` tells it.

        Half the sum of two paths of mirrored noise is what does not turn with the noise: drift and skew.
        """
        n_paths = self.walks.shape[-2]
        by_member = self.said.reshape(*self.said.shape[:-2], -1, *self.walks.shape[-2:])
        leaning = (self.said + np.roll(by_member, n_paths // 2, axis=-2).reshape(self.said.shape)) / 2.0
        walks, regressed = (_for_each(each, self.said) for each in (self.walks, self.regressed))
        far = np.maximum(2.0 * shrink - 1.0, 0.0)
        symmetric: FloatArray = towards(regressed, walks, shrink) + far * (self.said - leaning - regressed)
        return symmetric + lean * leaning

    def quantiles(self, shrink: Share, lean: Share) -> FloatArray:
        """float64[…,T,L]: quantiles at `LEVELS` of `believed`; drawn is only what the networks add."""
        control = towards(self.regressed, self.walks, shrink)
        known = towards(self.of_regressed, self.of_walks, np.expand_dims(shrink, -1))
        return controlled_quantiles(self.believed(shrink, lean), control, known)


def towards(regressed: FloatArray, walk: FloatArray, shrink: Share) -> FloatArray:
    """What is between the random walk, at a `shrink` of 0, and the walk with regression and shape, from ½ on."""
    between: FloatArray = walk + np.minimum(2.0 * shrink, 1.0) * (regressed - walk)
    return between


def _for_each(walks: FloatArray, said: FloatArray) -> FloatArray:
    """float64[…,K·P,T]: walks float64[…,P,T] as often as there are members."""
    return np.concatenate([walks] * (said.shape[-2] // walks.shape[-2]), axis=-2)


def controlled_quantiles(sums: FloatArray, control: FloatArray, known: FloatArray) -> FloatArray:
    """float64[…,T,L]: quantiles at `LEVELS` of the cumulative log-returns float64[…,K·P,T] of K·P paths.

    `control` float64[…,P,T] are others of the same noise, whose quantiles are `known` float64[…,T,L]: a control variate (Hsu &
    Nelson 1990). What P of these miss of their known quantiles, the paths miss as well, as far as they move together; so P
    paths are worth many more, and an untrained network is the random walk exactly.
    """
    control = _for_each(control, sums)
    moved = ((sums - sums.mean(axis=-2, keepdims=True)) * control).sum(axis=-2) / (control**2).sum(axis=-2)
    sampled, of_control = sample_quantiles(np.stack([sums, control]).swapaxes(-1, -2))
    return np.sort(sampled + np.maximum(moved, 0.0)[..., None] * (known - of_control), axis=-1)


def mirrored_noise(seed: int, known_at_us: int, n_paths: int, draws: int, n_tokens: int) -> Noise:
    """float32[D,P,T]: standard normal noise of one candle, the second half of the paths the mirror image of the first.

    It depends on the seed and the candle's time alone.
    """
    generator = np.random.Generator(np.random.Philox(key=[seed, known_at_us]))
    half = generator.standard_normal((draws, n_paths // 2, n_tokens)).astype(np.float32)
    return np.concatenate([half, -half], axis=1)
