"""Provenance: the code, packages and hardware that a number was computed with."""

from __future__ import annotations

import hashlib
import importlib
import os
import platform
import subprocess
import sys
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

# What can change a number; the versions enter the key by which finished cells are recognized.
NUMERIC_PACKAGES = (
    "torch",
    "torchvision",
    "torchmetrics",
    "torch-fidelity",
    "efficientnet-lite-pytorch",
    "faiss-cpu",
    "numpy",
    "scipy",
    "scikit-image",
    "pillow",
    "diffusers",
    "transformers",
    "av",
    "jiwer",
    "librosa",
    "onnxruntime",
    "pesq",
    "pocketsphinx",
    "pystoi",
    "resemblyzer",
    "snac",
    "soundfile",
    "soxr",
    "speechmos",
    "speechtokenizer",
    "visqol-python",
    "whisper-normalizer",
)

PRESENTATION = (
    "__main__.py",
    "cli.py",
    "commands",
    "contracts/last_command.py",
    "exit_codes.py",
    "gate",
    "jobs",
    "leaderboard",
    "machine/claims.py",
    "machine/holders.py",
    "machine/progress.py",
    "measuring/precheck.py",
    "reported",
    "site",
    "tracking",
)


@cache
def code_hash() -> str:
    """sha256, in hex, over the source that results depend on, so that other code means another key.

    What only shows or exports results does not count, so that a new table needs no new measurement.
    """
    hasher = hashlib.sha256()
    for package in ("bench", "bench.tasks"):
        folder = Path(next(iter(importlib.import_module(package).__path__)))
        for file in sorted(folder.rglob("*.py")):
            inside = file.relative_to(folder)
            if {inside, *inside.parents} & {Path(name) for name in PRESENTATION} or inside.name == "view.py":
                continue
            hasher.update(file.relative_to(folder).as_posix().encode() + b"\0")
            hasher.update(file.read_bytes())
    return hasher.hexdigest()


@cache
def package_versions() -> dict[str, str]:
    """The installed versions of the packages that can change a number, by distribution."""
    versions = {}
    for name in NUMERIC_PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


PROCESSOR_FIELDS = (
    *("vendor_id", "cpu family", "model", "stepping", "cache size"),  # x86
    *("CPU implementer", "CPU architecture", "CPU variant", "CPU part", "CPU revision"),  # Arm
)
"""Lines of /proc/cpuinfo that distinguish processors of one name and do not change while they run."""


def device_name(device: str) -> str:
    """The full model name of the processor with its cores, or of the accelerator with its memory.

    A virtual processor often has the name of a whole family ("AMD EPYC"); :func:`hardware` is more specific.
    """
    if device.startswith("cuda"):
        import torch

        properties = torch.cuda.get_device_properties(torch.device(device))
        return f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{_processor()}, {cores} cores"


def timed_units(device: str) -> tuple[str, ...]:
    """What is timed on a device and may do nothing else meanwhile: the cores of the processor, or the accelerator.

    Names are unique on a machine, whatever part of it this process sees.
    """
    if device.startswith("cuda"):
        import torch

        properties = torch.cuda.get_device_properties(torch.device(device))
        return (str(getattr(properties, "uuid", device)),)
    if device.partition(":")[0] != "cpu":
        return (device,)
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    return tuple(f"core {core}" for core in sorted(cores))


def hardware(device: str) -> dict[str, str | float]:
    """What distinguishes a device from others of its name; for a processor, its /proc/cpuinfo and the memory size.

    Numbers are measured by the operating system and differ a little from boot to boot; texts do not.
    """
    if device.startswith("cuda"):
        import torch

        properties = torch.cuda.get_device_properties(torch.device(device))
        return {
            "compute capability": f"{properties.major}.{properties.minor}",
            "multiprocessors": str(properties.multi_processor_count),
            "memory_bytes": float(properties.total_memory),
        }
    described: dict[str, str | float] = {}
    lines = _cpuinfo()
    for field in PROCESSOR_FIELDS:
        if values := sorted({value for name, value in lines if name == field}):
            described[field] = " | ".join(values)  # cores of several kinds
    if speeds := [float(value) for name, value in lines if name.lower() == "bogomips"]:
        described["bogomips"] = max(speeds)  # of x86, twice the base frequency
    with suppress(ValueError, OSError, AttributeError):  # not every system has these
        described["memory_bytes"] = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return described


def describe(device: str) -> dict[str, Any]:
    """Everything that a result states about where it was computed: code, packages, device, flags. Imports torch."""
    import torch

    from bench.machine.precision import allows_tf32

    described: dict[str, Any] = {
        "bench": metadata.version("ntp-bench"),
        "code": code_hash(),
        "git": git_state(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": package_versions(),
        "device": device_name(device),
        "threads": torch.get_num_threads(),
        "flags": {
            "tf32_matmul": allows_tf32(torch.backends.cuda.matmul),
            "tf32_cudnn": allows_tf32(torch.backends.cudnn),
            "cudnn_benchmark": torch.backends.cudnn.benchmark,
            "autocast": False,
        },
    }
    if device.startswith("cuda"):
        properties = torch.cuda.get_device_properties(torch.device(device))
        described["cuda"] = {
            "runtime": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
            "driver": _driver(),
            "memory_bytes": properties.total_memory,
        }
    return described


@cache
def git_state() -> dict[str, Any] | None:
    """The commit of the checkout that the code runs from and whether it has changes; None if it is not a checkout."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        sha = _output("git", "-C", str(root), "rev-parse", "HEAD")
        return {"sha": sha, "dirty": bool(_output("git", "-C", str(root), "status", "--porcelain"))}
    except (OSError, subprocess.SubprocessError):
        return None


@cache
def _processor() -> str:
    names = [value for name, value in _cpuinfo() if name == "model name"]
    if not names and sys.platform == "darwin":
        with suppress(OSError, subprocess.SubprocessError):
            names.append(_output("sysctl", "-n", "machdep.cpu.brand_string"))
    return names[0] if names else platform.processor() or platform.machine()


@cache
def _cpuinfo() -> tuple[tuple[str, str], ...]:
    """The names and values in /proc/cpuinfo, in its order; empty where there is no such file."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ()
    pairs = (line.partition(":") for line in lines if ":" in line)
    return tuple((name.strip(), value.strip()) for name, _, value in pairs)


def _driver() -> str | None:
    try:
        return _output("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader").splitlines()[0]
    except (OSError, subprocess.SubprocessError, IndexError):
        return None


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
