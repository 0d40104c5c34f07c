"""Plans the cells of a run and runs them: one process per cell, one at a time.

A failure costs only its cell, and a kill costs no finished cell.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.contracts.options import Options
from bench.contracts.results import ErrorRecord, Result, Run
from bench.contracts.suite import Suite, SuiteTask, is_file, load_preset, undescribed
from bench.contracts.system import SystemSpec
from bench.contracts.task import Cell, Job, Request, Task, open_task
from bench.errors import BenchError, Unavailable
from bench.machine import environment
from bench.machine.canonical import digest
from bench.machine.faults import places
from bench.machine.progress import CellProgress
from bench.machine.weights import WeightStore, cache_dir
from bench.measuring.attempt import attempt


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


def plan(suite: Suite, systems: list[SystemSpec], options: Options, store: WeightStore, run: Run) -> Plan:
    """The plan of a run: every task times every system, each with its whole protocol; nothing is measured.

    Args:
        store: where weights files come from.
        run: where results belong.

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
            key = cell_key(job)
            file = run.file_of(system.text, adapted).absolute()
            cells.append(Cell(job, suite.name, key, file, run.path.absolute(), subject_key(job)))
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
            raise BenchError(
                f"{system.text}: {tasks[0].name} does not measure {system.kind.removesuffix('s')}s; {tasks[0].wanted}"
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


def cell_key(job: Job) -> str:
    """Hash of all that decides a result: code, packages, system, protocol, device, batch size, available weights.

    The batch size and the device cannot change a quality metric, but they change the speed that the
    result records. The numbers of workers and of kept samples change neither.
    """
    available = sorted(name for name, file in job.weights.items() if isinstance(file, Path))
    return digest({"subject": subject_key(job), "protocol": job.protocol.identity, "available": available})


def subject_key(job: Job) -> str:
    """Hash of all that decides a result except the metrics: code, packages, system, conditions, device, batch size."""
    return digest(
        {
            "code": environment.code_hash(),
            "packages": environment.package_versions(),
            "system": job.system.identity(),
            "name": job.system.text,
            "conditions": job.protocol.fingerprint,
            "device": environment.device_name(job.options.device),
            "batch_size": job.options.batch_size,
        }
    )


@dataclass(frozen=True)
class Outcome:
    """A finished cell: its file and result, and whether the result was there before (``reused``) or measured now."""

    file: Path
    result: Result
    reused: bool


def execute(
    plan: Plan, run: Run, progress: CellProgress, fresh: bool = False, timeout: float | None = None
) -> Iterator[Outcome]:
    """Run the cells one after the other, skipping those already finished under the same key, and yield their outcomes.

    Args:
        fresh: measure again even what is finished.
        timeout: the longest that a cell may take, in seconds; then it fails, and the next one begins.
    """
    # By default OpenMP's threads spin while they wait for each other. Beside another busy process that
    # made networks twenty times slower here, and it gained nothing otherwise.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # The fork server must import what this process did, not what lies in the working directory.
    os.environ.setdefault("PYTHONSAFEPATH", "1")
    os.environ["BENCH_CACHE"] = str(cache_dir().absolute())  # for cells, whose systems may change the directory
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["bench.measuring.cell_process", *_modules(plan)])
    for number, cell in enumerate(plan.cells, 1):
        finished, changed = (None, "") if fresh else run.look(cell.file, cell.key)
        progress.start(number, cell.job.system.text)
        if finished is not None:
            progress.finish("finished before, kept")
            yield Outcome(cell.file, finished, reused=True)
            continue
        clock = time.perf_counter()
        result = attempt(context, cell, run, progress, timeout)
        seconds = time.perf_counter() - clock
        again = f" (measured before, but {changed}: measured again)" if changed else ""
        failure = _failure(result.errors[0], cell.file) if result.errors else ""
        samples = result.dataset.n if result.dataset else 0
        measured = f"{samples} sample{'s' * (samples != 1)} in {seconds:.1f} s"
        progress.finish(f"{failure or measured}{again}")
        yield Outcome(cell.file, result, reused=False)


def _failure(error: ErrorRecord, file: Path) -> str:
    """What went wrong, where in the user's code, and the command that shows the whole traceback."""
    innermost = places(error.traceback)
    where = [f"    {place}" for place in innermost]
    where += [f"    the whole traceback: bench show {file}"] if innermost else []
    return "\n".join([f"FAILED: {error.type}: {error.told}", *where])


def _modules(plan: Plan) -> list[str]:
    """Modules that cells take long to import, beyond those that all of them need."""
    # joblib, which librosa imports, would register a semaphore that a fork server cannot release.
    os.environ.setdefault("JOBLIB_MULTIPROCESSING", "0")
    protocols = {cell.job.protocol.identity: cell.job.protocol for cell in plan.cells}
    tasks = {protocol.task: open_task(protocol.task) for protocol in protocols.values()}
    return list(
        dict.fromkeys(module for protocol in protocols.values() for module in tasks[protocol.task].preload(protocol))
    )


def resolve_device(device: str) -> str:
    """The device as torch names it; ``auto`` is the GPU if there is one, else the CPU.

    Raises:
        BenchError: there is no such device.
    """
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise BenchError(f"--device {device}: {str(error).splitlines()[0]}") from error
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise BenchError(f"--device {device}: torch sees no CUDA device; use --device cpu")
    return device


def default_workers() -> int:
    """The default number of loader threads: one per core, at most four."""
    return min(4, os.cpu_count() or 1)
