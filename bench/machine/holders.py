"""Processes as the owners of claims: who they are, on whatever machine, and whether they are still alive."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.machine.texts import visible

STALE = 120.0
"""Seconds without a sign of life after which an owner is taken for dead, if nothing else is known of it."""


@dataclass(frozen=True)
class Holder:
    """The owner of a claim and how far it is.

    Attributes:
        host, boot, namespace, pid, born: the process: its machine, that machine's boot, the namespace of process
            numbers, and its number and start there.
        job, restarts: the job of a cluster that it belongs to, if any, and how often that was started again.
        since: when the claim was taken: UTC, ISO 8601.
        device: the device that is measured on.
        units: what is timed and belongs to nobody else meanwhile: processor cores, or a GPU.
        phase, done, total: how far the cell is.
    """

    host: str
    boot: str
    namespace: str
    pid: int
    born: float
    job: str = ""
    restarts: int = 0
    since: str = ""
    device: str = ""
    units: tuple[str, ...] = ()
    phase: str = ""
    done: int = 0
    total: int = 0

    @property
    def named(self) -> str:
        """The process as text for people."""
        return visible(f"process {self.pid} on {self.host}" + (f", job {self.job}" if self.job else ""))

    @property
    def progress(self) -> str:
        """How far it is as text for people."""
        return visible(" · ".join([self.phase, *([f"{self.done} of {self.total}"] if self.total else [])]))

    def sees(self, other: Holder) -> bool:
        """Whether this process sees the other one in its table of processes while that lives."""
        return (self.host, self.boot, self.namespace) == (other.host, other.boot, other.namespace)

    def outlived(self, other: Holder, idle: float) -> bool:
        """Whether another claim is void.

        Args:
            idle: seconds since its last sign of life.
        """
        if self.sees(other):
            return not is_alive(other)
        if self.host == other.host and self.boot != other.boot and self.boot and other.boot:
            return True
        if other.job and self.job == other.job and self.restarts > other.restarts:
            return True
        return idle > STALE


def this_process() -> Holder:
    """This process, as the owner of claims."""
    return Holder(
        host=socket.gethostname(),
        boot=_text("/proc/sys/kernel/random/boot_id"),
        namespace=_link("/proc/self/ns/pid"),
        pid=os.getpid(),
        born=_born(os.getpid()),
        job=os.environ.get("SLURM_JOB_ID", ""),
        restarts=int(os.environ.get("SLURM_RESTART_COUNT", "0")),
    )


def is_alive(holder: Holder) -> bool:
    """Whether a process that this one sees in its table of processes is alive."""
    try:
        return psutil.Process(holder.pid).status() != psutil.STATUS_ZOMBIE and _born(holder.pid) == holder.born
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:  # it belongs to somebody else
        return True


def _born(pid: int) -> float:
    """When a process started: on Linux in ticks since the boot, which no clock that is set moves."""
    if status := _text(f"/proc/{pid}/stat"):
        return float(status.rpartition(")")[2].split()[19])
    return float(psutil.Process(pid).create_time())


def _text(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _link(path: str) -> str:
    try:
        return str(Path(path).readlink())
    except OSError:
        return ""
