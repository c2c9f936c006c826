"""State spaces against their complex arithmetic written out, and against their recurrence."""

import numpy as np
import pytest
import torch
from forecast_examples import opinionated

from fxgpt_core.diffusion.model import untrained
from fxgpt_core.networks.network_parameters import NetworkParameters
from fxgpt_core.networks.sssd import SSSD, STEP_RANGE, StateSpaceConvolution

CHANNELS, STATES, TOKENS = 5, 7, 12


def convolution(seed: int = 0) -> StateSpaceConvolution:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return StateSpaceConvolution(CHANNELS, STATES, TOKENS).double()


def discretised(one: StateSpaceConvolution) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """exp(ΔA) and (exp(ΔA) − 1)/A, complex[H,N], and C complex[2,H,N], with the library's own complex numbers."""
    step = np.exp(one.log_step.detach().numpy())[:, None]
    a = -np.exp(one.log_decay.detach().numpy()) + 1j * one.frequency.detach().numpy()
    read = one.read_out.detach().numpy()
    return np.exp(step * a), (np.exp(step * a) - 1.0) / a, read[:, 0] + 1j * read[:, 1]


def test_the_kernel_is_that_of_complex_arithmetic() -> None:
    one = convolution()
    advance, held, read = discretised(one)
    powers = advance[:, :, None] ** np.arange(TOKENS)
    expected = 2.0 * np.einsum("dhn,hn,hnl->dhl", read, held, powers).real
    np.testing.assert_allclose(one.kernel(TOKENS).detach().numpy(), expected, rtol=1e-9, atol=1e-12)


def test_forward_in_time_it_is_the_recurrence_of_the_state() -> None:
    one = convolution(1)
    with torch.no_grad():
        one.read_out[1] = 0.0  # nothing from later tokens
    advance, held, read = discretised(one)
    x = np.random.default_rng(0).normal(size=(CHANNELS, TOKENS))
    state, expected = np.zeros((CHANNELS, STATES), dtype=complex), np.empty((CHANNELS, TOKENS))
    for t in range(TOKENS):
        state = advance * state + held * x[:, t : t + 1]
        expected[:, t] = 2.0 * (read[0] * state).sum(axis=1).real + one.through.detach().numpy() * x[:, t]
    found = one(torch.from_numpy(x)[None])[0].detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_backward_in_time_it_is_the_same_of_the_reversed_tokens() -> None:
    one = convolution(2)
    x = torch.randn(3, CHANNELS, TOKENS, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    there = one(x)
    with torch.no_grad():
        forward, backward = one.kernel(TOKENS)
        one.read_out.copy_(one.read_out.flip(0))
    # With the directions exchanged and the tokens reversed only the present token's response, which is "forward", differs.
    present = (backward[:, 0] - forward[:, 0])[None, :, None] * x
    torch.testing.assert_close(one(x.flip(2)).flip(2) - present, there)


def test_memories_start_between_a_few_tokens_and_a_hundred() -> None:
    steps = torch.nn.Parameter.detach(convolution().log_step).exp()
    assert STEP_RANGE[0] <= float(steps.min()) < float(steps.max()) <= STEP_RANGE[1]


@pytest.mark.parametrize(("name", "changed"), [("layers", 1), ("states", 4), ("width", 8)])
def test_every_size_makes_another_network(name: str, changed: int) -> None:
    sizes = {"layers": 2, "states": 8, "width": 16}
    path, angle, context = torch.ones(2, TOKENS), torch.ones(2), torch.ones(2, 32)

    def said(**own: int) -> torch.Tensor:
        network = SSSD(NetworkParameters(n_inputs=5, n_tokens=TOKENS, kind="sssd", embedding=32, **own))
        return opinionated(network).eval()(path, angle, context).detach()

    assert not torch.allclose(said(**sizes), said(**{**sizes, name: changed}))


@torch.inference_mode()
def test_a_matrix_that_is_kept_gives_the_same_bits_and_the_network_it_was_copied_from_goes_on_learning() -> None:
    sizes = NetworkParameters(n_inputs=5, n_tokens=TOKENS, kind="sssd", width=16, embedding=32, states=8)
    network = opinionated(untrained(sizes, 1)).eval()
    path, angle, context = torch.randn(2, TOKENS), torch.ones(2), torch.randn(2, 64, 5)
    fixed, before = network.for_sampling(), network(path, angle, context)
    assert torch.equal(fixed(path, angle, context), before)
    for weight in network.parameters():
        weight.mul_(0.5)
    assert torch.equal(fixed(path, angle, context), before)
    assert not torch.allclose(network(path, angle, context), before)
    assert not any(weight.requires_grad for weight in fixed.parameters())
