"""How paths are drawn from a trained model: the part of a forecast that a search may vary without training again."""

from dataclasses import asdict, dataclass

from fxgpt_core import content_hash
from fxgpt_core.diffusion.noise_schedule import SCHEDULES
from fxgpt_core.diffusion.sampler import SAMPLERS, deviation
from fxgpt_core.errors import BadInputError

METHOD = "antithetic paths, computed sums of independent tokens as control variate"
NARROW = 0.97
"""Below this deviation a sampler's paths are so narrow that a 95 % band misses one outcome in seventeen and more."""


@dataclass(frozen=True)
class SamplingParameters:
    """`n_paths` (even: each noise and its mirror image) by `n_steps` of a `sampler`; `eta` is for ddim.

    `schedule`: where in the noise the steps lie; empty for the model's own. A network knows every noise level, so any will do.
    `guidance`: 1 is the model as trained, 0 forgets the context, above 1 exaggerates what it says (Ho & Salimans 2022).
    `temperature` multiplies all noise: with an untrained model it multiplies the volatility. `ensemble`: all members of the
    model, or its first alone. Raises `BadInputError` for what cannot be.
    """

    n_paths: int = 64
    n_steps: int = 2
    sampler: str = "euler"
    schedule: str = ""
    eta: float = 0.0
    guidance: float = 1.0
    temperature: float = 1.0
    ensemble: bool = True

    def __post_init__(self) -> None:
        if self.n_paths < 2 or self.n_paths % 2 or self.n_steps < 1:
            raise BadInputError(f"{self} found; paths come in mirrored pairs (even, at least 2) and at least one step is needed")
        if self.sampler not in SAMPLERS:
            raise BadInputError(f"sampler {self.sampler!r} is unknown; known: {', '.join(SAMPLERS)}")
        if self.schedule and self.schedule not in SCHEDULES:
            raise BadInputError(f"noise schedule {self.schedule!r} is unknown; known: {', '.join(SCHEDULES)}, or none")
        if not 0.0 <= self.eta <= 1.0 or (self.eta > 0.0 and self.sampler != "ddim"):
            raise BadInputError(f"eta {self.eta} with {self.sampler} found; it lies in 0 to 1, and above 0 for ddim only")
        if not 0.0 <= self.guidance <= 10.0 or not 0.0 < self.temperature <= 10.0:
            raise BadInputError(
                f"guidance {self.guidance} and temperature {self.temperature} found; guidance lies in 0 to 10, temperature above "
                "0 and up to 10; 1 is the model as trained"
            )

    @property
    def sha256(self) -> str:
        """Identity of the sampler; a calibration holds for one sampler only."""
        return content_hash.of_json({"method": METHOD, **asdict(self)})

    def caution(self, schedule: str) -> str | None:
        """What a user should know before trusting paths of a model of this schedule; None when there is nothing."""
        wide = deviation(self.sampler, self.schedule or schedule, self.n_steps, self.eta)
        if wide >= NARROW:
            return None
        return (
            f"{self.sampler} in {self.n_steps} steps of the {self.schedule or schedule} schedule loses variance: paths of a "
            f"random walk come out at {wide:.3f} of its standard deviation; use euler, heun, ddpm, or more steps, and calibrate "
            "in any case"
        )
