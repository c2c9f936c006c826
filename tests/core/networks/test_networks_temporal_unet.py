"""The denoiser: the random walk before training, every part of it in use afterwards."""

import numpy as np
import pytest
import torch
from forecast_examples import opinionated
from torch.nn import functional

from fxgpt_core.networks.context_encoder import ContextEncoder
from fxgpt_core.networks.network_parameters import NetworkParameters
from fxgpt_core.networks.noise_level import step_embedding
from fxgpt_core.networks.temporal_unet import ResidualBlock, SelfAttention, TemporalUNet
from fxgpt_core.networks.token_convolution import TokenConvolution

GENERATOR = torch.Generator().manual_seed(0)
N_TOKENS = 28


@torch.no_grad()
@pytest.mark.parametrize("n_tokens", [24, 25, 28, 31, 38])
def test_any_number_of_tokens_goes_through_the_halvings(n_tokens: int) -> None:
    network = opinionated(TemporalUNet(NetworkParameters(n_inputs=5, n_tokens=n_tokens, width=16, embedding=32)))
    path = torch.randn(3, n_tokens, generator=GENERATOR)
    out = network(path, torch.ones(3), torch.zeros(3, 32))
    assert out.shape == path.shape
    assert torch.isfinite(out).all()


@torch.no_grad()
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("taps", "stride"), [(1, 1), (3, 1), (3, 2), (5, 2)])
def test_a_token_convolution_is_torchs_own(taps: int, stride: int, training: bool) -> None:
    convolution = TokenConvolution(N_TOKENS, 7, 10, taps, stride=stride).train(training)
    x = torch.randn(4, N_TOKENS, 7, generator=GENERATOR)
    weight = convolution.product.weight.unflatten(1, (taps, 7)).permute(0, 2, 1)
    expected = functional.conv1d(x.transpose(1, 2), weight, convolution.product.bias, stride=stride, padding=taps // 2)
    torch.testing.assert_close(convolution(x), expected.transpose(1, 2), rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_blocks_start_as_their_skip_and_attention_as_nothing() -> None:
    x = torch.randn(3, 12, 16, generator=GENERATOR)
    assert (ResidualBlock(12, 16, 16, dropout=0.0)(x, torch.zeros(1, 1, 32)) == x).all()
    assert (SelfAttention(12, 16, 4)(x) == x).all()


@torch.no_grad()
def test_attention_is_softmax_of_scaled_products_as_written_out() -> None:
    attention = opinionated(SelfAttention(6, 16, 4))
    x = torch.randn(2, 6, 16, generator=GENERATOR)
    whole = x.numpy().astype(float)
    centred = whole - whole.mean(axis=(1, 2), keepdims=True)
    normed = centred / np.sqrt((centred**2).mean(axis=(1, 2), keepdims=True) + 1e-5)
    normed = normed * attention.norm.weight.numpy() + attention.norm.bias.numpy()
    mixed = attention.to_query_key_value(torch.from_numpy(normed).float()).numpy().astype(float).reshape(2, 6, 3, 4, 4)
    expected = np.zeros((2, 6, 4, 4))
    for b in range(2):
        for h in range(4):
            query, key, value = (mixed[b, :, part, h] for part in range(3))
            weights = np.exp(query @ key.T / np.sqrt(4.0))
            expected[b, :, h] = weights / weights.sum(axis=1, keepdims=True) @ value
    projected = x + attention.project(torch.from_numpy(expected.reshape(2, 6, 16)).float())
    torch.testing.assert_close(attention(x), projected, rtol=1e-4, atol=1e-5)


def test_noise_levels_have_embeddings_of_sinusoids_that_differ() -> None:
    angles = torch.linspace(0.0, torch.pi / 2.0, 200)
    embedded = step_embedding(angles, 64)
    assert embedded.shape == (200, 64)
    np.testing.assert_allclose((embedded[:, :32] ** 2 + embedded[:, 32:] ** 2).numpy(), 1.0, rtol=1e-4)
    assert torch.pdist(embedded).min() > 1e-3


@torch.no_grad()
def test_the_context_encoder_reads_every_input_and_the_last_candle_most_directly() -> None:
    encoder = opinionated(ContextEncoder(NetworkParameters(n_inputs=5, n_tokens=N_TOKENS, embedding=32, dropout=0.0))).eval()
    context = torch.randn(2, 64, 5, generator=GENERATOR)
    embedding = encoder(context)
    assert embedding.shape == (2, 32)
    for column in range(5):
        nudged = context.clone()
        nudged[:, 10, column] += 1.0
        assert not torch.allclose(encoder(nudged), embedding)
    last = context.clone()
    last[:, -1] += 1.0
    assert (encoder.latest(last[:, -1]) != encoder.latest(context[:, -1])).all()
