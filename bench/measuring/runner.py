"""Plans the cells of a run and runs them: one process per cell, one at a time on each device.

A failure costs only its cell, and a kill costs no finished cell.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.contracts.options import Options
from bench.contracts.results import Run
from bench.contracts.suite import Suite, SuiteTask, is_file, load_preset, undescribed
from bench.contracts.system import SystemSpec
from bench.contracts.task import Cell, Job, Request, Task, open_task
from bench.errors import BenchError, Unavailable
from bench.machine.progress import CellProgress
from bench.machine.weights import WeightStore
from bench.measuring import fork_server
from bench.measuring.attempt import attempt
from bench.measuring.keys import cell_key, subject_key
from bench.measuring.outcomes import Outcome, measured_line
from bench.measuring.queue import POLL, Kept, Queue, Waiting
from bench.measuring.side_by_side import side_by_side


@dataclass(frozen=True)
class Plan:
    """The cells of a run.

    Attributes:
        cells: every task times every system that it measures.
        missing: why some of it cannot be measured here (weights, packages, models), by what it concerns.
        absent: checkpoints that will be fetched when they are needed.
        warnings: what makes numbers worthless although they can be measured.
        impossible: why no cell at all can be measured, and the remedy; empty if some can.
    """

    cells: list[Cell]
    missing: dict[str, str]
    absent: list[str]
    warnings: list[str] = field(default_factory=list)
    impossible: str = ""


def plan(
    suite: Suite, systems: list[SystemSpec], options: Options, store: WeightStore, run: Run, keyed: bool = True
) -> Plan:
    """The plan of a run: every task times every system, each with its whole protocol; nothing is measured.

    Args:
        store: where weights files come from.
        run: where results belong.
        keyed: whether the cells are to be measured here, on a device of this machine; otherwise their keys are empty.

    Raises:
        BenchError: a name, a setting or the data does not fit; the message names everything that does not, and what
            is missing on this machine.
    """
    from bench.tokenizers.checkpoint import hub_offline

    missing: dict[str, str] = {}
    wrong: list[BenchError] = []
    for system in systems:
        system.check()
        if why := system.uncastable(options.dtype):
            missing[system.text] = f"{system.text}: {why}"
        if _is_cheap_builtin(system):
            try:
                system.build()  # report a wrong rate now, not after the cells before it
            except Unavailable as reason:
                missing[system.text] = f"{system.text}: {reason}"
    located = replace(options, data=_absolute(options.data), prompts=_absolute(options.prompts))
    cells: list[Cell] = []
    warnings: list[str] = []
    impossible: list[str] = []
    for line, task, wanted in _shares(suite, systems):
        if options.ranks > 1 and not task.by_ranks:
            remedy = "leave out --ranks and torchrun, and measure several cells side by side with --devices"
            wrong.append(BenchError(f"{task.name} measures a cell with one process; {remedy}"))
        preset = options.protocol or line.protocol
        if error := undescribed(preset):
            wrong.append(error)
        try:
            request = Request(
                preset=load_preset(preset),
                file=preset if is_file(preset) else "",
                dataset=options.dataset or line.dataset,
                options=options,
                sha256=store.sha256,
            )
            protocol = task.protocol(request)
        except BenchError as problem:
            wrong.append(problem)
            continue
        weights = store.resolve(protocol.weights)
        missing |= {name: str(reason) for name, reason in weights.items() if isinstance(reason, Unavailable)}
        missing |= task.missing(protocol)
        impossible.append(task.impossible(protocol, weights))
        for system in wanted:
            try:
                adapted = task.for_system(protocol, system)
            except BenchError as problem:
                wrong.append(problem)
                continue
            job = Job(system, adapted, located, weights)
            warnings += task.warnings(job)
            if why := task.unmeasurable(job):
                missing[f"{task.name} {system.text}"] = why
            key, subject = (cell_key(job), subject_key(job)) if keyed else ("", "")
            file = run.file_of(system.text, adapted).absolute()
            cells.append(Cell(job, suite.name, key, file, run.path.absolute(), subject))
    absent = {system.text: lack for system in systems if (lack := system.lacking())}
    if hub_offline():
        missing |= absent
    if wrong:
        raise _all_of(wrong, [*missing.values(), *absent.values()])
    nothing = "; ".join(dict.fromkeys(impossible)) if all(impossible) else ""
    # A warning that concerns every system is given once.
    warnings = list(dict.fromkeys(warnings))
    return Plan(cells, missing, [] if hub_offline() else list(absent.values()), warnings, nothing)


def _absolute(path: str | None) -> str | None:
    """A path made absolute, since systems may change the working directory; what is not a path here stays as it is."""
    return str(Path(path).absolute()) if path and Path(path).exists() else path


def _all_of(wrong: list[BenchError], missing: list[str]) -> BenchError:
    """Several errors as one, which also names what is missing, although that is not their cause."""
    if len(wrong) == 1 and not missing:
        return wrong[0]
    return BenchError(
        "\n  ".join(dict.fromkeys([*map(str, wrong), *(f"also missing here: {reason}" for reason in missing)]))
    )


def _shares(suite: Suite, systems: list[SystemSpec]) -> Iterator[tuple[SuiteTask, Task, list[SystemSpec]]]:
    """The tasks of a suite, each with the systems of the kind that it measures; tasks without any are left out.

    Where a suite has tasks of several modalities, systems are measured by those of theirs.

    Raises:
        BenchError: no task of the suite measures a system.
    """
    tasks = [open_task(line.task) for line in suite.tasks]
    several = len({task.modality for task in tasks}) > 1

    def takes(task: Task, system: SystemSpec) -> bool:
        return system.kind in task.measures and (not several or system.serves(task.modality))

    for system in systems:
        if not any(takes(task, system) for task in tasks):
            hint = system.measured_by or tasks[0].wanted
            raise BenchError(
                f"{system.text}: {tasks[0].name} does not measure {system.kind.removesuffix('s')}s; {hint}"
            )
    for line, task in zip(suite.tasks, tasks, strict=True):
        measured = [system for system in systems if takes(task, system)]
        if measured:
            yield line, task, measured


def _is_cheap_builtin(system: SystemSpec) -> bool:
    """Whether a system is the bench's and has no weights, so that building it loads nothing and is safe."""
    entry = system.entry
    if system.inner:
        return _is_cheap_builtin(system.inner)
    return system.kind == "tokenizer" and not (entry.weights or entry.local) and entry.target.startswith("bench.")


