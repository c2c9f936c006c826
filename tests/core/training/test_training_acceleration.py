"""Every field of a plan acts: on torch's switches, on the kernels that run, on what is kept in memory, on the optimiser."""

import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch.nn import functional
from torch.profiler import ProfilerActivity, profile
from training_examples import QUICK, SIZES, STILL, bytes_of, data, fitted, weights

from fxgpt_core.diffusion.loss import velocity_loss
from fxgpt_core.diffusion.model import DenoisingNetwork, untrained
from fxgpt_core.networks.network_parameters import NetworkParameters
from fxgpt_core.training.acceleration import FlashAttention, accelerated, optimizer_of
from fxgpt_core.training.memory import kept_bytes
from fxgpt_core.training.plan import TrainPlan
from fxgpt_core.training.surroundings import Surroundings


def loss_of(called: object, seed: int = 0) -> torch.Tensor:
    contexts, clean = data()[0].batch(16, torch.Generator().manual_seed(seed))
    torch.manual_seed(seed)
    return velocity_loss(called, clean, contexts, "cosine", torch.Generator().manual_seed(seed))  # type: ignore[arg-type]


def operations(plan: TrainPlan) -> set[str]:
    with profile(activities=[ProfilerActivity.CPU]) as found:
        fitted(Surroundings(plan), parameters=replace(QUICK, n_steps=1))
    return {event.key for event in found.key_averages()}


def test_threads_tf32_and_cudnn_benchmark_are_set_while_training_and_put_back() -> None:
    def switches() -> tuple[object, ...]:
        return torch.get_num_threads(), torch.get_float32_matmul_precision(), torch.backends.cudnn.benchmark

    before = switches()
    with accelerated(TrainPlan(threads=2, tf32=True, cudnn_benchmark=True), untrained(SIZES, 1)):
        assert switches() == (2, "high", True)
    with accelerated(TrainPlan(), untrained(SIZES, 1)):
        assert switches() == (1, "highest", False)
    assert switches() == before


@pytest.mark.parametrize(("attention", "kernel"), [("math", "attention_math"), ("flash", "flash_attention_for_cpu")])
def test_the_kernel_of_attention_is_the_one_that_was_forced(attention: str, kernel: str) -> None:
    assert any(kernel in name for name in operations(TrainPlan(attention=attention)))


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_in_half_precision_products_are_half_and_the_losses_nearly_the_same(precision: str) -> None:
    half, whole = fitted(Surroundings(TrainPlan(precision=precision))), fitted()
    assert bytes_of(half) != bytes_of(whole)
    assert [p.validation for p in half[1]] == pytest.approx([p.validation for p in whole[1]], rel=0.01)
    assert {weight.dtype for weight in half[0].parameters()} == {torch.float32}


def test_only_fp16_scales_its_losses() -> None:
    def scaled(plan: TrainPlan) -> bool:
        return any("amp_" in name and "unscale" in name for name in operations(plan))

    assert scaled(TrainPlan(precision="fp16"))
    assert not scaled(TrainPlan(precision="bf16"))


def test_checkpointing_keeps_less_and_gives_the_same_gradients_with_dropout() -> None:
    wide = NetworkParameters(n_inputs=4, n_tokens=8, context=12, width=16, embedding=32)
    kept, gradients = {}, {}
    for on in (False, True):
        network = untrained(wide, 1).train()
        with accelerated(TrainPlan(checkpointing=on), network) as called:
            kept[on] = kept_bytes(lambda: loss_of(called).backward())
        gradients[on] = torch.cat([weight.grad.flatten() for weight in network.parameters()])
        assert "forward" not in vars(network.denoiser.encode_whole)
    assert kept[True] < 0.5 * kept[False]
    assert torch.equal(gradients[True], gradients[False])
    assert bytes_of(fitted(Surroundings(TrainPlan(checkpointing=True)))) == bytes_of(fitted())


def test_compile_wraps_the_network_in_the_mode_that_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, object]] = []

    def compiled(network: DenoisingNetwork, **how: object) -> DenoisingNetwork:
        asked.append(how)
        return network

    monkeypatch.setattr(torch, "compile", compiled)
    for checkpointing in (False, True):
        fitted(Surroundings(TrainPlan(compile="default", checkpointing=checkpointing)))
    fitted(Surroundings(TrainPlan(compile="off")))
    assert [(how["mode"], how["fullgraph"], how["dynamic"]) for how in asked] == [
        ("default", True, False),
        ("default", False, False),
    ]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*torch.jit.script_method.*:DeprecationWarning")
