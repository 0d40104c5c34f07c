"""Cells submitted as jobs: each runs the user's command again for its cell alone, on the node that it gets.

So what depends on the machine is decided there: the device, and with it the key of the cell.
"""

from __future__ import annotations

import shlex
import socket
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.contracts.results import Run
from bench.errors import BenchError, Unavailable
from bench.jobs.cell_job import CellJob
from bench.jobs.queues import ACTIVE, WAITING, states_of
from bench.jobs.records import JobRecord, Records
from bench.jobs.settings import Launch
from bench.machine.extras import remedy
from bench.machine.native_output import silenced

if TYPE_CHECKING:
    import submitit

HERE_ONLY = frozenset({"launcher", "wait", "out", "format", "no-mlflow", "dry-run"})
"""Options of ``bench run`` that its jobs get another value of, or none; so do all that begin with ``slurm-``."""
NO_LIMIT = 60 * 24 * 365
"""Minutes that a job of the local launcher may take."""
LARGEST_ARRAY = 1000
"""The most jobs that are submitted as one array; Slurm's default is one more (``MaxArraySize``)."""
SIGNAL_SECONDS = 90
"""How many seconds before its time limit a job gets the signal to requeue itself."""


def command_for(given: Mapping[str, Any], run: Run, cell: Path) -> list[str]:
    """The command that measures one cell as the user's command would.

    Args:
        given: the options that the user gave.
        cell: the file of the cell's result.
    """
    options = [f"--out={run.path.absolute()}", f"--cell={cell.name}", "--no-mlflow"]
    for name, value in given.items():
        if name in HERE_ONLY or name.startswith("slurm-"):
            continue
        if value is True:
            options.append(f"--{name}")
        else:
            options += [f"--{name}={item}" for item in (value if isinstance(value, list | tuple) else [value])]
    return [sys.executable, "-P", "-m", "bench", "run", *options]


def waiting_or_running(run: Run) -> dict[str, JobRecord]:
    """The jobs that have not ended, by the names of their cells."""
    jobs = Records(run.path).jobs()
    states = states_of(jobs.values())
    alive = WAITING | ACTIVE
    return {name: job for name, job in jobs.items() if job.job in states and states[job.job].state in alive}


def submit(cells: Sequence[Path], run: Run, launch: Launch, given: Mapping[str, Any]) -> list[JobRecord]:
    """Submit a job for each cell, and remove the files of jobs that have ended.

    Args:
        cells: the files of the cells' results.
        given: the options that the user gave.

    Raises:
        Unavailable: submitit is not installed.
        BenchError: there is no Slurm here, or it rejects the jobs.
    """
    records = Records(run.path)
    _clean(records, [job.job for job in waiting_or_running(run).values()])
    executor = _executor(records.logs, launch, run.path.name)
    functions = [CellJob(command_for(given, run, cell), run.path.absolute(), cell.stem) for cell in cells]
    for cell in cells:
        records.begin(cell.stem)
    with _reported(), silenced() if launch.launcher == "local" else nullcontext():
        jobs = [
            job
            for start in range(0, len(functions), LARGEST_ARRAY)
            for job in executor.submit_array(functions[start : start + LARGEST_ARRAY])
        ]
    submitted = []
    for cell, job in zip(cells, jobs, strict=True):
        record = JobRecord(
            job=job.job_id,
            launcher="slurm" if launch.launcher == "slurm" else "local",
            host=socket.gethostname(),
            submitted=datetime.now(UTC).isoformat(timespec="seconds"),
            log=str(job.paths.stderr.relative_to(run.path.absolute())),
        )
        records.save(cell.stem, record)
        submitted.append(record)
    return submitted


def _executor(folder: Path, launch: Launch, name: str) -> submitit.Executor:
    try:
        import submitit
    except ImportError as error:
        raise Unavailable(f"--launcher {launch.launcher} needs submitit", remedy("submitit")) from error
    # As for the command itself, modules are not looked for in the working directory.
    python = f"{shlex.quote(sys.executable)} -P"
    if launch.launcher == "local":
        import torch

        local = submitit.LocalExecutor(folder, max_num_timeout=launch.requeues, python=python)
        local.update_parameters(timeout_min=NO_LIMIT, gpus_per_node=torch.cuda.device_count())
        return local
    try:
        executor = submitit.SlurmExecutor(folder, max_num_timeout=launch.requeues, python=python)
    except RuntimeError as error:
        raise BenchError("--launcher slurm: no srun here; submit from a machine of the cluster") from error
    executor.update_parameters(signal_delay_s=SIGNAL_SECONDS, **launch.slurm_parameters(f"bench-{name}"))
    return executor


@contextmanager
def _reported() -> Iterator[None]:
    """A context in which what sbatch says against the jobs becomes a BenchError."""
    from submitit.core.utils import FailedJobError, FailedSubmissionError

    try:
        yield
    except (FailedJobError, FailedSubmissionError) as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        raise BenchError(f"the jobs were not submitted: {lines[-1] if lines else type(error).__name__}") from error


def _clean(records: Records, alive: Iterable[str]) -> None:
    """Remove submitit's files except those of the jobs that are alive."""
    if records.logs.is_dir():
        kept = tuple(f"{job}_" for job in alive) + tuple(f"{job.partition('_')[0]}_submission" for job in alive)
        for file in records.logs.iterdir():
            if not file.name.startswith(kept):
                file.unlink(missing_ok=True)
