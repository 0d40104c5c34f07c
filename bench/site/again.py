"""Commands that measure a table again, from what its results record about how they were measured."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from bench.contracts.elsewhere import RECONSTRUCTIONS
from bench.contracts.results import Result
from bench.contracts.suite import Suite, load_suite, shipped
from bench.leaderboard.table import Row, Table

BATCH_SIZE = 8
"""The default of ``bench run``; it affects speeds, so a different one is stated."""


@dataclass(frozen=True)
class Command:
    """One call of ``bench run``.

    Attributes:
        text: the command line for a shell.
        needs: what must be supplied to run it, as sentences.
    """

    text: str
    needs: tuple[str, ...]


def commands(table: Table) -> list[Command]:
    """Return one command per suite, preset and batch size of the rows; failed rows are measured too."""

    sizes = [row.result.cost.batch_size for row in table.rows if row.result.cost]
    failed = max(sizes, key=sizes.count, default=BATCH_SIZE)

    def origin(row: Row) -> tuple[str, str, int]:
        result = row.result
        return result.suite, result.protocol.preset, result.cost.batch_size if result.cost else failed

    rows = sorted(table.rows, key=origin)
    return [_command(table, [row.result for row in same], *key) for key, same in groupby(rows, key=origin)]


def _command(table: Table, results: Sequence[Result], suite: str, preset: str, batch_size: int) -> Command:
    protocol, needs = table.protocol, []
    built_in = load_suite(suite) if suite in shipped("suites") else None
    words = ["bench", "run", "--suite", suite if built_in else f"{suite}.yaml"]
    if built_in is None:
        needs.append(f"{suite}.yaml is a custom suite, which does not come with the bench.")
    task = next((line for line in built_in.tasks if line.task == protocol.task), None) if built_in else None
    if task is None or task.protocol != preset:
        shipped_preset = preset in shipped("protocols")
        words += ["--protocol", preset if shipped_preset else f"{preset}.yaml"]
        if not shipped_preset:
            needs.append(f"{preset}.yaml is a custom protocol; its settings are shown under Protocol.")
    samples = all(result.system.tokens == "samples" for result in results)
    if task is None or task.dataset != protocol.dataset.name:
        words += ["--reference" if samples else "--dataset", protocol.dataset.name]
        needs.append(f"Give the location of {protocol.dataset.name} as NAME:PATH, if no package provides it.")
    words += _systems(built_in, results, samples)
    needs += [
        f"The reconstructions of {result.system.name} were made elsewhere; give the place where they lie."
        for result in results
        if result.system.entry == RECONSTRUCTIONS
    ]
    for option, value, default in (
        ("--limit", protocol.dataset.limit, None),
        ("--seed", protocol.seed, 0),
        ("--dtype", protocol.dtype, "float32"),
        ("--batch-size", batch_size, BATCH_SIZE),
    ):
        words += [option, str(value)] if value != default else []
    words += ["--tf32"] if protocol.tf32 else []
    return Command(shlex.join(words), tuple(needs))


def _systems(suite: Suite | None, results: Sequence[Result], samples: bool) -> list[str]:
    """The options that name the systems, unless they are those of the suite."""
    made = {result.system.name: result.system for result in results if result.system.entry == RECONSTRUCTIONS}
    names = list(dict.fromkeys(result.system.name for result in results if result.system.name not in made))
    if samples:
        return [word for name in names for word in ("--samples", name)]
    words = [] if suite and set(names) == set(suite.systems) else [w for name in names for w in ("--system", name)]
    for name, system in made.items():
        words += ["--reconstructions", f"{name}={system.arguments.get('path', '')}"]
        if sizes := system.arguments.get("codebook"):
            words += ["--codebook", f"{name}={','.join(map(str, sizes))}"]
        if rate := system.arguments.get("rate"):
            words += ["--rate", f"{name}={rate:g}"]
    return words
