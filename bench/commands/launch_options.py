"""The options of ``bench run`` that say where cells are measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

from bench.jobs.settings import Launch, further_options


def launching(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options to a command."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def launch_of(given: Mapping[str, Any]) -> Launch:
    """How cells are launched, from the parameters of the options."""
    return Launch(
        launcher=given["launcher"],
        wait=given["wait"],
        minutes=given["slurm_time"],
        requeues=given["slurm_requeues"],
        parallel=given["slurm_parallel"],
        partition=given["slurm_partition"],
        account=given["slurm_account"],
        qos=given["slurm_qos"],
        gpus=given["slurm_gpus"],
        cpus=given["slurm_cpus"],
        memory=given["slurm_mem"],
        setup=given["slurm_setup"],
        further=further_options(given["slurm_option"]),
    )


_COUNT = click.IntRange(min=1)
OPTIONS = (
    click.option(
        "--devices",
        metavar="N,...",
        help="Measure cells side by side on these CUDA devices, such as 0,1, one cell at a time on each.",
    ),
    click.option(
        "--launcher",
        type=click.Choice(["here", "slurm", "local"]),
        default="here",
        show_default=True,
        help="Measure in this command, or submit every cell that is not finished as a job of Slurm, or as a process "
        "of this machine to try that out. Jobs run this command again in this folder, on a file system that the nodes "
        "share, and do not log to MLflow. One that is preempted, or runs into its time limit, is queued again and "
        "goes on where it was.",
    ),
    click.option(
        "--wait",
        is_flag=True,
        help="Wait for the jobs, log to MLflow and print the leaderboard; otherwise the command ends when they are "
        "submitted, and `bench status` shows how far they are.",
    ),
    click.option("--slurm-partition", metavar="NAME", help="Partition of the jobs."),
    click.option(
        "--slurm-time",
        type=_COUNT,
        default=60,
        show_default=True,
        metavar="MINUTES",
        help="Time limit of a job, after which it is queued again.",
    ),
    click.option(
        "--slurm-requeues",
        type=click.IntRange(min=0),
        default=20,
        show_default=True,
        metavar="N",
        help="How often a job may run into its time limit.",
    ),
    click.option("--slurm-gpus", type=_COUNT, metavar="N", help="GPUs of a job.  [default: none]"),
    click.option("--slurm-cpus", type=_COUNT, metavar="N", help="Cores of a job.  [default: Slurm's]"),
    click.option("--slurm-mem", type=float, metavar="GB", help="Memory of a job.  [default: Slurm's]"),
    click.option("--slurm-account", metavar="NAME", help="Account that jobs are charged to."),
    click.option("--slurm-qos", metavar="NAME", help="Quality of service of the jobs."),
    click.option(
        "--slurm-setup",
        multiple=True,
        metavar="COMMAND",
        help='Command of the shell that a job begins with, such as "module load cuda". Repeatable.',
    ),
    click.option(
        "--slurm-option",
        multiple=True,
        metavar="NAME[=VALUE]",
        help="Any other option of sbatch, such as constraint=h100. Repeatable.",
    ),
    click.option(
        "--slurm-parallel",
        type=_COUNT,
        default=256,
        show_default=True,
        metavar="N",
        help="The most jobs at the same time.",
    ),
    click.option(
        "--cell", metavar="FILE", hidden=True, help="Measure only the cell of this result file, as a job does."
    ),
)
