"""Which devices a command measures on, and which of its cells it measures, where that is not all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from bench.contracts.results import Run
from bench.contracts.suite import Suite
from bench.contracts.system import SystemSpec
from bench.errors import BenchError
from bench.jobs.settings import Launch

if TYPE_CHECKING:
    from bench.measuring.runner import Plan


def chosen_devices(devices: str | None, device: str, launch: Launch, ranks: int = 1) -> list[str]:
    """The devices of ``--devices``, as torch names them; empty without the option.

    Raises:
        BenchError: it is not a list of CUDA devices, or other options contradict it.
    """
    if devices is None:
        return []
    numbers = [part.strip().removeprefix("cuda:") for part in devices.split(",")]
    if not all(number.isdecimal() for number in numbers):
        raise BenchError(
            f"--devices {devices}: write the numbers of CUDA devices, such as 0,1; cells that are timed on a CPU are "
            "measured one at a time (--device cpu)"
        )
    chosen = [f"cuda:{int(number)}" for number in numbers]
    if len({*chosen}) < len(chosen):
        raise BenchError(f"--devices {devices}: a device is named twice, but measures one cell at a time")
    if device != "auto":
        raise BenchError(f"--devices {devices} and --device {device}: give one of them")
    if ranks > 1:
        raise BenchError(f"--devices {devices}: of several ranks each has a GPU; leave it out, and give --device cuda")
    if not launch.here:
        raise BenchError(f"--devices {devices}: jobs measure one cell each; leave it out, and give --slurm-gpus 1")
    return chosen


def only_for(cell: str, suite: Suite, systems: Sequence[SystemSpec]) -> tuple[Suite, list[SystemSpec]]:
    """The part of a suite and of its systems that a result file may belong to, by its name.

    Raises:
        BenchError: there is none.
    """
    pairs = [
        (line, system)
        for line in suite.tasks
        for system in systems
        if cell.startswith(Run.beginning(system.text, line.task))
    ]
    if not pairs:
        raise BenchError(f"--cell {cell}: not a cell of this command")
    tasks = [line for line in suite.tasks if any(line is chosen for chosen, _ in pairs)]
    return (
        suite.model_copy(update={"tasks": tasks}),
        [system for system in systems if any(system is chosen for _, chosen in pairs)],
    )


def only_cell(plan: Plan, cell: str) -> Plan:
    """The plan of one cell, by the name of its result file.

    Raises:
        BenchError: the plan does not have it.
    """
    cells = [planned for planned in plan.cells if planned.file.name == cell]
    if not cells:
        names = ", ".join(planned.file.name for planned in plan.cells)
        raise BenchError(
            f"--cell {cell}: here the same command plans {names}",
            "data, weights and code must be those of the machine that the job was submitted on",
        )
    return replace(plan, cells=cells)
