"""The processes that measure one cell together: who measures which samples, and how they exchange what they hold."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed import PrefixStore, TCPStore  # type: ignore[attr-defined]

from bench.machine.mapped_arrays import mapped
from bench.machine.torchrun import rank_of

PATIENCE = timedelta(days=7)
"""The longest that a rank waits for another; one that dies ends the others' waiting, since the runner ends them all."""
TO_MEET = timedelta(minutes=5)
"""The longest that a process waits for the store."""
PIECE = 1 << 26
"""The most bytes that are sent at a time."""
LARGE = 1 << 20
"""Tables of float32 with more bytes are received on disk."""


@dataclass(frozen=True)
class Meeting:
    """Where and as which rank a process meets the others.

    Attributes:
        rank: number of the process, from 0.
        size: number of the processes.
        host, port: of the store that they meet at.
        name: name of the meeting in the store, different for each attempt at a cell.
        local: number of the process on its machine, from 0.
        locals: number of the processes on its machine.
    """

    rank: int
    size: int
    host: str
    port: int
    name: str
    local: int = 0
    locals: int = 1

    @cached_property
    def store(self) -> Any:
        """The part of the store that belongs to this meeting."""
        return PrefixStore(self.name, TCPStore(self.host, self.port, is_master=False, timeout=TO_MEET))

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "store"}


def launched() -> Meeting | None:
    """The meeting of the processes that torchrun started, of which this is one; None without torchrun."""
    ours = rank_of()
    if ours is None:
        return None
    rank, size = ours
    port, local, locals_ = (int(os.environ[name]) for name in ("MASTER_PORT", "LOCAL_RANK", "LOCAL_WORLD_SIZE"))
    attempt = f"bench-{os.environ.get('TORCHELASTIC_RESTART_COUNT', 0)}"
    return Meeting(rank, size, os.environ["MASTER_ADDR"], port, attempt, local, locals_)


def hosted(port: int = 0) -> Any:
    """A store of this process, at which others can meet as long as it is held; its ``port`` is one that is free if 0.

    None where torchrun has one at that port.
    """
    if port and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
        return None
    return TCPStore("127.0.0.1" if not port else "0.0.0.0", port, is_master=True, wait_for_workers=False)


class RankLost(BaseException):
    """Another process ended while this one waited for it; no metric or system may take it for an error of its own."""


class HandedOver(Exception):
    """Raised in a process that has given what it measured to the first one, which computes the result."""


class Ranks:
    """The ranks of a cell as one of them sees them; without a meeting it is alone."""

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank, self.size = rank, size

    @classmethod
    @contextmanager
    def met(cls, meeting: Meeting | None) -> Iterator[Ranks]:
        """The ranks of a meeting, once all of them have come; alone if it is None."""
        if meeting is None or meeting.size == 1:
            yield cls()
            return
        if meeting.host in ("127.0.0.1", "localhost"):
            os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
        dist.init_process_group(
            "gloo", store=meeting.store, rank=meeting.rank, world_size=meeting.size, timeout=PATIENCE
        )
        try:
            yield cls(meeting.rank, meeting.size)
        finally:
            dist.destroy_process_group()

    @property
    def first(self) -> bool:
        """Whether this is the rank that computes and writes the result."""
        return self.rank == 0

    def share(self, n: int, block: int) -> Sequence[int]:
        """The positions of ``n`` samples that this rank measures, in order: every ``size``-th block of them."""
        if self.size == 1:
            return range(n)
        starts = range(self.rank * block, n, self.size * block)
        return [position for start in starts for position in range(start, min(start + block, n))]

    def exchange(self, value: Any) -> list[Any]:
        """The value of each rank, in their order; all ranks must call it equally often, each from one thread."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        with _others_end():
            dist.all_gather_object(values, value)
        return values

    def collect(self, tensor: torch.Tensor, group: Any = None) -> list[torch.Tensor]:
        """A tensor of each rank: all of them on the first rank, on the CPU, large tables on disk; elsewhere its own.

        They may differ in their first dimension. What is empty on one rank takes the other dimensions and the dtype
        of those that are not.
        """
        if self.size == 1:
            return [tensor]
        forms = self.exchange((tuple(tensor.shape), tensor.dtype))
        filled = next((form for form in forms if math.prod(form[0])), forms[0])
        if not self.first:
            with _others_end():
                for piece in _pieces(tensor.detach().cpu()):
                    dist.send(piece, 0)
            return [tensor]
        tensors = []
        for rank, (shape, dtype) in enumerate(forms):
            if not math.prod(shape):
                tensors.append(torch.zeros(0, *filled[0][1:], dtype=filled[1]))
                continue
            if rank == 0:
                tensors.append(tensor.detach().cpu())
                continue
            on_disk = len(shape) == 2 and dtype == torch.float32 and 4 * math.prod(shape) > LARGE
            taken = mapped(shape) if on_disk else torch.empty(shape, dtype=dtype)
            with _others_end():
                for piece in _pieces(taken):
                    dist.recv(piece, rank)
            tensors.append(taken)
        return tensors


ALONE = Ranks()


@contextmanager
def _others_end() -> Iterator[None]:
    """A context in which the end of another process raises RankLost."""
    try:
        yield
    except RuntimeError as error:
        raise RankLost("another of the processes that measure this cell ended") from error


def _pieces(tensor: torch.Tensor) -> Sequence[torch.Tensor]:
    """The bytes of a tensor in pieces that share its memory, if it is contiguous; none of an empty one."""
    return tensor.contiguous().reshape(-1).view(torch.uint8).split(PIECE) if tensor.numel() else ()
