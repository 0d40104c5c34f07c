"""How cells are launched: here, or as jobs and with which resources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bench.errors import BenchError

Launcher = Literal["here", "local", "slurm"]


@dataclass(frozen=True)
class Launch:
    """The choices of a launcher.

    Attributes:
        launcher: ``here`` measures in this command; ``slurm`` and ``local`` submit a job for each cell.
        wait: whether the command waits for the jobs.
        minutes: time limit of a job, at which it is queued again.
        requeues: how often that may happen.
        parallel: the most jobs at the same time.
        partition, account, qos, gpus, cpus, memory: what is asked of Slurm, its defaults where None; memory in GB.
        setup: commands of the shell that a job begins with.
        further: further options of sbatch, by name.
    """

    launcher: Launcher = "here"
    wait: bool = False
    minutes: int = 60
    requeues: int = 20
    parallel: int = 256
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    gpus: int | None = None
    cpus: int | None = None
    memory: float | None = None
    setup: tuple[str, ...] = ()
    further: Mapping[str, str | bool] = field(default_factory=dict)

    @property
    def here(self) -> bool:
        """Whether the cells are measured in this command."""
        return self.launcher == "here"

    def slurm_parameters(self, name: str) -> dict[str, Any]:
        """The parameters of submitit's executor for jobs of a name."""
        chosen = {
            "partition": self.partition,
            "account": self.account,
            "qos": self.qos,
            "gpus_per_node": self.gpus,
            "cpus_per_task": self.cpus,
            "mem": self.memory,
            "setup": list(self.setup) or None,
            # Since Slurm 22.05 srun does not take this from sbatch.
            "srun_args": [f"--cpus-per-task={self.cpus}"] if self.cpus else None,
        }
        return {
            "job_name": name,
            "time": self.minutes,
            "array_parallelism": self.parallel,
            "additional_parameters": {"requeue": True, **self.further},
            **{key: value for key, value in chosen.items() if value is not None},
        }


def further_options(texts: tuple[str, ...]) -> dict[str, str | bool]:
    """Options of sbatch from ``NAME=VALUE``, or ``NAME`` for one without a value.

    Raises:
        BenchError: there is no name.
    """
    options: dict[str, str | bool] = {}
    for text in texts:
        name, equals, value = text.lstrip("-").partition("=")
        if not name:
            raise BenchError(f"--slurm-option {text}: write an option of sbatch, such as constraint=h100 or exclusive")
        options[name] = value if equals else True
    return options
