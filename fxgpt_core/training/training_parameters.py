"""How much training: named sizes, from a test's three seconds to a night."""

from dataclasses import dataclass, replace
from typing import Final, Protocol

from fxgpt_core.diffusion.noise_schedule import SCHEDULES
from fxgpt_core.errors import BadInputError
from fxgpt_core.networks.network_parameters import KINDS, NetworkParameters


class Optimised(Protocol):
    """What optimiser and learning rate are told: see `TrainingParameters`."""

    @property
    def n_steps(self) -> int: ...  # noqa: D102
    @property
    def learning_rate(self) -> float: ...  # noqa: D102
    @property
    def warm_up_steps(self) -> int: ...  # noqa: D102
    @property
    def restarts(self) -> int: ...  # noqa: D102
    @property
    def weight_decay(self) -> float: ...  # noqa: D102


@dataclass(frozen=True)
class TrainingParameters:
    """Steps of AdamW on batches of windows; the `n_features` that tell most; the `denoiser` and its sizes (as in
    `NetworkParameters`), `members` of it from different seeds; `threads` of torch while training.

    One thread is the default: weights then do not depend on the machine, and on cores that others use two are slower than one.
    The learning rate rises for `warm_up_steps` and falls as a cosine, `restarts` times again from its top (Loshchilov & Hutter
    2017). `validation_share` of the windows, the latest ones, judge the averaged weights by the paired difference to the
    untrained ones, a random walk; training ends after `patience` reports without a new best, and the best weights are the model:
    the untrained ones when nothing was better. Drift is believed only up to horizons of which the validation windows hold
    `drift_evidence` outcomes that do not overlap: it takes a thousand to tell a correlation of 0.06 from none.
    """

    n_steps: int = 600
    batch: int = 128
    learning_rate: float = 5e-4
    warm_up_steps: int = 60
    restarts: int = 0
    weight_decay: float = 3e-2
    ema_decay: float = 0.995
    gradient_clip: float = 1.0
    n_features: int = 40
    denoiser: str = "temporal_unet"
    members: int = 1
    context: int = 64
    width: int = 16
    embedding: int = 64
    layers: int = 3
    states: int = 32
    dropout: float = 0.2
    context_dropout: float = 0.1
    schedule: str = "cosine"
    threads: int = 1
    validation_share: float = 0.15
    patience: int = 15
    drift_evidence: int = 0

    def __post_init__(self) -> None:
        counts = (self.n_steps, self.batch, self.n_features, self.members, self.context, self.threads)
        if min(counts) < 1 or not 0.0 < self.ema_decay < 1.0:
            raise BadInputError(
                f"{self} found; steps, batch, features, members, context and threads are at least 1 and ema_decay lies in (0, 1)"
            )
        if self.restarts < 0:
            raise BadInputError(f"restarts {self.restarts} found; 0 is one cosine, 1 two of them")
        if self.schedule not in SCHEDULES:
            raise BadInputError(f"noise schedule {self.schedule!r} is unknown; known: {', '.join(SCHEDULES)}")
        if self.denoiser not in KINDS:
            raise BadInputError(f"denoiser {self.denoiser!r} is unknown; known: {', '.join(KINDS)}")

    def network(self, n_inputs: int, n_tokens: int) -> NetworkParameters:
        """The sizes of a network of so many input columns for paths of so many tokens."""
        return NetworkParameters(
            n_inputs=n_inputs,
            n_tokens=n_tokens,
            kind=self.denoiser,
            context=self.context,
            width=self.width,
            embedding=self.embedding,
            layers=self.layers,
            states=self.states,
            dropout=self.dropout,
            context_dropout=self.context_dropout,
        )


_DEMO = TrainingParameters()
# The small presets believe what drift they find in the sample, which is too short to show any: so there is something to decide
# on, and nothing to trade money by.
_PROVEN = replace(_DEMO, drift_evidence=1_000)
PRESETS: Final = {
    "tiny": replace(_DEMO, n_steps=40, batch=64, embedding=32, warm_up_steps=10, ema_decay=0.9),
    "demo": _DEMO,
    "base": replace(_PROVEN, n_steps=6_000, batch=256, width=32, embedding=96, ema_decay=0.999, warm_up_steps=200),
    "large": replace(_PROVEN, n_steps=20_000, batch=512, width=96, embedding=192, ema_decay=0.9995, warm_up_steps=500),
}


def preset(name: str) -> TrainingParameters:
    """The parameters of a named size. Raises `BadInputError` for an unknown name."""
    try:
        return PRESETS[name]
    except KeyError:
        raise BadInputError(f"preset {name!r} is unknown; known: {', '.join(PRESETS)}") from None
