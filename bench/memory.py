"""Peak memory of a piece of work, on the accelerator or in the process."""

from __future__ import annotations

from pathlib import Path

import torch

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class MemoryMeter:
    """Peak bytes above what was held when the meter was made.

    On CUDA it is the allocator's peak. On the CPU it is the process's peak resident memory, which Linux
    can reset (``/proc/self/clear_refs``); elsewhere there is no peak to be had and ``peak`` gives None.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._floor = torch.cuda.memory_allocated(device) if device.type == "cuda" else _status_bytes("VmRSS")

    def reset(self) -> None:
        """Forget the peak so far."""
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        else:
            try:
                _CLEAR.write_text("5")
            except OSError:
                self._floor = None

    def peak(self) -> int | None:
        """Peak since ``reset``, in bytes above the floor; None where the system cannot tell."""
        if self._floor is None:
            return None
        if self.device.type == "cuda":
            return int(torch.cuda.max_memory_allocated(self.device)) - self._floor
        high = _status_bytes("VmHWM")
        return None if high is None else max(0, high - self._floor)


def _status_bytes(field: str) -> int | None:
    try:
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(field))
    except (OSError, StopIteration):
        return None
    return int(line.split()[1]) * 1024
