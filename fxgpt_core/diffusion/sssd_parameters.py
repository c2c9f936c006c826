"""The sampler in the names of the strategy: the seven `sssd_*` parameters that say how paths are drawn."""

from dataclasses import dataclass
from typing import Final

from fxgpt_core.diffusion.noise_schedule import SCHEDULES
from fxgpt_core.diffusion.sampling_parameters import SamplingParameters
from fxgpt_core.errors import ParameterError

RANGES: Final = {
    "diffusion_steps": (10, 100),
    "guidance_scale": (0.0, 2.0),
    "temperature": (0.5, 1.5),
    "min_samples": (100, 500),
}
"""The least and the greatest value of each number, as the strategy's definitions have them."""
CHOICES: Final = {"noise_schedule": SCHEDULES, "sampling_method": ("ddpm", "ddim")}


@dataclass(frozen=True)
class SssdParameters:
    """The seven, without the prefix `sssd_`; their meaning is that of `SamplingParameters`. Raises `ParameterError`.

    `min_samples` paths are drawn of each member of the model, and one more where that is odd: paths come in mirrored pairs.
    """

    diffusion_steps: int = 50
    noise_schedule: str = "linear"
    sampling_method: str = "ddpm"
    guidance_scale: float = 1.0
    temperature: float = 1.0
    min_samples: int = 200
    use_ensemble: bool = True

    def __post_init__(self) -> None:
        for name, (low, high) in RANGES.items():
            if not low <= getattr(self, name) <= high:
                raise ParameterError(f"{name} is {getattr(self, name)!r}; from {low} to {high} is allowed; choose such a value")
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise ParameterError(f"{name} is {getattr(self, name)!r}; choose one of {', '.join(choices)}")


def sampling_of(parameters: SssdParameters) -> SamplingParameters:
    """The sampler that these parameters name."""
    return SamplingParameters(
        n_paths=parameters.min_samples + parameters.min_samples % 2,
        n_steps=parameters.diffusion_steps,
        sampler=parameters.sampling_method,
        schedule=parameters.noise_schedule,
        guidance=parameters.guidance_scale,
        temperature=parameters.temperature,
        ensemble=parameters.use_ensemble,
    )


def sssd_of(sampling: SamplingParameters, model_schedule: str) -> SssdParameters | None:
    """The parameters that name this sampler of a model trained along `model_schedule`, or None where none do.

    None do for euler and heun, ddim with noise, and numbers outside the parameters' ranges.
    """
    if sampling.eta > 0.0:
        return None
    try:
        return SssdParameters(
            diffusion_steps=sampling.n_steps,
            noise_schedule=sampling.schedule or model_schedule,
            sampling_method=sampling.sampler,
            guidance_scale=sampling.guidance,
            temperature=sampling.temperature,
            min_samples=sampling.n_paths,
            use_ensemble=sampling.ensemble,
        )
    except ParameterError:
        return None
