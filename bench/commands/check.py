"""`bench check` and `bench compare`: what moved between results on disk."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli import CELL_FAILED, NOTHING_MEASURED, REGRESSED
from bench.errors import BenchError
from bench.gate import data, junit, lines, markdown, terminal
from bench.gate.pairing import match, read
from bench.gate.tolerances import parse
from bench.gate.verdicts import Report, compare


def check_run(
    run: Path,
    baseline: Path,
    tolerances: tuple[str, ...],
    level: float,
    systems: tuple[str, ...],
    renamed: tuple[tuple[str, str], ...],
    cost: bool,
    style: str,
) -> int:
    """Hold a run against a baseline; the exit code of the command."""
    matched = match(read(baseline), read(run), systems, renamed)
    report = compare(matched, lambda units: parse(tolerances, units), level, cost)
    code = exit_code(report)
    _print(report, style, code)
    return code


def compare_runs(
    before: Path, after: Path | None, systems: tuple[str, ...], pairs: tuple[tuple[str, str], ...], style: str
) -> int:
    """Show what differs between two runs, or two systems; the exit code of the command."""
    if after is None and not pairs:
        raise BenchError("one run alone: name two of its systems, --systems BEFORE AFTER, or give a second run")
    one = read(before)
    other = one if after is None else read(after)
    report = compare(match(one, other, systems, pairs), verdicts=False)
    code = 0 if report.matched.pairs else NOTHING_MEASURED
    _print(report, style, code)
    return code


def exit_code(report: Report) -> int:
    """1 if anything regressed, else 4 if a cell failed, else 3 if nothing or not everything was measured, else 0."""
    if report.regressed:
        return REGRESSED
    if report.matched.failed:
        return CELL_FAILED
    if report.matched.missing or not report.judged:
        return NOTHING_MEASURED
    return 0


def _print(report: Report, style: str, code: int) -> None:
    if style == "json":
        click.echo(data.text(report, code), nl=False)
    elif style == "junit":
        click.echo(junit.text(report), nl=False)
    elif style == "markdown":
        click.echo(markdown.text(lines.describe(report)), nl=False)
    else:
        terminal.show(lines.describe(report))
