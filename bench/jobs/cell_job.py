"""What a job does on its node: it runs ``bench run`` for one cell and notes how that ended."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.jobs.records import Ending, Records

SECONDS_TO_END = 20.0
"""The longest that the command may take to end its cell; when Slurm ends a job, it kills what is left after 30."""
TAIL = 4000
"""Bytes of the log that the reason is looked for in."""


class CellJob:
    """The function that submitit calls in the job of a cell.

    Where the job runs into its time limit or is preempted, submitit has it queued again and calls it again; the command
    then goes on where the cell saved itself.

    Args:
        command: the whole command that measures the cell.
        run: the run directory.
        name: the name of the cell's result, without its ending.
    """

    def __init__(self, command: Sequence[str], run: Path, name: str) -> None:
        self.command, self.run, self.name = list(command), run, name

    def __call__(self) -> int:
        """Measure the cell, and return the exit code of the command."""
        import submitit

        environment = submitit.JobEnvironment()
        records = Records(self.run)
        records.begin(self.name)
        # Slurm sends the signal to every process of the job; only submitit has something to do then.
        process = subprocess.Popen(self.command, preexec_fn=_ignore_the_warning)
        try:
            code = process.wait()
        finally:  # submitit leaves by an exception
            process.terminate()
            try:
                process.wait(SECONDS_TO_END)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        reason = _reason(environment.paths.stderr) if code else ""
        ended = datetime.now(UTC).isoformat(timespec="seconds")
        records.end(self.name, Ending(job=environment.job_id, ended=ended, code=code, reason=reason))
        return code

    def checkpoint(self) -> object:
        """What is to be run when the job is queued again: the same."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def _ignore_the_warning() -> None:
    import submitit

    name = f"SIG{submitit.JobEnvironment.USR_SIG}"
    signal.signal(getattr(signal, name), signal.SIG_IGN)


def _reason(log: Path) -> str:
    """The last error that a log has, or else its last line."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - TAIL))
            lines = stream.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    lines = [line for line in lines if line.strip()]
    errors = [number for number, line in enumerate(lines) if line.startswith("Error: ")]
    chosen = lines[errors[-1] :] if errors else lines[-1:]
    return " ".join(line.strip() for line in chosen).removeprefix("Error: ")
