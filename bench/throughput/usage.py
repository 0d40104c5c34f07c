"""What a call takes besides time, each measured in a pass of its own: memory and energy."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable

import torch

from bench.contracts.sweep import SweepRow
from bench.errors import BenchError, Unavailable
from bench.machine.memory import MemoryMeter
from bench.metrics.cost import MEBIBYTE, UNTOLD
from bench.throughput.nvml import Nvml

ENERGY_CALLS = 3
"""Calls that the energy of a call is the mean of, at least."""


class Usage:
    """Measures memory and energy on one device.

    Args:
        device: the device.
        energy_seconds: seconds that an energy pass takes at least; 0 leaves energy out.

    Attributes:
        nvml: what NVML knows of the device; None where it is not available.
        lacking: why a column of ``SweepRow`` has no value on this machine, by column.
    """

    def __init__(self, device: torch.device, energy_seconds: float) -> None:
        self.device, self.energy_seconds = device, energy_seconds
        self.nvml: Nvml | None = None
        self.lacking: dict[str, str] = {}
        self._meter = MemoryMeter(device)
        try:
            self.nvml = Nvml(device)
        except Unavailable as reason:
            columns = ["device_mib", "joules_per_sample", *(["process_mib"] if device.type == "cuda" else [])]
            self.lacking |= dict.fromkeys(columns, str(reason))
        if device.type != "cuda":
            told = "torch counts what it allocates on accelerators only"
            self.lacking |= {"allocated_mib": told, "reserved_mib": told}
        if self.nvml and not energy_seconds:
            self.lacking["joules_per_sample"] = "the protocol leaves energy out (energy_seconds: 0)"

    def forget(self) -> None:
        """Note what the process holds before a system is loaded."""
        self._meter = MemoryMeter(self.device)

    def loaded(self) -> None:
        """Note that the system is loaded."""
        self._meter.loaded()

    def memory(self, call: Callable[[], object]) -> dict[str, float]:
        """Peak memory of one call in MiB, by column, as far as it is known here."""
        on_cuda = self.device.type == "cuda"
        if on_cuda:
            torch.cuda.reset_peak_memory_stats(self.device)
        else:
            self._meter.reset()
        call()
        if not on_cuda:
            peak = self._meter.peak()
            if peak is None:
                self.lacking["process_mib"] = UNTOLD
            return _mebibytes(process_mib=peak)
        torch.cuda.synchronize(self.device)
        return _mebibytes(
            allocated_mib=torch.cuda.max_memory_allocated(self.device),
            reserved_mib=torch.cuda.max_memory_reserved(self.device),
            process_mib=self.nvml.process_bytes() if self.nvml else None,
            device_mib=self.nvml.device_bytes() if self.nvml else None,
        )

    def energy(self, call: Callable[[], object], seconds: float, samples: int) -> dict[str, float]:
        """Energy per sample in joules, idle power included; empty where it is not counted.

        Args:
            seconds: duration of a call.
            samples: samples of a call.
        """
        if self.nvml is None or not self.energy_seconds:
            return {}
        count = max(ENERGY_CALLS, math.ceil(self.energy_seconds / max(seconds, 1e-9)))
        torch.cuda.synchronize(self.device)
        before = self.nvml.joules()
        for _ in range(count):
            call()
        torch.cuda.synchronize(self.device)
        after = self.nvml.joules()
        if before is None or after is None:
            self.lacking["joules_per_sample"] = "the device does not count its energy"
            return {}
        return {"joules_per_sample": (after - before) / (count * samples)}


def _mebibytes(**amounts: int | None) -> dict[str, float]:
    """The amounts that are known; nothing is not known, since less than the counters show was used then."""
    return {name: amount / MEBIBYTE for name, amount in amounts.items() if amount}


NO_TF32 = "TF32 is of CUDA devices"


def left_out(row: SweepRow, reason: str) -> SweepRow:
    """A row for what cannot be measured here, with the reason."""
    return row.model_copy(update={"outcome": "left out", "reason": reason})


OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "ALLOC_FAILED")
"""Texts of errors of the processor's allocator and of CUDA's libraries, which have no class of their own."""


def trouble(row: SweepRow, error: Exception) -> SweepRow:
    """A row with the error that a setting raised: out of memory, or failed."""
    text = (error.cause if isinstance(error, BenchError) else str(error)).strip()
    first = text.splitlines()[0] if text else ""
    short = isinstance(error, torch.OutOfMemoryError | MemoryError) or any(sign in text for sign in OUT_OF_MEMORY)
    reason = first if isinstance(error, BenchError) else f"{type(error).__name__}: {first}".removesuffix(": ")
    return row.model_copy(update={"outcome": "out of memory" if short else "failed", "reason": reason[:LONGEST]})


LONGEST = 300
"""The most characters of an error's first line that a row keeps."""


def free(device: torch.device) -> None:
    """Return the memory of what is gone to a CUDA device; a processor's is returned when it is gone."""
    if device.type == "cuda":
        gc.collect()
        torch.cuda.empty_cache()
