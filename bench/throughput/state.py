"""The state of a device around a sweep: everything that decides its numbers, and that the next run may find changed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import psutil
import torch

from bench.machine.precision import allows_tf32, matmul_precision
from bench.throughput.nvml import Nvml

_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")

Cudnn = Literal["default", "benchmark", "deterministic"]


def state_of(device: torch.device, nvml: Nvml | None) -> dict[str, Any]:
    """Versions, flags, and the clocks, load and limits of the moment.

    Args:
        nvml: what NVML knows of the device; None where it is not available.
    """
    backends = torch.backends
    state: dict[str, Any] = {
        "torch": torch.__version__,
        "matmul_precision": matmul_precision(),
    }
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        return {
            **state,
            "name": properties.name,
            "cuda": torch.version.cuda,
            "cudnn": backends.cudnn.version(),
            "cudnn_benchmark": backends.cudnn.benchmark,
            "cudnn_deterministic": backends.cudnn.deterministic,
            **(nvml.state() if nvml else {}),
        }
    state["threads"] = torch.get_num_threads()
    with suppress(OSError):
        state["load"] = [round(load, 2) for load in os.getloadavg()]
    with suppress(OSError, NotImplementedError, RuntimeError):
        if (frequency := psutil.cpu_freq()) is not None:
            state["clock_mhz"] = round(frequency.current)
            if frequency.max:  # virtual machines do not state it
                state["highest_clock_mhz"] = round(frequency.max)
    with suppress(OSError):
        state["governor"] = _GOVERNOR.read_text().strip()
    return state


@contextmanager
def flags(tf32: bool, cudnn: Cudnn) -> Iterator[None]:
    """A context with these choices of CUDA's arithmetic; those of before are restored after it.

    Args:
        tf32: whether products of float32 are rounded to TF32.
        cudnn: ``benchmark`` tries algorithms out for each shape, ``deterministic`` takes only deterministic ones.
    """
    matmul, library = torch.backends.cuda.matmul, torch.backends.cudnn
    before = (allows_tf32(matmul), allows_tf32(library), library.benchmark, library.deterministic)
    matmul.allow_tf32 = library.allow_tf32 = tf32
    library.benchmark, library.deterministic = cudnn == "benchmark", cudnn == "deterministic"
    try:
        yield
    finally:
        matmul.allow_tf32, library.allow_tf32, library.benchmark, library.deterministic = before
