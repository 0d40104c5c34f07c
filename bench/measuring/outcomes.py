"""What became of cells, as data and as a line for people."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.contracts.results import ErrorRecord, Result
from bench.machine.faults import places


@dataclass(frozen=True)
class Outcome:
    """A finished cell: its file and result, and whether the result was there before (``reused``) or measured now."""

    file: Path
    result: Result
    reused: bool


def measured_line(outcome: Outcome, seconds: float, changed: str) -> str:
    """What was measured in how long, or why nothing was.

    Args:
        changed: what an earlier result depends on that changed; empty without one.
    """
    again = f" (measured before, but {changed}: measured again)" if changed else ""
    result = outcome.result
    samples = result.dataset.n if result.dataset else 0
    measured = f"{samples} sample{'s' * (samples != 1)} in {seconds:.1f} s"
    return f"{failure_line(result.errors[0], outcome.file) if result.errors else measured}{again}"


def failure_line(error: ErrorRecord, file: Path) -> str:
    """What went wrong, where in the user's code, and the command that shows the whole traceback."""
    innermost = places(error.traceback)
    where = [f"    {place}" for place in innermost]
    where += [f"    the whole traceback: bench show {file}"] if innermost else []
    return "\n".join([f"FAILED: {error.type}: {error.told}", *where])
