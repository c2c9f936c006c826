"""What this machine has, found without importing anything heavy: versions, cores, memory, disk, ports, GPUs."""

import os
import shutil
import socket
import subprocess
from pathlib import Path

NVIDIA_PROC = Path("/proc/driver/nvidia/gpus")
MEMINFO = Path("/proc/meminfo")
KIBIBYTE = 1024
SECONDS_FOR_NVIDIA_SMI = 5.0


def locked_versions(lock: Path) -> dict[str, str]:
    """Package names and versions of a `name==version` lock file. Raises `FileNotFoundError`."""
    pairs = (line.strip().split("==") for line in lock.read_text().splitlines() if "==" in line and not line.startswith("#"))
    return {pair[0]: pair[1] for pair in pairs}


def differing_packages(locked: dict[str, str]) -> tuple[list[str], list[str]]:
    """Packages of the lock that are not installed, and those installed in another version ("name 1.0, locked 2.0")."""
    from importlib.metadata import PackageNotFoundError, version  # slow to import, and `doctor` alone asks

    missing, other = [], []
    for name, pinned in locked.items():
        try:
            # A local part such as +cpu names the build, not another release.
            installed = version(name).partition("+")[0]
        except PackageNotFoundError:
            missing.append(name)
            continue
        if installed != pinned:
            other.append(f"{name} {installed}, locked {pinned}")
    return missing, other


def usable_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0))


def available_memory_bytes(meminfo: Path = MEMINFO) -> int | None:
    """Memory that can be had without swapping, or None where the system does not say."""
    if not meminfo.exists():
        return None
    for line in meminfo.read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * KIBIBYTE
    return None


def nearest_existing(path: Path) -> Path:
    """The path itself or the closest folder above it that exists."""
    return next(folder for folder in (path, *path.parents) if folder.exists())


def free_disk_bytes(path: Path) -> int:
    """Free space where the path is or would be."""
    return shutil.disk_usage(nearest_existing(path)).free


def may_write(path: Path) -> bool:
    """Whether files can be made at the path or, while it does not exist, at the nearest folder above; nothing is written."""
    folder = nearest_existing(path)
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def port_in_use(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something listens on the port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((host, port)) == 0


def gpus() -> list[str]:
    """Names of NVIDIA GPUs, by nvidia-smi or the driver's /proc entries; empty when there are none."""
    program = shutil.which("nvidia-smi")
    if program:
        command = [program, "--query-gpu=name,memory.total", "--format=csv,noheader"]
        try:
            found = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_FOR_NVIDIA_SMI, check=False)  # noqa: S603
        except (OSError, subprocess.TimeoutExpired):
            return []
        if found.returncode == 0:
            return [line.strip() for line in found.stdout.splitlines() if line.strip()]
    return sorted(folder.name for folder in NVIDIA_PROC.iterdir()) if NVIDIA_PROC.is_dir() else []
