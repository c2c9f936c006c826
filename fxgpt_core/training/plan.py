"""How a training uses a machine: each optimisation that was asked for, what is used instead of it or of it, and why."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from fxgpt_core.errors import BadInputError
from fxgpt_core.training.hardware import HardwareProfile
from fxgpt_core.training.training_parameters import TrainingParameters

HALF: Final = ("bf16", "fp16")
SWITCH: Final = ("on", "off")


@dataclass(frozen=True)
class TrainPlan:
    """What is used. `micro_batch` windows go through the network at a time and `world` processes share a step's batch: neither
    changes what is learned, except for rounding and the draws of dropout. `compile` is a mode of torch.compile or "off".
    """

    device: str = "cpu"
    precision: str = "fp32"
    micro_batch: int | None = None
    compile: str = "off"
    optimizer: str = "fused"
    attention: str = "auto"
    cudnn_benchmark: bool = False
    world: int = 1
    channels_last: bool = True
    loader: str = "resident"
    checkpointing: bool = False
    tf32: bool = False
    threads: int = 1


@dataclass(frozen=True)
class Decision:
    """One row of the report: what was `asked`, what is `used`, `why`, what was `measured` here, and how to `force` it."""

    name: str
    asked: str
    used: str
    why: str
    force: str
    measured: str = ""

    def told(self) -> dict[str, Any]:
        """The row as JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class _Place:
    profile: HardwareProfile
    parameters: TrainingParameters
    chosen: Mapping[str, str]

    @property
    def half(self) -> bool:
        return self.chosen["precision"] in HALF

    @property
    def capability(self) -> tuple[int, int]:
        return self.profile.capability or (0, 0)


Chosen = tuple[str, str]
"""What is used, and why."""


@dataclass(frozen=True)
class _Row:
    """`values` that can be forced (empty: a whole number from 1); `refused` says why not and what to do, or nothing."""

    asked: str
    choose: Callable[[_Place], Chosen]
    values: tuple[str, ...] = ()
    refused: Callable[[str, _Place], str] = lambda value, place: ""


def planned(
    profile: HardwareProfile, parameters: TrainingParameters, forced: Mapping[str, str] | None = None
) -> tuple[TrainPlan, tuple[Decision, ...]]:
    """The plan for a machine and its report, a row for each optimisation. `forced` values by name go before the choice.

    Raises `BadInputError` for an unknown name or value, and for a forced one that this machine does not have.
    """
    forced = dict(forced or {})
    unknown = sorted(set(forced) - set(ROWS))
    if unknown:
        raise BadInputError(f"{', '.join(unknown)} cannot be forced; known: {', '.join(ROWS)}")
    place = _Place(profile, parameters, {})
    decisions = []
    for name, row in ROWS.items():
        used, why = (_forced(name, row, forced[name], place), "forced") if name in forced else row.choose(place)
        if (name, used) == ("device", "cpu"):
            place = replace(place, profile=replace(profile, device="cpu", capability=None, n_devices=0, bf16=False))
        place = replace(place, chosen={**place.chosen, name: used})
        decisions.append(Decision(name, row.asked, used, why, f"--force {name}={'|'.join(row.values) or 'N'}"))
    return _plan(place.chosen), tuple(decisions)


def _plan(chosen: Mapping[str, str]) -> TrainPlan:
    values: dict[str, Any] = dict(chosen)
    values |= {name: value == "on" for name, value in chosen.items() if ROWS[name].values == SWITCH}
    values |= {name: int(value) for name, value in chosen.items() if not ROWS[name].values}
    return TrainPlan(**values)


def _forced(name: str, row: _Row, value: str, place: _Place) -> str:
    if row.values and value not in row.values:
        raise BadInputError(f"{name}={value} was forced; it can be {', '.join(row.values)}")
    if not row.values and not (value.isdecimal() and int(value) >= 1):
        raise BadInputError(f"{name}={value} was forced; it is a whole number from 1")
    refused = row.refused(value, place)
    if refused:
        raise BadInputError(f"{name}={value} was forced, but {refused}")
    return value


