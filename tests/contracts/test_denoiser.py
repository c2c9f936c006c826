"""What every denoiser promises: the random walk before training, every part of it in use afterwards."""

import pytest
import torch
from forecast_examples import opinionated
from torch import nn

from fxgpt_core.networks.network_parameters import KINDS, NetworkParameters
from fxgpt_core.networks.sssd import SSSD
from fxgpt_core.networks.temporal_unet import TemporalUNet

N_TOKENS = 28
DENOISERS: dict[str, type[nn.Module]] = {"temporal_unet": TemporalUNet, "sssd": SSSD}
GENERATOR = torch.Generator().manual_seed(0)
PATHS = torch.randn(6, N_TOKENS, generator=GENERATOR)
ANGLE = torch.linspace(0.1, 1.5, 6)
CONTEXT = torch.randn(6, 32, generator=GENERATOR)


@pytest.fixture(params=DENOISERS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def fresh(kind: str, width: int = 16) -> nn.Module:
    return DENOISERS[kind](NetworkParameters(n_inputs=5, n_tokens=N_TOKENS, kind=kind, context=32, width=width, embedding=32))


def trained_like(kind: str) -> nn.Module:
    return opinionated(fresh(kind).eval())


def test_every_kind_that_can_be_asked_for_is_here() -> None:
    assert set(DENOISERS) == set(KINDS)
    with pytest.raises(ValueError, match="denoiser 'transformer' is unknown; known: temporal_unet, sssd"):
        NetworkParameters(n_inputs=5, n_tokens=N_TOKENS, kind="transformer")


@pytest.mark.parametrize("width", [16, 24, 96])
def test_an_untrained_network_predicts_exactly_zero(kind: str, width: int) -> None:
    assert (fresh(kind, width)(PATHS, ANGLE, CONTEXT) == 0.0).all()


def test_even_untrained_the_last_layer_has_a_gradient_so_that_training_can_start(kind: str) -> None:
    network = fresh(kind)
    ((network(PATHS, ANGLE, CONTEXT) - 1.0) ** 2).mean().backward()
    last = next(network.leave[-1].parameters()).grad  # type: ignore[union-attr,index]
    assert last is not None
    assert last.abs().max() > 0.0


def test_a_path_in_is_a_path_out_and_every_weight_matters(kind: str) -> None:
    network = trained_like(kind).train()
    out = network(PATHS, ANGLE, CONTEXT)
    assert out.shape == (6, N_TOKENS)
    out.square().sum().backward()
    idle = [name for name, weight in network.named_parameters() if weight.grad is None or not weight.grad.abs().max() > 0.0]
    # A shift of all keys alike cancels in the softmax, so that bias alone may have no gradient; it shares a tensor with others.
    assert idle == []


@torch.no_grad()
def test_the_output_depends_on_path_noise_level_and_context(kind: str) -> None:
    network = trained_like(kind)
    out = network(PATHS, ANGLE, CONTEXT)
    assert not torch.allclose(out, network(PATHS + 0.1, ANGLE, CONTEXT))
    assert not torch.allclose(out, network(PATHS, ANGLE * 0.5, CONTEXT))
    assert not torch.allclose(out, network(PATHS, ANGLE, CONTEXT * 0.5))


@torch.no_grad()
def test_the_last_token_reaches_the_first_and_the_first_the_last(kind: str) -> None:
    network = trained_like(kind)
    out = network(PATHS, ANGLE, CONTEXT)
    for moved, seen in ((N_TOKENS - 1, 0), (0, N_TOKENS - 1)):
        nudged = PATHS.clone()
        nudged[:, moved] += 1.0
        assert (network(nudged, ANGLE, CONTEXT)[:, seen] != out[:, seen]).all()


@torch.no_grad()
def test_paths_of_a_batch_do_not_see_each_other(kind: str) -> None:
    network = trained_like(kind)
    whole = network(PATHS, ANGLE, CONTEXT)
    alone = torch.cat([network(PATHS[i : i + 1], ANGLE[i : i + 1], CONTEXT[i : i + 1]) for i in range(6)])
    torch.testing.assert_close(alone, whole, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_one_noise_level_and_context_serve_a_whole_batch(kind: str) -> None:
    network = trained_like(kind)
    shared = network(PATHS, ANGLE[:1], CONTEXT[:1])
    repeated = network(PATHS, ANGLE[:1].expand(6), CONTEXT[:1].expand(6, -1))
    torch.testing.assert_close(shared, repeated, rtol=1e-4, atol=1e-5)
