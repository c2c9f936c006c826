"""Plans of machines that are described, not owned: each optimisation named, each fallback chosen, each force used or refused."""

from dataclasses import fields
from pathlib import Path

import pytest

from fxgpt_core.errors import BadInputError
from fxgpt_core.training import hardware
from fxgpt_core.training.hardware import GIBIBYTE, HardwareProfile, available_memory, detected, device_use
from fxgpt_core.training.plan import ROWS, TrainPlan, planned
from fxgpt_core.training.training_parameters import TrainingParameters

PARAMETERS = TrainingParameters()
CPU = HardwareProfile(cores=2, memory_bytes=8 * GIBIBYTE, torch_build="2.13.0+cpu", compiler=True)
H200 = HardwareProfile("cuda", "NVIDIA H200", 1, (9, 0), True, 139 * GIBIBYTE, 16, torch_build="2.13.0+cu130", compiler=True)
V100 = HardwareProfile("cuda", "Tesla V100", 4, (7, 0), False, 16 * GIBIBYTE, 16, torch_build="2.13.0+cu130", compiler=True)
P100 = HardwareProfile("cuda", "Tesla P100", 1, (6, 0), False, 16 * GIBIBYTE, 16, torch_build="2.13.0+cu130")
RICH = HardwareProfile("cuda", "NVIDIA H200", 2, (9, 0), True, optional=frozenset({"apex", "flash_attn", "nvidia.dali"}))


def rows(profile: HardwareProfile, **forced: str) -> dict[str, tuple[str, str]]:
    return {row.name: (row.used, row.why) for row in planned(profile, PARAMETERS, forced)[1]}


def test_every_field_of_the_plan_is_a_row_and_every_optimisation_of_the_guide_is_asked() -> None:
    assert set(ROWS) == {field.name for field in fields(TrainPlan)}
    asked = " ".join(row.asked for row in planned(CPU, PARAMETERS)[1])
    assert [number for number in range(1, 11) if f"(1.{number})" not in asked] == []
    for row in planned(CPU, PARAMETERS)[1]:
        assert row.used
        assert row.why
        assert row.force.startswith(f"--force {row.name}=")


def test_on_a_processor_nothing_is_emulated_or_compiled() -> None:
    plan, _ = planned(CPU, PARAMETERS)
    assert plan == TrainPlan(micro_batch=128)
    found = rows(CPU)
    assert found["device"] == ("cpu", "torch 2.13.0+cpu sees no GPU")
    assert "some 15 %" in found["compile"][1]
    assert "apex is not installed" in found["optimizer"][1]
    assert "there is none to decode" in found["loader"][1]


def test_on_an_h200_everything_fast_is_used() -> None:
    plan, _ = planned(H200, PARAMETERS)
    assert (plan.device, plan.precision, plan.compile) == ("cuda", "bf16", "reduce-overhead")
    assert plan.cudnn_benchmark
    assert plan.tf32
    assert "flash attention 2" in rows(H200)["attention"][1]


def test_on_a_v100_half_precision_is_fp16_with_a_scaler_and_there_is_no_flash_attention() -> None:
    plan, _ = planned(V100, PARAMETERS)
    assert (plan.precision, plan.tf32, plan.world) == ("fp16", False, 1)
    found = rows(V100)
    assert found["precision"][1] == "compute capability 7.0 has no bf16; losses are scaled (GradScaler)"
    assert "needs compute capability 8.0" in found["attention"][1]
    assert found["world"][1].startswith("4 GPUs found; a network this small gains little")


def test_below_compute_capability_seven_it_stays_fp32() -> None:
    assert planned(P100, PARAMETERS)[0].precision == "fp32"


@pytest.mark.parametrize(
    ("profile", "name", "value"),
    [
        (H200, "device", "cpu"), (H200, "precision", "fp16"), (CPU, "precision", "bf16"), (CPU, "micro_batch", "32"),
        (CPU, "compile", "default"), (H200, "compile", "max-autotune"), (CPU, "optimizer", "foreach"),
        (RICH, "optimizer", "apex"),
        (CPU, "attention", "math"), (RICH, "attention", "flash_attn"), (H200, "attention", "efficient"),
        (H200, "cudnn_benchmark", "off"), (V100, "world", "4"), (CPU, "world", "2"), (CPU, "channels_last", "off"),
        (CPU, "loader", "host"), (CPU, "checkpointing", "on"), (H200, "tf32", "off"), (CPU, "threads", "2"),
    ],
)  # fmt: skip
def test_what_is_forced_is_used_and_said_to_be(profile: HardwareProfile, name: str, value: str) -> None:
    plan, _ = planned(profile, PARAMETERS, {name: value})
    used = getattr(plan, name)
    assert value == (str(used) if not isinstance(used, bool) else "on" if used else "off")
    assert rows(profile, **{name: value})[name] == (value, "forced")


