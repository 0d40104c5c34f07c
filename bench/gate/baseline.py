"""Reviewed baselines: results reduced to what the gate reads, in files that diff well."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.contracts.results import Result, Run, result_files
from bench.contracts.sample_tables import write_csv
from bench.gate.pairing import Matched, Measured, Pair, match, read
from bench.gate.verdicts import Report, compare
from bench.leaderboard.names import heading
from bench.machine.canonical import readable_json, write_atomic

DIGITS = 9
"""Significant digits of every number: finer than float32, and finer than what the gate calls unchanged."""
ENVIRONMENT = ("bench", "device", "git", "packages", "python", "threads")
_NUMBERS = re.compile(r"\[\s*(-?[\d.eE+-]+(?:,\s*-?[\d.eE+-]+)*)\s*\]")


@dataclass(frozen=True)
class Update:
    """The changes that an update would make to a baseline.

    Attributes:
        report: what moved, new against old, without verdicts.
        write: results whose files are new or change; the others stay unchanged, byte for byte.
        replaced: files of the same systems and tasks under other conditions, or with other metrics, which are removed.
    """

    report: Report
    write: tuple[Measured, ...]
    replaced: tuple[Path, ...]


def plan(results: Sequence[Measured], folder: Path, only: Sequence[str] = (), everything: bool = False) -> Update:
    """Plan how a baseline changes if the results become the new one.

    Args:
        results: results to take; failed ones are left out.
        folder: the baseline's folder, which may not exist yet.
        only: names of the systems to look at in the baseline; all if there are none.
        everything: whether to rewrite results that did not move. Those of repeated runs always are.
    """
    taken = [measured for measured in results if measured.result.status == "ok"]
    baseline = read(folder) if result_files(folder) else []
    kept, replaced = [], []
    for old in baseline:
        fresh = [m for m in taken if (m.name, m.task) == (old.name, old.task)]
        if fresh and all(m.result.fingerprint != old.result.fingerprint for m in fresh):
            replaced.append(old.file)
        else:
            kept.append(old)
    matched = match(kept, taken, only) if kept else Matched((), new=tuple(taken))
    report = compare(matched, verdicts=False)
    moved = {(row.system, row.fingerprint) for row in report.comparisons if row.moved and not row.device_bound}
    same = {(p.after.name, p.after.result.fingerprint) for p in matched.pairs if _same(p)} - moved
    write = [m for m in taken if everything or m.repeats or (m.name, m.result.fingerprint) not in same]
    # The name of a file depends on what was measured, so a result with other metrics has another file.
    written = {(m.name, m.result.fingerprint): Run(folder).file_of(m.name, m.result.protocol) for m in write}
    replaced += [
        old.file for old in kept if written.get((old.name, old.result.fingerprint), old.file).name != old.file.name
    ]
    return Update(report, tuple(write), tuple(replaced))


def apply(update: Update, folder: Path) -> None:
    """Write the files of an update, each whole or not at all."""
    run = Run(folder)
    for measured in update.write:
        file = run.file_of(measured.name, measured.result.protocol)
        result = trimmed(measured)
        if measured.samples:
            table = file.with_suffix(".csv")
            write_csv(table, measured.samples, DIGITS)
            result = result.model_copy(update={"samples": table.name})
        write_atomic(file, text(result).encode())
    for file in update.replaced:
        file.with_suffix(".csv").unlink(missing_ok=True)
        file.unlink()


def trimmed(measured: Measured) -> Result:
    """Return the result without what the gate does not read: codebook-level values and most of the environment.

    With repeated runs, their speeds and memory are kept, which show the noise between runs.
    """
    result = measured.result
    metrics = {
        # The batches over which a speed was timed differ from run to run.
        name: estimate.model_copy(update={"replicates": None, "blocks": None}) if estimate.device_bound else estimate
        for name, estimate in result.metrics.items()
        if not heading(name).detail
    }
    environment = {name: result.environment[name] for name in ENVIRONMENT if name in result.environment}
    changes: dict[str, Any] = {"metrics": metrics, "environment": environment, "samples": None}
    if measured.repeats and result.cost:
        bound = [name for name, estimate in metrics.items() if estimate.device_bound and estimate.value is not None]
        repeats = {name: measured.repeated(name) for name in bound}
        changes["cost"] = result.cost.model_copy(update={"repeats": repeats})
    return result.model_copy(update=changes)


def text(result: Result) -> str:
    """Return the result as canonical JSON: keys sorted, one line per number or list of numbers, defaults left out."""
    tree = _rounded(result.model_dump(mode="json", exclude_defaults=True) | {"schema_version": result.schema_version})
    return _NUMBERS.sub(lambda match: f"[{', '.join(match[1].split())}]".replace(",,", ","), readable_json(tree))


def _same(pair: Pair) -> bool:
    """Whether both name the same system with the same metrics, so that only numbers can differ."""
    before, after = (trimmed(measured) for measured in (pair.before, pair.after))
    values = [{k for k, v in r.metrics.items() if v.value is not None} for r in (before, after)]
    alike = all(getattr(before, field) == getattr(after, field) for field in ("system", "codebooks"))
    return alike and before.protocol.metrics == after.protocol.metrics and values[0] == values[1]


def _rounded(tree: Any) -> Any:
    """Every float with ``DIGITS`` significant digits."""
    if isinstance(tree, dict):
        return {key: _rounded(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_rounded(value) for value in tree]
    return float(f"{tree:.{DIGITS}g}") if isinstance(tree, float) and math.isfinite(tree) else tree
