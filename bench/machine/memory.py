"""The peak memory of a system, on the accelerator or in the process."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress
from pathlib import Path

import torch

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class MemoryMeter:
    """Measures the peak bytes of a system: what it holds once loaded, and the most that a batch adds.

        meter = MemoryMeter(device)
        ...                        # build the system
        meter.loaded()
        meter.reset()              # before each batch, the first of them warm
        ...                        # encode and decode
        meter.peak()

    On CUDA both are the allocator's. On the CPU the first is the growth of anonymous memory (without the pages of
    libraries that happen to be read meanwhile), the second the process's peak resident memory, which Linux can reset
    (``/proc/self/clear_refs``); elsewhere the peak is not available.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._held: int | None = None
        self._base: int | None = None
        self._floor = self._holds()

    def loaded(self, own: int | None = None) -> None:
        """Note that the system is built: it holds ``own`` bytes, or if not given, what the process has grown by."""
        holds = self._holds()
        grown = None if holds is None or self._floor is None else max(0, holds - self._floor)
        self._held = grown if own is None else own

    def reset(self) -> None:
        """Forget the peak so far."""
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
            self._base = torch.cuda.memory_allocated(self.device)
            return
        try:
            _CLEAR.write_text("5")
            self._base = _status_bytes("VmRSS")
        except OSError:
            self._base = None

    def peak(self) -> int | None:
        """The peak since ``reset`` in bytes, including what the system holds; None where it is not available."""
        if self.device.type == "cuda":
            high: int | None = int(torch.cuda.max_memory_allocated(self.device))
        else:
            high = _status_bytes("VmHWM")
        if high is None or self._base is None or self._held is None:
            return None
        return self._held + max(0, high - self._base)

    def _holds(self) -> int | None:
        gc.collect()
        if self.device.type == "cuda":
            return int(torch.cuda.memory_allocated(self.device))
        with suppress(OSError, AttributeError):  # glibc keeps freed memory unless asked to return it
            ctypes.CDLL("libc.so.6").malloc_trim(0)
        return _status_bytes("RssAnon")


def _status_bytes(field: str) -> int | None:
    try:
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(field))
    except (OSError, StopIteration):
        return None
    return int(line.split()[1]) * 1024
