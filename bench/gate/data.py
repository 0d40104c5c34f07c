"""The report as JSON, for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from bench.gate.lines import headline
from bench.gate.pairing import Measured
from bench.gate.verdicts import Report
from bench.machine.canonical import readable_json

FORMAT_VERSION = 1


def text(report: Report, exit_code: int) -> str:
    """Return the report as JSON: every comparison unrounded, including details of codebook levels.

    ``{"version", "headline", "exit_code", "level", "tested", "strict", "judge_cost", "comparisons": [{"system",
    "against", "task", "fingerprint", "metric", "before", "after", "difference", "interval", "n", "tolerance", "p",
    "adjusted", "groups", "needed", "verdict", "reason", ...}], "missing", "new", "failed", "failed_before", "earlier":
    [{"system", "task", "error", "remedy"}], "elsewhere": [task, ...]}``

    The verdict "worse" is beyond the tolerance, but not beyond chance; ``needed`` groups would decide it.
    """
    matched = report.matched
    tree = {
        "version": FORMAT_VERSION,
        "headline": headline(report),
        "exit_code": exit_code,
        "level": report.level,
        "tested": report.tested,
        "strict": report.strict,
        "judge_cost": report.judge_cost,
        "comparisons": [asdict(row) for row in report.comparisons],
        "missing": list(map(_named, matched.missing)),
        "new": list(map(_named, matched.new)),
        "failed": list(map(_named, matched.failed)),
        "failed_before": list(map(_named, matched.failed_before)),
        "earlier": list(map(_named, matched.earlier)),
        "elsewhere": list(matched.elsewhere),
    }
    return readable_json(_finite(tree))


def _named(measured: Measured) -> dict[str, str]:
    error = measured.result.errors[0] if measured.result.errors else None
    message = {"error": error.message, "remedy": error.remedy} if error else {"error": "", "remedy": ""}
    return {"system": measured.name, "task": measured.task, **message}


def _finite(tree: Any) -> Any:
    """Replace infinite tolerances, for which JSON has no number, by text."""
    if isinstance(tree, dict):
        return {key: _finite(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [_finite(value) for value in tree]
    return str(tree) if isinstance(tree, float) and tree in (float("inf"), float("-inf")) else tree