def execute(
    plan: Plan,
    run: Run,
    progress: CellProgress,
    fresh: bool = False,
    timeout: float | None = None,
    devices: Sequence[str] = (),
    begun: Callable[[list[Path]], None] = lambda left: None,
) -> Generator[Outcome, None, None]:
    """Run the cells that are not yet finished under the same key, and yield the outcomes of all as they come.

    A cell is claimed first, so that no other process that writes into the same directory measures it, nor times another
    cell on the same device. Cells that others hold are waited for, and measured here if nothing comes of it.

    Args:
        fresh: measure again even what is finished.
        timeout: the longest that a cell may take, in seconds; then it fails, and the next one begins.
        devices: devices to measure on side by side, one cell at a time each; without any, that of the plan's options.
        begun: called once with the result files of the cells that are not finished, before they are measured.
    """
    devices = devices or [cell.job.options.device for cell in plan.cells[:1]]
    queue = Queue(plan.cells, run, fresh, devices)
    for kept in queue.finished():
        yield _show_kept(kept, progress)
    begun(queue.left)
    if len(devices) > 1:
        measured = side_by_side(devices, queue, run, progress, timeout, _modules(plan))
    else:
        measured = _one_after_the_other(devices[0], queue, run, progress, timeout, _modules(plan))
    for item in measured:
        yield _show_kept(item, progress) if isinstance(item, Kept) else item


def _one_after_the_other(
    device: str, queue: Queue, run: Run, progress: CellProgress, timeout: float | None, modules: Sequence[str]
) -> Iterator[Outcome | Kept]:
    """The outcomes of what is left, measured on one device."""
    context = fork_server.context(modules)
    waited_for = ""
    while item := queue.take(device):
        if isinstance(item, Kept):
            yield item
        elif isinstance(item, Waiting):
            if waited_for != item.line:
                waited_for = item.line
                progress.start(item.number, item.cell.job.system.text)
                progress.update(item.line, 0, 0)
            time.sleep(POLL)
        else:
            with item.claim:
                progress.start(item.number, item.cell.job.system.text, item.claim.report)
                clock = time.perf_counter()
                result = attempt(context, item.cell, run, progress, timeout)
                outcome = Outcome(item.cell.file, result, reused=False)
                progress.finish(measured_line(outcome, time.perf_counter() - clock, item.changed))
            yield outcome


def _show_kept(kept: Kept, progress: CellProgress) -> Outcome:
    progress.start(kept.number, kept.outcome.result.system.name)
    progress.finish(kept.how)
    return kept.outcome


def _modules(plan: Plan) -> list[str]:
    """Modules that cells take long to import, beyond those that all of them need."""
    protocols = {cell.job.protocol.identity: cell.job.protocol for cell in plan.cells}
    tasks = {protocol.task: open_task(protocol.task) for protocol in protocols.values()}
    return list(
        dict.fromkeys(module for protocol in protocols.values() for module in tasks[protocol.task].preload(protocol))
    )


def resolve_device(device: str, ranks: int = 1) -> str:
    """The device as torch names it; ``auto`` is the GPU if there is one, else the CPU.

    Args:
        ranks: processes of this machine, of which each has a GPU of its own if the device is ``cuda``.

    Raises:
        BenchError: there is no such device, or there are too few of them.
    """
    import torch

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise BenchError(f"--device {device}: {str(error).splitlines()[0]}") from error
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise BenchError(f"--device {device}: torch sees no CUDA device; use --device cpu")
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        known = ", ".join(f"cuda:{number}" for number in range(torch.cuda.device_count()))
        raise BenchError(f"--device {device}: torch sees only {known}")
    if device == "cuda" and ranks > (count := torch.cuda.device_count()):
        raise BenchError(f"--ranks {ranks}: each rank has a GPU, and torch sees {count}; give --ranks {count} or fewer")
    return device


def default_workers(device: str) -> int:
    """The default number of loader threads: one per core, at most four on a processor that also measures, else 16."""
    return min(4 if device == "cpu" else 16, os.cpu_count() or 1)
