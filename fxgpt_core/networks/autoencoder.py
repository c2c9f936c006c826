"""An autoencoder of windows of candles: what does not fit through its narrow middle is not put together again."""

import torch
from torch import nn


class Autoencoder(nn.Module):
    """Windows float32[B,W,C] → their reconstruction float32[B,W,C], through a `latent` vector within (−1, 1).

    The hyperbolic tangent bounds what the decoder is told: of a window far outside of what was learned, such as a frozen feed, it
    cannot say more than of the most extreme one it was shown, where a straight line would follow it anywhere.
    """

    def __init__(self, window: int, n_channels: int, hidden: int, latent: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(window * n_channels, hidden), nn.Tanh(), nn.Linear(hidden, latent), nn.Tanh())
        self.decoder = nn.Sequential(nn.Linear(latent, hidden), nn.Tanh(), nn.Linear(hidden, window * n_channels))

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """The reconstruction of windows."""
        reconstructed: torch.Tensor = self.decoder(self.encoder(windows.flatten(1)))
        return reconstructed.view(windows.shape)

    @property
    def linear_layers(self) -> list[nn.Linear]:
        """Its linear layers in the order of their use; a hyperbolic tangent follows all but the last."""
        return [module for module in self.modules() if isinstance(module, nn.Linear)]
