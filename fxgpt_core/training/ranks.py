"""Processes that train together: each computes its rows of the batch, and their gradients are summed in one message."""

import torch
import torch.distributed as dist
from torch import nn


def summed(network: nn.Module, loss: torch.Tensor | None, failed: bool, stop: bool) -> tuple[torch.Tensor, bool, bool]:
    """Gradients laid on the network and the loss, both summed over all processes; whether any failed, whether any is to stop.

    One message for all weights: a network this small is bound by the number of messages, not by their size.
    """
    weights = list(network.parameters())
    device = weights[0].device
    values = torch.tensor([0.0, float(failed), float(stop)], device=device)
    if loss is not None:
        values[0] = loss
    own = [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in weights]
    flat = torch.cat([*(gradient.flatten() for gradient in own), values])
    dist.all_reduce(flat)
    for weight, total in zip(weights, torch.split(flat[: -len(values)], [weight.numel() for weight in weights]), strict=True):
        if weight.grad is not None:
            weight.grad.copy_(total.view_as(weight))
    whole, n_failed, n_stop = flat[-len(values) :].unbind()
    return whole, bool(n_failed), bool(n_stop)
