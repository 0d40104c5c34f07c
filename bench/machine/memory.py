"""Peak memory of a system, on the accelerator or in the process."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress
from pathlib import Path

import torch

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class MemoryMeter:
    """Peak bytes of a system: what it holds once it is loaded, and what a batch takes on top at its worst.

        meter = MemoryMeter(device)
        ...                        # build the system
        meter.loaded()
        meter.reset()              # before each batch, the first of them warm
        ...                        # encode and decode
        meter.peak()

    On CUDA both are the allocator's. On the CPU the first is the growth of anonymous memory (the pages of
    libraries that happen to be read meanwhile are nobody's weights), the second the process's peak resident
    memory, which Linux can reset (``/proc/self/clear_refs``); elsewhere there is no peak to be had.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._held: int | None = None
        self._base: int | None = None
        self._floor = self._holds()

    def loaded(self, own: int | None = None) -> None:
        """The system is built; what the process holds more than before is the system's, or ``own`` bytes if known."""
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
        """Peak since ``reset``, what the system holds included, in bytes; None where nothing can tell."""
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
        with suppress(OSError, AttributeError):  # glibc keeps what was freed, unless it is asked
            ctypes.CDLL("libc.so.6").malloc_trim(0)
        return _status_bytes("RssAnon")


def _status_bytes(field: str) -> int | None:
    try:
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(field))
    except (OSError, StopIteration):
        return None
    return int(line.split()[1]) * 1024
