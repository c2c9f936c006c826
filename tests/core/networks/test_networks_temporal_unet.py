"""The denoiser: the random walk before training, every part of it in use afterwards."""

import numpy as np
import pytest
import torch
from forecast_examples import opinionated
from torch.nn import functional

from fxgpt_core.networks.context_encoder import ContextEncoder
from fxgpt_core.networks.temporal_unet import (
    N_TOKENS,
    NetworkParameters,
    ResidualBlock,
    SelfAttention,
    TemporalUNet,
    TokenConvolution,
    step_embedding,
)

SIZES = NetworkParameters(n_inputs=5, context=32, width=16, embedding=32)
GENERATOR = torch.Generator().manual_seed(0)
PATHS = torch.randn(6, N_TOKENS, generator=GENERATOR)
ANGLE = torch.linspace(0.1, 1.5, 6)
CONTEXT = torch.randn(6, 32, generator=GENERATOR)


def trained_like() -> TemporalUNet:
    network = opinionated(TemporalUNet(SIZES).eval())
    assert isinstance(network, TemporalUNet)
    return network


@pytest.mark.parametrize("width", [16, 24, 96])
def test_an_untrained_network_predicts_exactly_zero(width: int) -> None:
    network = TemporalUNet(NetworkParameters(n_inputs=5, width=width, embedding=32))
    assert (network(PATHS, ANGLE, CONTEXT) == 0.0).all()


def test_even_untrained_the_last_layer_has_a_gradient_so_that_training_can_start() -> None:
    network = TemporalUNet(SIZES)
    ((network(PATHS, ANGLE, CONTEXT) - 1.0) ** 2).mean().backward()
    last = network.leave[-1].weight.grad
    assert last is not None
    assert last.abs().max() > 0.0


def test_a_path_in_is_a_path_out_and_every_weight_matters() -> None:
    network = trained_like().train()
    out = network(PATHS, ANGLE, CONTEXT)
    assert out.shape == (6, N_TOKENS)
    out.square().sum().backward()
    idle = [name for name, weight in network.named_parameters() if weight.grad is None or not weight.grad.abs().max() > 0.0]
    # A shift of all keys alike cancels in the softmax, so that bias alone may have no gradient; it shares a tensor with others.
    assert idle == []


@torch.no_grad()
def test_the_output_depends_on_path_noise_level_and_context() -> None:
    network = trained_like()
    out = network(PATHS, ANGLE, CONTEXT)
    assert not torch.allclose(out, network(PATHS + 0.1, ANGLE, CONTEXT))
    assert not torch.allclose(out, network(PATHS, ANGLE * 0.5, CONTEXT))
    assert not torch.allclose(out, network(PATHS, ANGLE, CONTEXT * 0.5))


@torch.no_grad()
def test_the_last_token_reaches_the_first_and_the_first_the_last() -> None:
    network = trained_like()
    out = network(PATHS, ANGLE, CONTEXT)
    for moved, seen in ((N_TOKENS - 1, 0), (0, N_TOKENS - 1)):
        nudged = PATHS.clone()
        nudged[:, moved] += 1.0
        assert (network(nudged, ANGLE, CONTEXT)[:, seen] != out[:, seen]).all()


@torch.no_grad()
def test_paths_of_a_batch_do_not_see_each_other() -> None:
    network = trained_like()
    whole = network(PATHS, ANGLE, CONTEXT)
    alone = torch.cat([network(PATHS[i : i + 1], ANGLE[i : i + 1], CONTEXT[i : i + 1]) for i in range(6)])
    torch.testing.assert_close(alone, whole, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_one_noise_level_and_context_serve_a_whole_batch() -> None:
    network = trained_like()
    shared = network(PATHS, ANGLE[:1], CONTEXT[:1])
    repeated = network(PATHS, ANGLE[:1].expand(6), CONTEXT[:1].expand(6, -1))
    torch.testing.assert_close(shared, repeated, rtol=1e-4, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize(("taps", "stride"), [(1, 1), (3, 1), (3, 2)])
def test_a_token_convolution_is_torchs_own(taps: int, stride: int) -> None:
    convolution = TokenConvolution(7, 10, taps, stride=stride)
    x = torch.randn(4, 7, N_TOKENS, generator=GENERATOR)
    expected = functional.conv1d(x, convolution.weight, convolution.bias, stride=stride, padding=taps // 2)
    torch.testing.assert_close(convolution(x), expected, rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_blocks_start_as_their_skip_and_attention_as_nothing() -> None:
    x = torch.randn(3, 16, 12, generator=GENERATOR)
    assert (ResidualBlock(16, 16, 32, dropout=0.0)(x, torch.zeros(1, 32)) == x).all()
    assert (SelfAttention(16, 4)(x) == x).all()


@torch.no_grad()
def test_attention_is_softmax_of_scaled_products_as_written_out() -> None:
    attention = opinionated(SelfAttention(16, 4))
    x = torch.randn(2, 16, 6, generator=GENERATOR)
    normed = functional.group_norm(x, 8, attention.norm.weight, attention.norm.bias)
    mixed = attention.to_query_key_value(normed).numpy().astype(float).reshape(2, 3, 4, 4, 6)
    expected = np.zeros((2, 4, 4, 6))
    for b in range(2):
        for h in range(4):
            query, key, value = (mixed[b, part, h] for part in range(3))
            weights = np.exp(query.T @ key / np.sqrt(4.0))
            expected[b, h] = (weights / weights.sum(axis=1, keepdims=True) @ value.T).T
    projected = x + attention.project(torch.from_numpy(expected.reshape(2, 16, 6)).float())
    torch.testing.assert_close(attention(x), projected, rtol=1e-4, atol=1e-5)


def test_noise_levels_have_embeddings_of_sinusoids_that_differ() -> None:
    angles = torch.linspace(0.0, torch.pi / 2.0, 200)
    embedded = step_embedding(angles, 64)
    assert embedded.shape == (200, 64)
    np.testing.assert_allclose((embedded[:, :32] ** 2 + embedded[:, 32:] ** 2).numpy(), 1.0, rtol=1e-4)
    assert torch.pdist(embedded).min() > 1e-3


@torch.no_grad()
def test_the_context_encoder_reads_every_input_and_the_last_candle_most_directly() -> None:
    encoder = opinionated(ContextEncoder(5, 32, dropout=0.0)).eval()
    context = torch.randn(2, 5, 32, generator=GENERATOR)
    embedding = encoder(context)
    assert embedding.shape == (2, 32)
    for column in range(5):
        nudged = context.clone()
        nudged[:, column, 10] += 1.0
        assert not torch.allclose(encoder(nudged), embedding)
    last = context.clone()
    last[:, :, -1] += 1.0
    assert (encoder.latest(last[:, :, -1]) != encoder.latest(context[:, :, -1])).all()
