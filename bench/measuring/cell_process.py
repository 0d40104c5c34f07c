"""The process of a cell: measure, write the result, exit.

Importing this module imports torch: the fork server does so once, and every cell starts from there.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
import traceback
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing.connection import Connection

import numpy as np
import torch

import bench.metrics.base  # noqa: F401 - imported here once instead of in every cell
from bench.contracts.results import Cost, ErrorRecord, Result, Run, SystemRecord
from bench.contracts.task import Cell, Job, Measurement, Place, Report, open_task
from bench.errors import BenchError
from bench.machine import environment
from bench.machine.channel import Sender
from bench.machine.dependencies import Recorder
from bench.machine.light import lighten
from bench.machine.processes import die_with_parent, lead_group, let_go_of_the_fork_server
from bench.machine.ranks import HandedOver, Meeting, RankLost, Ranks
from bench.machine.resume import Resume, forget
from bench.machine.watch import note_native_files
from bench.measuring.team import tell

REPORT_SECONDS = 0.1
SECONDS_TO_BE_ENDED = 60.0
"""The longest that a rank whose fellow was lost waits for the runner to end it."""

lighten()
note_native_files()  # here, since modules imported for the cells after this one may import safetensors


def measure_cell(cell: Cell, channel: Connection | None, meeting: Meeting | None = None) -> None:
    """Measure a cell and write its result, whatever happens; the exit code of the process has no meaning.

    A rank other than the first one measures its share and writes nothing; its exit code is 0 only if it has handed over
    what it measured.

    Args:
        channel: takes the progress; None drops it.
        meeting: where the ranks that measure the cell together meet, if there are several.
    """
    lead_group()
    die_with_parent()
    let_go_of_the_fork_server()
    _leave_the_terminal()
    cell = _of_rank(cell, meeting)
    _seed(cell.job)
    process, started, clock = os.getpid(), datetime.now(UTC), time.perf_counter()
    run = Run(cell.run)
    recorder = Recorder([run.folder, *cell.job.system.paths()])
    measurement, errors = None, []
    try:
        _make_current(cell.job.options.device)
        with Ranks.met(meeting) as ranks:
            resume = None
            if every := cell.job.options.checkpoint_every:
                resume = Resume(run.partial_of(cell.file), cell.key, every, recorder.states, ranks)
            job = replace(cell.job, place=Place(ranks, resume))
            report = _reporter(Sender(channel)) if channel else _unheard
            measurement = open_task(job.protocol.task).measure(job, report)
    except HandedOver:
        return
    except BaseException as error:  # including that of a system that exits (SystemExit)
        errors = [_record(error)]
        if isinstance(error, RankLost):
            time.sleep(SECONDS_TO_BE_ENDED)  # by the runner, which knows why the other rank ended
    if os.getpid() != process:
        os._exit(1)  # a system forked, and this is not the cell's process: it must not write
    if meeting and meeting.rank:
        tell(meeting, errors[0])
        os._exit(1)
    _write(cell, run, recorder, started, clock, measurement, errors)
    if measurement or not cell.job.options.checkpoint_every:  # what failed, as of a full disk, can go on where it was
        forget(run.partial_of(cell.file))


def _of_rank(cell: Cell, meeting: Meeting | None) -> Cell:
    """A cell as a rank measures it: on the GPU of its number, or on its share of the processor's threads."""
    if meeting is None:
        return cell
    torch.set_num_threads(max(1, torch.get_num_threads() // meeting.locals))
    if cell.job.options.device != "cuda":
        return cell
    options = replace(cell.job.options, device=f"cuda:{meeting.local}")
    return replace(cell, job=replace(cell.job, options=options))


def _make_current(device: str) -> None:
    """Have what names no GPU, such as ``.cuda()`` of a system and pinned memory, use the cell's and not the first."""
    chosen = torch.device(device)
    if chosen.type == "cuda" and chosen.index is not None:
        torch.cuda.set_device(chosen)


def _write(
    cell: Cell,
    run: Run,
    recorder: Recorder,
    started: datetime,
    clock: float,
    measurement: Measurement | None,
    errors: list[ErrorRecord],
) -> None:
    """Write the result of a cell that began at a time, and at that reading of the performance counter."""

    def write(measured: Measurement | None, errors: list[ErrorRecord]) -> None:
        result = assemble(cell, started, time.perf_counter() - clock, measured, errors)
        if not measured:
            run.write(cell.file, result, None)
            return
        read = recorder.found(cell.job.system.is_own)
        if cell.job.system.is_own and not result.system.revision:
            result = result.model_copy(update={"system": result.system.model_copy(update={"revision": read.sha256})})
        run.write(cell.file, result, measured.samples, measured.kept, read)

    try:
        write(measurement, errors)
    except Exception as error:  # what was measured cannot be written, but the reason can
        write(None, [*errors, _record(error)])


def _record(error: BaseException) -> ErrorRecord:
    remedy = ""
    try:
        message = str(error)
        if isinstance(error, BenchError):
            message, remedy = error.cause, error.remedy
    except Exception as raised:
        message = f"(its text raises {type(raised).__name__})"
    trace = "".join(traceback.format_exception(error))
    return ErrorRecord(type=type(error).__name__, message=message, remedy=remedy, traceback=trace)


def assemble(
    cell: Cell, started: datetime, seconds: float, measurement: Measurement | None, errors: list[ErrorRecord]
) -> Result:
    """The result of a cell from what was measured, or from the errors because of which nothing was.

    Args:
        seconds: how long the whole cell took.
    """
    job = cell.job
    device = environment.device_name(job.options.device)
    cost = Cost(
        # Named apart, so that total speeds are not compared with those of one process.
        device=device if job.options.ranks == 1 else f"{device}, {job.options.ranks} processes",
        hardware=environment.hardware(job.options.device),
        batch_size=job.options.batch_size,
        workers=job.options.workers,
        wall_seconds=round(seconds, 3),
    )
    entry = job.system.entry
    unmeasured = SystemRecord(
        name=job.system.text,
        entry=entry.name,
        target=entry.target,
        modality=entry.scope,
        tokens=entry.tokens,
        arguments=job.system.arguments,
        source=entry.source,
        license=entry.license,
    )
    return Result(
        key=cell.key,
        subject=cell.subject,
        suite=cell.suite,
        status="ok" if measurement else "failed",
        system=measurement.system if measurement else unmeasured,
        protocol=job.protocol,
        fingerprint=job.protocol.fingerprint,
        codebooks=measurement.codebooks if measurement else [],
        dataset=measurement.dataset if measurement else None,
        metrics=measurement.metrics if measurement else {},
        cost=cost,
        environment=environment.describe(job.options.device),
        started=started.isoformat(timespec="milliseconds"),
        finished=datetime.now(UTC).isoformat(timespec="milliseconds"),
        errors=errors,
        warnings=list(measurement.warnings) if measurement else [],
        sweep=measurement.sweep if measurement else None,
        trainings=measurement.trainings if measurement else None,
    )


def _leave_the_terminal() -> None:
    """Send what a system prints to stderr, since stdout is for the leaderboard, and leave Ctrl-C to the parent."""
    os.dup2(sys.stderr.fileno(), 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _seed(job: Job) -> None:
    seed, tf32 = job.protocol.seed, job.protocol.tf32
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.backends.cuda.matmul.allow_tf32 = tf32
    torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True


def _unheard(phase: str, done: int, total: int) -> None:
    """A report of progress that nobody hears."""


def _reporter(sender: Sender) -> Report:
    last: dict[str, float] = {}

    def report(phase: str, done: int, total: int) -> None:
        now = time.perf_counter()
        if now - last.get(phase, 0) < REPORT_SECONDS and done < total:
            return
        last[phase] = now
        sender.send(phase, done, total)

    return report