def _device(at: _Place) -> Chosen:
    if at.profile.cuda:
        return "cuda", at.profile.name
    return "cpu", f"torch {at.profile.torch_build} sees no GPU"


def _no_device(value: str, at: _Place) -> str:
    if value == "cuda" and not at.profile.cuda:
        return f"torch {at.profile.torch_build} sees no GPU; install a CUDA build of torch and a driver, or leave it out"
    return ""


def _precision(at: _Place) -> Chosen:
    if not at.profile.cuda:
        return "fp32", "half precision is emulated on most processors, and slower"
    if at.profile.bf16 and at.capability >= (8, 0):
        return "bf16", "fp16's speed with fp32's range, so that no loss scaling is needed; loss and optimiser stay fp32"
    if at.capability >= (7, 0):
        return "fp16", f"compute capability {at.capability[0]}.{at.capability[1]} has no bf16; losses are scaled (GradScaler)"
    return "fp32", "below compute capability 7.0 half precision is not faster"


def _no_precision(value: str, at: _Place) -> str:
    if at.profile.cuda and value == "bf16" and not at.profile.bf16:
        return "this GPU has no bf16, which needs compute capability 8.0; use fp16 or fp32"
    if at.profile.cuda and value == "fp16" and at.capability < (7, 0):
        return "fp16 needs compute capability 7.0; use fp32"
    return ""


def _micro_batch(at: _Place) -> Chosen:
    return str(at.parameters.batch), "tried before training and halved when memory runs out; the effective batch stays"


def _no_micro_batch(value: str, at: _Place) -> str:
    return f"a batch has {at.parameters.batch} windows; use at most that" if int(value) > at.parameters.batch else ""


def _compile(at: _Place) -> Chosen:
    if at.profile.cuda:
        return "reduce-overhead", "small kernels are bound by their launches; CUDA graphs replay a whole step, shapes are fixed"
    return "off", "on a processor compiling takes minutes and gains some 15 %; there are no CUDA graphs"


def _no_compile(value: str, at: _Place) -> str:
    if value == "reduce-overhead" and not at.profile.cuda:
        return "CUDA graphs need a GPU; use default, max-autotune or off"
    if value != "off" and not at.profile.cuda and not at.profile.compiler:
        return "there is no C++ compiler; install g++, or use off"
    return ""


def _optimizer(at: _Place) -> Chosen:
    apex = "apex is not installed" if "apex" not in at.profile.optional else "apex.optimizers.FusedAdam is the same kernel"
    return "fused", f"torch's AdamW(fused=True) updates all weights in one kernel; {apex}"


def _no_optimizer(value: str, at: _Place) -> str:
    if value == "apex" and "apex" not in at.profile.optional:
        return "apex is not installed; build it from its source against your CUDA, or use fused"
    return "apex needs a GPU; use fused" if value == "apex" and not at.profile.cuda else ""


def _attention(at: _Place) -> Chosen:
    if at.profile.cuda and at.half and at.capability >= (8, 0):
        return "auto", "scaled_dot_product_attention carries flash attention 2 and chooses it by shape; flash_attn adds no other"
    if at.profile.cuda:
        return "auto", "flash attention needs compute capability 8.0 and half precision; torch chooses another kernel"
    return "auto", "torch has a flash kernel for processors, and chooses; flash_attn is for GPUs"


def _no_attention(value: str, at: _Place) -> str:
    if value in ("efficient", "cudnn") and not at.profile.cuda:
        return f"the {value} kernel is for GPUs; use auto, flash or math"
    if value in ("flash", "flash_attn") and at.profile.cuda and not (at.half and at.capability >= (8, 0)):
        return "flash attention needs compute capability 8.0 and half precision; use auto or math"
    if value == "flash_attn" and not at.profile.cuda:
        return "flash_attn is for GPUs; use auto, flash or math"
    if value == "flash_attn" and "flash_attn" not in at.profile.optional:
        return "flash_attn is not installed; install it, or use flash, which is torch's own"
    return ""


