"""How an autoencoder of windows of candles is trained, and from which error on a window is an anomaly."""

from dataclasses import dataclass, replace
from typing import Final

from fxgpt_core.errors import BadInputError

MOST_LEFT_OUT: Final = 0.5


@dataclass(frozen=True)
class AutoencoderParameters:
    """Windows of `window` candles through `hidden` units and a middle of `latent`; `n_steps` of AdamW on batches of windows, with
    rates as in `TrainingParameters`.

    The latest `validation_share` of the span, a window behind the rest, judges the averaged weights, ends the training after
    `patience` reports without a new best, and gives the threshold: the `percentile` of its windows' errors. Normal history is the
    rest without the `left_out_share` of its windows that lie farthest from what is usual.
    """

    window: int = 50
    percentile: float = 95.0
    hidden: int = 64
    latent: int = 16
    n_steps: int = 1_000
    batch: int = 128
    learning_rate: float = 2e-3
    warm_up_steps: int = 100
    restarts: int = 0
    weight_decay: float = 1e-2
    ema_decay: float = 0.99
    gradient_clip: float = 1.0
    validation_share: float = 0.2
    left_out_share: float = 0.01
    patience: int = 15
    threads: int = 1

    def __post_init__(self) -> None:
        if self.window < 2 or min(self.hidden, self.latent, self.n_steps, self.batch, self.threads) < 1:
            raise BadInputError(f"{self} found; a window has 2 candles or more, widths, steps, batch and threads are at least 1")
        if not (0.0 < self.percentile < 100.0 and 0.0 < self.validation_share < 1.0 and 0.0 < self.ema_decay < 1.0):
            raise BadInputError(f"{self} found; percentile lies in (0, 100), validation_share and ema_decay in (0, 1)")
        if not 0.0 <= self.left_out_share <= MOST_LEFT_OUT:
            raise BadInputError(
                f"left_out_share {self.left_out_share} found; at most half of history can be abnormal: use 0 to 0.5"
            )


_SMALL = AutoencoderParameters()
PRESETS: Final = {
    "tiny": replace(_SMALL, hidden=32, latent=8, n_steps=200, warm_up_steps=20, ema_decay=0.95),
    "small": _SMALL,
    "base": replace(_SMALL, hidden=128, latent=32, n_steps=6_000, batch=256, ema_decay=0.999),
}


def preset(name: str) -> AutoencoderParameters:
    """The parameters of a named size. Raises `BadInputError` for an unknown name."""
    try:
        return PRESETS[name]
    except KeyError:
        raise BadInputError(f"preset {name!r} is unknown; known: {', '.join(PRESETS)}") from None
