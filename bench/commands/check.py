"""`bench check` and `bench compare`: what changed between results on disk."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from bench.commands.selection import select
from bench.errors import BenchError
from bench.exit_codes import CELL_FAILED, NOTHING_MEASURED, REGRESSED
from bench.gate import data, junit, lines, markdown, terminal
from bench.gate.pairing import GATE, Measured, Sides, match, read
from bench.gate.tolerances import parse
from bench.gate.verdicts import Report, compare
from bench.machine.canonical import write_atomic

SUFFIXES = {".md": "markdown", ".json": "json", ".xml": "junit"}


def check_runs(
    runs: tuple[Path, ...],
    baseline: Path,
    tolerances: tuple[str, ...],
    level: float,
    systems: tuple[str, ...],
    without: tuple[str, ...],
    renamed: tuple[tuple[str, str], ...],
    cost: bool,
    strict: bool,
    reports: tuple[Path, ...],
    style: str,
) -> int:
    """Check runs against a baseline and return the exit code of the command."""
    for file in reports:
        if file.suffix not in SUFFIXES:
            raise BenchError(f"--report {file}: its name must end with {', '.join(SUFFIXES)}")
    before, after = _left(read(baseline), read(*runs), without, GATE)
    matched = match(before, after, systems, renamed)
    report = compare(matched, lambda units, judged: parse(tolerances, units, judged), level, cost, strict=strict)
    code = exit_code(report)
    for file in reports:
        try:
            write_atomic(file, _text(report, SUFFIXES[file.suffix], code).encode())
        except OSError as error:
            raise BenchError(f"--report {file}: cannot be written: {error.strerror}; give another path") from error
    _print(report, style, code)
    return code


def compare_runs(
    before: Path,
    after: Path | None,
    systems: tuple[str, ...],
    without: tuple[str, ...],
    pairs: tuple[tuple[str, str], ...],
    style: str,
) -> int:
    """Show what differs between two runs, or two systems, and return the exit code of the command."""
    if after is None and not pairs:
        raise BenchError("a single run: name two of its systems, --systems BEFORE AFTER, or give a second run")
    named = f" in {before}" if after is None else f": {before} → {after}"
    sides = Sides(str(before), str(after or before), named)
    was = read(before)
    was, now = _left(was, was if after is None else read(after), without, sides)
    report = compare(match(was, now, systems, pairs, sides), verdicts=False)
    code = 0 if report.matched.pairs else NOTHING_MEASURED
    _print(report, style, code)
    return code


def exit_code(report: Report) -> int:
    """The exit code: 1 if anything regressed, else 4 if a cell failed, else 3 if something was not measured, else 0.

    If the report is strict, it is also 1 for a loss beyond the tolerance that may be chance.
    """
    if report.fails:
        return REGRESSED
    if report.matched.failed:
        return CELL_FAILED
    if report.incomplete or not report.judged:
        return NOTHING_MEASURED
    return 0


def _left(
    before: list[Measured], after: list[Measured], without: tuple[str, ...], sides: Sides
) -> tuple[list[Measured], list[Measured]]:
    """Both sides without the systems ``without``, each of which must be on at least one of them."""
    select([*before, *after], (), without, lambda measured: measured.name, sides.both)
    kept = ([measured for measured in side if measured.name not in without] for side in (before, after))
    was, now = kept
    return was, now


def _print(report: Report, style: str, code: int) -> None:
    text = terminal.text(lines.describe(report)) if style == "terminal" else _text(report, style, code)
    try:
        click.echo(text, nl=False)
    except BrokenPipeError:
        # The reader (head, less) has seen enough; the exit code still reports the outcome.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _text(report: Report, style: str, code: int) -> str:
    if style == "json":
        return data.text(report, code)
    return junit.text(report) if style == "junit" else markdown.text(lines.describe(report))