def _cudnn_benchmark(at: _Place) -> Chosen:
    return (
        ("on", "costs nothing; the convolutions here are matrix products, which cuDNN has no part in")
        if at.profile.cuda
        else ("off", "cuDNN is for GPUs")
    )


def _no_cudnn_benchmark(value: str, at: _Place) -> str:
    return "cuDNN is for GPUs; leave it out" if value == "on" and not at.profile.cuda else ""


def _world(at: _Place) -> Chosen:
    many = f"{at.profile.n_devices} GPUs found" if at.profile.n_devices > 1 else "one device"
    return "1", f"{many}; a network this small gains little from more; train one symbol on each instead"


def _no_world(value: str, at: _Place) -> str:
    most = at.profile.n_devices if at.profile.cuda else at.profile.cores
    kind = "GPUs" if at.profile.cuda else "cores"
    return f"there are {most} {kind}; use at most so many" if int(value) > most else ""


def _channels_last(at: _Place) -> Chosen:
    return "on", "contexts are gathered candle by candle, and convolutions read them so; off copies them once more"


def _loader(at: _Place) -> Chosen:
    return "resident", "all windows lie on the device and a batch is one gather; DALI decodes files, and there is none to decode"


def _no_loader(value: str, at: _Place) -> str:
    return "there is no file to decode, so fxgpt has no pipeline for it; use resident or host" if value == "dali" else ""


def _checkpointing(at: _Place) -> Chosen:
    return "off", "these networks need little memory; on computes activations a second time, a third more work"


def _tf32(at: _Place) -> Chosen:
    if at.capability >= (8, 0):
        return "on", "what stays in fp32 is multiplied by tensor cores"
    return "off", "tensor cores for fp32 come with compute capability 8.0"


def _no_tf32(value: str, at: _Place) -> str:
    return "TF32 needs compute capability 8.0; leave it out" if value == "on" and at.capability < (8, 0) else ""


def _threads(at: _Place) -> Chosen:
    return str(at.parameters.threads), f"of {at.profile.cores} cores; with one, weights do not depend on the machine"


ROWS: Final[dict[str, _Row]] = {
    "device": _Row("GPU", _device, ("cuda", "cpu"), _no_device),
    "precision": _Row("mixed precision, fp16 (1.1)", _precision, ("fp32", *HALF), _no_precision),
    "compile": _Row(
        "torch.compile, CUDA graphs (1.2)", _compile, ("off", "default", "reduce-overhead", "max-autotune"), _no_compile
    ),
    "optimizer": _Row("apex FusedAdam (1.3)", _optimizer, ("fused", "foreach", "apex"), _no_optimizer),
    "attention": _Row(
        "Flash Attention 2 (1.4)", _attention, ("auto", "flash", "efficient", "cudnn", "math", "flash_attn"), _no_attention
    ),
    "cudnn_benchmark": _Row("cuDNN benchmark (1.5)", _cudnn_benchmark, SWITCH, _no_cudnn_benchmark),
    "micro_batch": _Row("gradient accumulation (1.6)", _micro_batch, (), _no_micro_batch),
    "world": _Row("distributed data parallel (1.7)", _world, (), _no_world),
    "channels_last": _Row("channels last (1.8)", _channels_last, SWITCH),
    "loader": _Row("NVIDIA DALI (1.9)", _loader, ("resident", "host", "dali"), _no_loader),
    "checkpointing": _Row("gradient checkpointing (1.10)", _checkpointing, SWITCH),
    "tf32": _Row("tensor cores for fp32", _tf32, SWITCH, _no_tf32),
    "threads": _Row("processor threads", _threads),
}
