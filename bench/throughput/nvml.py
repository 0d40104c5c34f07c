"""What NVIDIA's management library (NVML) knows of a CUDA device: memory, energy, clocks, limits."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import torch

from bench.errors import Unavailable
from bench.machine.extras import remedy

REASONS = {
    0x1: "idle",
    0x2: "clocks set by an application",
    0x4: "software power cap",
    0x8: "hardware slowdown",
    0x10: "synchronized boost",
    0x20: "software thermal slowdown",
    0x40: "hardware thermal slowdown",
    0x80: "hardware power brake",
    0x100: "clocks set for a display",
}
"""The bits of what holds clocks down, as NVML's header defines them."""


class Nvml:
    """One CUDA device as NVML sees it.

    Args:
        device: the device as torch names it.

    Raises:
        Unavailable: the package is not installed, there is no NVIDIA driver, or the device is not found.
    """

    def __init__(self, device: torch.device) -> None:
        if device.type != "cuda":
            raise Unavailable("NVML is for NVIDIA's devices only")
        try:
            import pynvml
        except ImportError as error:
            raise Unavailable("NVML's package nvidia-ml-py is not installed", remedy("pynvml")) from error
        self._nvml: Any = pynvml
        try:
            pynvml.nvmlInit()
            # Numbers of devices differ where CUDA_VISIBLE_DEVICES hides some of them.
            uuid = str(torch.cuda.get_device_properties(device).uuid)
            self._handle = pynvml.nvmlDeviceGetHandleByUUID(uuid if uuid.startswith("GPU-") else f"GPU-{uuid}")
        except (pynvml.NVMLError, AttributeError, RuntimeError) as error:
            raise Unavailable(f"NVML does not find {device}: {error}") from error

    def joules(self) -> float | None:
        """Energy in joules since the driver was loaded; None where the device does not count it."""
        millijoules: int | None = self._asked(lambda nvml, handle: nvml.nvmlDeviceGetTotalEnergyConsumption(handle))
        return None if millijoules is None else millijoules / 1000

    def device_bytes(self) -> int | None:
        """Memory of the device that all processes use."""
        used: int | None = self._asked(lambda nvml, handle: int(nvml.nvmlDeviceGetMemoryInfo(handle).used))
        return used

    def process_bytes(self) -> int | None:
        """Memory of the device that this process uses; None in a container that hides the numbers of processes."""
        running = self._asked(lambda nvml, handle: nvml.nvmlDeviceGetComputeRunningProcesses(handle)) or []
        return next((process.usedGpuMemory for process in running if process.pid == os.getpid()), None)

    def state(self) -> dict[str, Any]:
        """Clocks, what holds them down, power, temperature and the driver; without what the device does not state."""
        facts: dict[str, Callable[[Any, Any], Any]] = {
            "driver": lambda nvml, handle: nvml.nvmlSystemGetDriverVersion(),
            "clock_mhz": lambda nvml, handle: nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM),
            "highest_clock_mhz": lambda nvml, handle: nvml.nvmlDeviceGetMaxClockInfo(handle, nvml.NVML_CLOCK_SM),
            "memory_clock_mhz": lambda nvml, handle: nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_MEM),
            "throttled_by": lambda nvml, handle: reasons(nvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle)),
            "power_watts": lambda nvml, handle: nvml.nvmlDeviceGetPowerUsage(handle) / 1000,
            "power_limit_watts": lambda nvml, handle: nvml.nvmlDeviceGetEnforcedPowerLimit(handle) / 1000,
            "temperature_celsius": lambda nvml, handle: nvml.nvmlDeviceGetTemperature(
                handle, nvml.NVML_TEMPERATURE_GPU
            ),
            "used_by_all_bytes": lambda nvml, handle: int(nvml.nvmlDeviceGetMemoryInfo(handle).used),
        }
        stated = {name: self._asked(fact) for name, fact in facts.items()}
        return {name: value for name, value in stated.items() if value is not None}

    def _asked(self, question: Callable[[Any, Any], Any]) -> Any:
        with suppress(self._nvml.NVMLError):
            answer = question(self._nvml, self._handle)
            return answer.decode() if isinstance(answer, bytes) else answer
        return None


def reasons(bits: int) -> list[str]:
    """What holds clocks down, from NVML's bits."""
    known = [words for bit, words in REASONS.items() if bits & bit]
    unknown = bits & ~sum(REASONS)
    return known + ([f"unknown ({unknown:#x})"] if unknown else [])
