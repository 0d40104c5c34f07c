"""States of jobs as their queue has them: Slurm's, without its accounting, or the processes of this machine."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import psutil

from bench.errors import Unavailable
from bench.jobs.records import JobRecord

SECONDS = 30.0
"""The longest that Slurm may take to answer."""
UNKNOWN = "Invalid job id"
"""What ``squeue`` says where it has forgotten all jobs that it is asked for."""
WAITING = frozenset(
    {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD"}
)
ACTIVE = frozenset({"RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT", "RESIZING"})


@dataclass(frozen=True)
class QueueState:
    """A job as its queue has it.

    Attributes:
        state: Slurm's name of the state, such as ``PENDING`` or ``CANCELLED``.
        node: where it runs or ran.
        reason: why it waits or ended.
    """

    state: str
    node: str = ""
    reason: str = ""


def states_of(jobs: Iterable[JobRecord]) -> Mapping[str, QueueState]:
    """The states of jobs by their ids; jobs that ended long ago have none.

    Slurm forgets an ended job after some minutes (``MinJobAge``).

    Raises:
        Unavailable: ``squeue`` is missing, or does not answer.
    """
    jobs = list(jobs)
    states = _of_slurm([record.job for record in jobs if record.launcher == "slurm"])
    for record in jobs:
        if record.launcher == "local" and _runs_here(record):
            states[record.job] = QueueState("RUNNING", record.host)
    return states


def _of_slurm(ids: list[str]) -> dict[str, QueueState]:
    if not ids:
        return {}
    program = shutil.which("squeue")
    if program is None:
        raise Unavailable("squeue is not here; ask a machine of the cluster")
    arrays = ",".join(dict.fromkeys(job.partition("_")[0] for job in ids))
    command = [program, "--noheader", "--array", "--states=all", f"--jobs={arrays}", "--format=%i|%T|%N|%r"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"squeue does not answer: {error}") from error
    if done.returncode and UNKNOWN not in done.stderr:
        raise Unavailable(f"squeue: {done.stderr.strip()}")
    rows = (line.split("|") for line in done.stdout.splitlines())
    return {row[0].strip(): QueueState(row[1], row[2], "" if row[3] == "None" else row[3]) for row in rows if row[3:]}


def _runs_here(record: JobRecord) -> bool:
    """Whether the process of a job of the local launcher is alive."""
    if record.host != socket.gethostname():
        return False
    try:
        process = psutil.Process(int(record.job))
        return process.status() != psutil.STATUS_ZOMBIE and any("submitit" in part for part in process.cmdline())
    except (psutil.Error, ValueError):
        return False
