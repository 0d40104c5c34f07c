"""Render the tables beside the committed results and those of the README again: ``python leaderboards/refresh.py``.

``leaderboards/NAME/README.md`` is the Markdown of ``leaderboards/NAME/results``. The README at the top shows the rows
of a table between ``<!-- leaderboard: leaderboards/NAME -->`` and ``<!-- end -->``; an option of ``bench leaderboard``
may follow the folder's name, such as ``--relative-to klt-vq``.

``python leaderboards/refresh.py --migrate`` first converts committed results and baselines of older schemas to the
current schema, under the file names that their protocols now give them; nothing is measured.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import click

from bench.commands.leaderboard import read_results, tables_of
from bench.contracts.results import SCHEMA_VERSION, Result, Run, read_result
from bench.gate import baseline
from bench.gate.soundness import check_result
from bench.leaderboard.relative import relative
from bench.leaderboard.render import render
from bench.machine.canonical import readable_json, write_atomic

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"(<!-- leaderboard: (?P<call>[^\n]+) -->\n\n).*?(\n\n<!-- end -->)", re.DOTALL)


def rendered(folder: Path, relative_to: str | None = None) -> str:
    """Return the Markdown of a folder of results."""
    tables = tables_of(read_results(folder))
    return render(tables, "markdown", references=relative(tables, relative_to))


def refreshed(text: str) -> str:
    """Return a text with the rows of its marked tables rendered again."""
    return BLOCK.sub(lambda block: f"{block[1]}{_rows(block['call'])}{block[3]}", text)


def _rows(call: str) -> str:
    folder, *options = shlex.split(call)
    chosen = dict(zip(options[::2], options[1::2], strict=True))
    lines = rendered(ROOT / folder, chosen.pop("--relative-to", None)).splitlines()
    if chosen:
        raise SystemExit(f"README.md: {call}: unknown option {', '.join(chosen)}; use only --relative-to")
    return "\n".join(line for line in lines if line.startswith("|"))


def migrate(folder: Path, text: Callable[[Result], str]) -> int:
    """Convert the results of a run directory or baseline that have an older schema to the current one.

    Args:
        folder: where the results are.
        text: writes a result in the format of the folder's files.

    Returns:
        The number of results converted.

    Raises:
        BenchError: a file was edited, or is not a result.
    """
    run, count = Run(folder), 0
    for file in run.files():
        if json.loads(file.read_bytes()).get("schema_version") == SCHEMA_VERSION:
            continue
        result = read_result(file)
        check_result(file, result)
        target = run.file_of(result.system.name, result.protocol)
        if result.samples:
            table = target.with_suffix(Path(result.samples).suffix)
            (file.parent / result.samples).rename(table)
            result = result.model_copy(update={"samples": table.name})
        write_atomic(target, text(result).encode())
        if target != file:
            file.unlink()
        count += 1
    return count


def _whole(result: Result) -> str:
    return readable_json(result.model_dump(mode="json"))


def main() -> None:
    """Migrate if asked, then render every table."""
    if sys.argv[1:] == ["--migrate"]:
        for root, text in (("leaderboards", _whole), ("baselines", baseline.text)):
            for folder in sorted(path.parent for path in (ROOT / root).glob("*/results")):
                click.echo(f"{folder.relative_to(ROOT)}: {migrate(folder, text)} results migrated")
    for folder in sorted(path.parent for path in (ROOT / "leaderboards").glob("*/results")):
        (folder / "README.md").write_text(rendered(folder), encoding="utf-8")
    readme = ROOT / "README.md"
    readme.write_text(refreshed(readme.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