def test_a_compiled_training_learns_the_same_to_rounding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A cache of its own: a compiler that was killed leaves half a library in the one of the machine.
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    compiled, eager = (fitted(Surroundings(TrainPlan(compile=mode)), sizes=STILL) for mode in ("default", "off"))
    assert [p.validation for p in compiled[1]] == pytest.approx([p.validation for p in eager[1]], rel=1e-4)


def test_the_optimiser_is_fused_or_for_each_and_both_agree() -> None:
    network = untrained(SIZES, 1)
    for kind in ("fused", "foreach"):
        group = optimizer_of(network, QUICK, TrainPlan(optimizer=kind)).param_groups[0]
        assert (group["fused"], group["foreach"]) == (kind == "fused", kind == "foreach")
    foreach = fitted(Surroundings(TrainPlan(optimizer="foreach")))
    assert [p.validation for p in foreach[1]] == pytest.approx([p.validation for p in fitted()[1]], rel=1e-4)


def test_weights_decay_only_where_they_are_matrices() -> None:
    matrices, vectors = optimizer_of(untrained(SIZES, 1), QUICK, TrainPlan()).param_groups
    assert (matrices["weight_decay"], vectors["weight_decay"]) == (QUICK.weight_decay, 0.0)
    assert all(weight.ndim > 1 for weight in matrices["params"])
    assert all(weight.ndim <= 1 for weight in vectors["params"])


def test_apex_is_used_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in of the same signature: apex needs a GPU."""
    apex, optimizers = ModuleType("apex"), ModuleType("apex.optimizers")

    class FusedAdam(torch.optim.AdamW):
        def __init__(self, groups: object, lr: float, betas: tuple[float, float], adam_w_mode: bool) -> None:
            assert adam_w_mode
            super().__init__(groups, lr=lr, betas=betas, foreach=True)  # type: ignore[arg-type]

    optimizers.FusedAdam = FusedAdam  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "apex", apex)
    monkeypatch.setitem(sys.modules, "apex.optimizers", optimizers)
    assert isinstance(optimizer_of(untrained(SIZES, 1), QUICK, TrainPlan(optimizer="apex")), FusedAdam)
    assert bytes_of(fitted(Surroundings(TrainPlan(optimizer="apex")))) == bytes_of(
        fitted(Surroundings(TrainPlan(optimizer="foreach")))
    )


def test_flash_attn_is_used_where_it_is_installed_in_its_own_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in of the same signature, [B,T,H,D] in and out: flash_attn needs a GPU."""
    calls = []

    def flash_attn_func(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        calls.append(q.shape)
        scores = torch.einsum("bthd,bshd->bhts", q, k) / q.shape[-1] ** 0.5
        return torch.einsum("bhts,bshd->bthd", scores.softmax(-1), v)

    package = ModuleType("flash_attn")
    package.flash_attn_func = flash_attn_func  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "flash_attn", package)
    query, key, value = torch.randn(3, 2, 4, 7, 8, generator=torch.Generator().manual_seed(0)).unbind()
    expected = functional.scaled_dot_product_attention(query, key, value)
    with FlashAttention():
        torch.testing.assert_close(functional.scaled_dot_product_attention(query, key, value), expected)
    assert calls == [(2, 7, 4, 8)]
    fitted(Surroundings(TrainPlan(attention="flash_attn")))
    assert len(calls) > 1


def test_the_layout_of_contexts_is_switched(monkeypatch: pytest.MonkeyPatch) -> None:
    for on in (True, False):
        seen: list[bool] = []
        network = untrained(SIZES, 1)
        network.encoder.register_forward_pre_hook(
            lambda module, inputs, seen=seen: seen.append(inputs[0].is_contiguous()) if module.training else None
        )
        fitted(Surroundings(TrainPlan(channels_last=on)), network=network)
        assert set(seen) == {on}


def test_windows_stay_on_the_host_or_lie_on_the_device_and_give_the_same_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    from fxgpt_core.training.windows import Windows

    moved: list[str] = []
    to = Windows.to
    monkeypatch.setattr(Windows, "to", lambda self, device: moved.append(device) or to(self, device))
    resident = fitted()
    assert moved == ["cpu", "cpu"]
    assert bytes_of(fitted(Surroundings(TrainPlan(loader="host")))) == bytes_of(resident)
    assert moved == ["cpu", "cpu"]


def test_what_the_training_changes_is_the_network_it_was_given() -> None:
    network = untrained(SIZES, 1)
    fitted(network=network)
    assert not torch.equal(weights(network), weights(untrained(SIZES, 1)))
