"""What a machine has that matters for training, and how busy its accelerator is."""

import importlib.util
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

GIBIBYTE = 2**30
MEMINFO = Path("/proc/meminfo")
KIBIBYTE = 1024


@dataclass(frozen=True)
class HardwareProfile:
    """A machine. `capability` is CUDA's (8, 9), None without a GPU; memory and disk in bytes, what is free of them now.

    `optional`: which of apex, flash_attn and nvidia.dali can be imported. `compiler`: a C++ compiler, which torch.compile needs
    on a processor.
    """

    device: str = "cpu"
    name: str = "processor"
    n_devices: int = 0
    capability: tuple[int, int] | None = None
    bf16: bool = False
    device_bytes: int = 0
    cores: int = 1
    memory_bytes: int = 0
    disk_bytes: int = 0
    torch_build: str = ""
    compiler: bool = False
    optional: frozenset[str] = frozenset()

    @property
    def cuda(self) -> bool:
        """Whether there is a GPU that this torch can use."""
        return self.capability is not None

    def facts(self) -> dict[str, Any]:
        """The profile as JSON values."""
        return asdict(self) | {
            "capability": None if self.capability is None else ".".join(map(str, self.capability)),
            "optional": sorted(self.optional),
        }


OPTIONAL = ("apex", "flash_attn", "nvidia.dali")


def detected(folder: Path) -> HardwareProfile:
    """The machine this runs on; `folder` is where snapshots go, on whose disk space is counted."""
    about: dict[str, Any] = {
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": available_memory(),
        "disk_bytes": shutil.disk_usage(next(f for f in (folder, *folder.absolute().parents) if f.exists())).free,
        "torch_build": torch.__version__,
        "compiler": shutil.which("g++") is not None or shutil.which("clang++") is not None,
        "optional": frozenset(name for name in OPTIONAL if _importable(name)),
    }
    if not torch.cuda.is_available():
        return HardwareProfile(**about)
    free, _ = torch.cuda.mem_get_info()
    return HardwareProfile(
        device="cuda",
        name=torch.cuda.get_device_name(),
        n_devices=torch.cuda.device_count(),
        capability=torch.cuda.get_device_capability(),
        bf16=torch.cuda.is_bf16_supported(including_emulation=False),
        device_bytes=free,
        **about,
    )


def available_memory(meminfo: Path = MEMINFO) -> int:
    """Bytes that can be had without swapping; 0 where the system does not say."""
    if not meminfo.exists():
        return 0
    lines = (line.split() for line in meminfo.read_text().splitlines())
    return next((int(words[1]) * KIBIBYTE for words in lines if words[0] == "MemAvailable:"), 0)


@dataclass(frozen=True)
class DeviceUse:
    """Per cent of the last moment in which a kernel ran, and degrees Celsius; None where nothing tells."""

    percent: float | None = None
    celsius: float | None = None


def device_use(device: str) -> DeviceUse:
    """How busy and how hot a GPU is; nothing is known of a processor, nor of a GPU without NVIDIA's management library."""
    if device != "cuda" or not _importable("pynvml"):
        return DeviceUse()
    return DeviceUse(float(torch.cuda.utilization()), float(torch.cuda.temperature()))


def _importable(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        # The package above it is not there.
        return False