@pytest.mark.parametrize(
    ("profile", "name", "value", "message"),
    [
        (CPU, "device", "cuda", r"sees no GPU; install a CUDA build of torch and a driver, or leave it out"),
        (V100, "precision", "bf16", r"has no bf16, which needs compute capability 8\.0; use fp16 or fp32"),
        (P100, "precision", "fp16", r"needs compute capability 7\.0; use fp32"),
        (CPU, "micro_batch", "500", r"a batch has 128 windows; use at most that"),
        (CPU, "compile", "reduce-overhead", r"CUDA graphs need a GPU; use default, max-autotune or off"),
        (HardwareProfile(), "compile", "default", r"no C\+\+ compiler; install g\+\+, or use off"),
        (H200, "optimizer", "apex", r"apex is not installed; build it from its source against your CUDA, or use fused"),
        (HardwareProfile(optional=frozenset({"apex"})), "optimizer", "apex", r"apex needs a GPU; use fused"),
        (CPU, "attention", "efficient", r"the efficient kernel is for GPUs"),
        (CPU, "attention", "flash_attn", r"flash_attn is for GPUs; use auto, flash or math"),
        (V100, "attention", "flash", r"needs compute capability 8\.0 and half precision; use auto or math"),
        (H200, "attention", "flash_attn", r"flash_attn is not installed; install it, or use flash, which is torch's own"),
        (V100, "world", "5", r"there are 4 GPUs; use at most so many"),
        (CPU, "world", "3", r"there are 2 cores; use at most so many"),
        (RICH, "loader", "dali", r"there is no file to decode, so fxgpt has no pipeline for it; use resident or host"),
        (CPU, "cudnn_benchmark", "on", r"cuDNN is for GPUs; leave it out"),
        (V100, "tf32", "on", r"TF32 needs compute capability 8\.0; leave it out"),
    ],
)  # fmt: skip
def test_forcing_what_is_not_there_is_an_error_that_says_what_to_do(
    profile: HardwareProfile, name: str, value: str, message: str
) -> None:
    with pytest.raises(BadInputError, match=f"{name}={value} was forced, but .*{message}"):
        planned(profile, PARAMETERS, {name: value})


def test_a_name_or_value_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(BadInputError, match=r"speed cannot be forced; known: device, precision, compile"):
        planned(CPU, PARAMETERS, {"speed": "high"})
    with pytest.raises(BadInputError, match=r"precision=fp8 was forced; it can be fp32, bf16, fp16"):
        planned(CPU, PARAMETERS, {"precision": "fp8"})
    for value in ("0", "-1", "two", "1.5"):
        with pytest.raises(BadInputError, match="it is a whole number from 1"):
            planned(CPU, PARAMETERS, {"world": value})


def test_a_gpu_that_is_not_wanted_is_planned_as_if_it_were_not_there() -> None:
    plan, _ = planned(H200, PARAMETERS, {"device": "cpu"})
    assert plan == TrainPlan(micro_batch=128)


def test_this_machine_is_described_by_what_it_says_of_itself(tmp_path: Path) -> None:
    import os

    import torch

    found = detected(tmp_path / "not" / "yet")
    assert found.cores == len(os.sched_getaffinity(0))
    assert found.torch_build == torch.__version__
    assert found.disk_bytes > 0
    assert found.cuda == torch.cuda.is_available()
    assert found.facts()["optional"] == sorted(found.optional)


def test_available_memory_is_read_and_zero_where_the_system_says_nothing(tmp_path: Path) -> None:
    told = tmp_path / "meminfo"
    told.write_text("MemTotal:       100 kB\nMemAvailable:    12 kB\n")
    assert available_memory(told) == 12 * 1024
    told.write_text("MemTotal:       100 kB\n")
    assert available_memory(told) == available_memory(tmp_path / "none") == 0


def test_a_gpu_is_asked_how_busy_and_how_hot_it_is_where_there_is_a_library_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware.torch.cuda, "utilization", lambda: 97)
    monkeypatch.setattr(hardware.torch.cuda, "temperature", lambda: 61)
    monkeypatch.setattr(hardware, "_importable", lambda name: name == "pynvml")
    assert device_use("cuda") == hardware.DeviceUse(97.0, 61.0)
    assert device_use("cpu") == hardware.DeviceUse(None, None)
    monkeypatch.setattr(hardware, "_importable", lambda name: False)
    assert device_use("cuda") == hardware.DeviceUse(None, None)
