"""A plan put to work: torch's switches while training, the network as it is called, the optimiser, half precision."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Final

import torch
from torch import nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode
from torch.utils.checkpoint import checkpoint

from fxgpt_core.diffusion.loss import Denoiser
from fxgpt_core.diffusion.model import DenoisingNetwork
from fxgpt_core.networks.context_encoder import ContextEncoder
from fxgpt_core.networks.sssd import GatedLayer
from fxgpt_core.networks.temporal_unet import ResidualBlock, SelfAttention
from fxgpt_core.training.plan import TrainPlan
from fxgpt_core.training.training_parameters import Optimised

BETAS: Final = (0.9, 0.99)
HALVES: Final = {"bf16": torch.bfloat16, "fp16": torch.float16}
KERNELS: Final = {
    "flash": SDPBackend.FLASH_ATTENTION,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
    "cudnn": SDPBackend.CUDNN_ATTENTION,
    "math": SDPBackend.MATH,
}
BLOCKS: Final = (ContextEncoder, ResidualBlock, SelfAttention, GatedLayer)
"""What is computed a second time with gradient checkpointing."""


@contextmanager
def accelerated(plan: TrainPlan, network: DenoisingNetwork) -> Iterator[Denoiser]:
    """The network as a step calls it; torch's switches, threads and random state are put back afterwards."""
    with ExitStack() as stack:
        stack.enter_context(switches(plan))
        stack.enter_context(torch.random.fork_rng(devices=[torch.cuda.current_device()] if plan.device == "cuda" else []))
        if plan.attention in KERNELS:
            stack.enter_context(sdpa_kernel(KERNELS[plan.attention]))
        elif plan.attention == "flash_attn":
            stack.enter_context(FlashAttention())
        if plan.checkpointing:
            stack.enter_context(_checkpointed(network))
        called: Denoiser = network
        if plan.compile != "off":
            called = torch.compile(network, mode=plan.compile, fullgraph=not plan.checkpointing, dynamic=False)
        yield called


@contextmanager
def switches(plan: TrainPlan) -> Iterator[None]:
    """Torch's threads and precisions as the plan says; as they were afterwards."""
    threads, benchmark = torch.get_num_threads(), torch.backends.cudnn.benchmark
    matmul = torch.get_float32_matmul_precision()
    torch.set_num_threads(plan.threads)
    torch.backends.cudnn.benchmark = plan.cudnn_benchmark
    torch.set_float32_matmul_precision("high" if plan.tf32 else "highest")
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.backends.cudnn.benchmark = benchmark
        torch.set_float32_matmul_precision(matmul)


@contextmanager
def _checkpointed(network: nn.Module) -> Iterator[None]:
    """Blocks keep their inputs only, and compute the rest again in the backward pass, with the same dropout."""
    blocks = [module for module in network.modules() if isinstance(module, BLOCKS)]
    for block in blocks:
        block.forward = partial(checkpoint, block.forward, use_reentrant=False)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for block in blocks:
            del block.forward


class FlashAttention(TorchFunctionMode):
    """Attention by the package flash_attn, for as long as the mode is entered; it wants [B,T,H,D] in half precision."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """What the package makes of query, key and value; any other function as it is."""
        if func is not functional.scaled_dot_product_attention:
            return func(*args, **(kwargs or {}))
        from flash_attn import flash_attn_func  # type: ignore[import-not-found]

        return flash_attn_func(*(each.transpose(1, 2) for each in args)).transpose(1, 2)


def half_precision(plan: TrainPlan) -> torch.autocast:
    """Products in half precision where the plan says so; sums, norms and losses stay in fp32."""
    return torch.autocast(plan.device, dtype=HALVES.get(plan.precision), enabled=plan.precision in HALVES)


def optimizer_of(network: nn.Module, parameters: Optimised, plan: TrainPlan) -> torch.optim.Optimizer:
    """AdamW of the plan's kind. Decay is for weight matrices: on biases, norms and places it only pulls the model off its
    random-walk start.
    """
    matrices = [weight for weight in network.parameters() if weight.ndim > 1]
    vectors = [weight for weight in network.parameters() if weight.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": parameters.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    if plan.optimizer == "apex":
        from apex.optimizers import FusedAdam  # type: ignore[import-not-found]

        apex: torch.optim.Optimizer = FusedAdam(groups, lr=parameters.learning_rate, betas=BETAS, adam_w_mode=True)
        return apex
    fused = plan.optimizer == "fused"
    return torch.optim.AdamW(groups, lr=parameters.learning_rate, betas=BETAS, fused=fused, foreach=not fused)
