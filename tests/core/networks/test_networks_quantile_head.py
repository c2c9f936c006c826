"""The quantile head: the random walk before training, quantiles that never cross afterwards."""

import numpy as np
import pytest
import torch
from forecast_examples import opinionated

from fxgpt_core.networks.network_parameters import NetworkParameters
from fxgpt_core.networks.quantile_head import QuantileHead

WALK = [-1.9, -1.2, -0.4, 0.0, 0.5, 1.3]
SIZES = NetworkParameters(n_inputs=5, n_tokens=7, context=32, embedding=32, dropout=0.0)
CONTEXTS = torch.randn(4, 32, 5, generator=torch.Generator().manual_seed(0))


def head() -> QuantileHead:
    return QuantileHead(SIZES, WALK, hidden=16).eval()


def test_an_untrained_head_says_the_random_walk_whatever_the_context() -> None:
    said = head()(CONTEXTS).detach().numpy()
    assert said.dtype == np.float64
    np.testing.assert_allclose(said, np.broadcast_to(WALK, (4, 7, 6)), rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("loudness", [1.0, 100.0])
def test_quantiles_never_cross_however_loud_the_network_is(loudness: float) -> None:
    network = opinionated(head())
    with torch.no_grad():
        network.leave.weight.mul_(loudness)
    said = network(CONTEXTS).detach()
    assert (said.diff(dim=-1) >= 0.0).all()
    assert said.std() > 0.1


def test_the_median_is_moved_and_each_gap_stretched_by_its_own_output() -> None:
    network = head()
    with torch.no_grad():
        network.leave.bias.copy_(torch.tensor([0.25, 0.0, 1.0, 0.0, -2.0, 0.0]).repeat(7))
    stretched = [np.log1p(np.exp(a)) / np.log(2.0) for a in (0.0, 1.0, 0.0, -2.0, 0.0)]
    gaps = np.diff(WALK) * stretched
    median = WALK[3] + 0.25
    expected = [
        median - sum(gaps[:3]),
        median - sum(gaps[1:3]),
        median - gaps[2],
        median,
        median + gaps[3],
        median + sum(gaps[3:]),
    ]
    np.testing.assert_allclose(network(CONTEXTS).detach().numpy()[2, 5], expected, rtol=1e-6)


def test_untrained_only_the_last_layer_has_a_gradient_and_trained_every_weight_has() -> None:
    fresh, trained = head(), opinionated(head())
    for network in (fresh, trained):
        ((network(CONTEXTS) - 1.0) ** 2).mean().backward()
    assert fresh.leave.weight.grad.abs().max() > 0.0
    assert [name for name, weight in trained.named_parameters() if not weight.grad.abs().max() > 0.0] == []


def test_contexts_of_a_batch_do_not_see_each_other() -> None:
    network = opinionated(head())
    alone = torch.cat([network(CONTEXTS[i : i + 1]) for i in range(4)])
    torch.testing.assert_close(alone, network(CONTEXTS), rtol=1e-5, atol=1e-6)
