"""The sizes of a denoising network."""

from dataclasses import dataclass
from typing import Final

KINDS: Final = ("temporal_unet", "sssd")


@dataclass(frozen=True)
class NetworkParameters:
    """`kind` of denoiser for paths of `n_tokens`; `n_inputs` columns of `context` candles; `width` channels; `embedding`.

    `heads` of attention are for the U-Net; `layers` and `states` of a channel for SSSD. `context_dropout`: share of training
    paths whose context is withheld. Raises `ValueError` for an unknown kind.
    """

    n_inputs: int
    n_tokens: int
    kind: str = "temporal_unet"
    context: int = 64
    width: int = 24
    embedding: int = 64
    heads: int = 4
    layers: int = 3
    states: int = 32
    dropout: float = 0.1
    context_dropout: float = 0.1

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"denoiser {self.kind!r} is unknown; known: {', '.join(KINDS)}")
