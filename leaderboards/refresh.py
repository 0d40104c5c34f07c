"""Render the tables beside the committed results, and those of the README, again: ``python leaderboards/refresh.py``.

``leaderboards/NAME/README.md`` is the Markdown of ``leaderboards/NAME/results``. The README at the top shows the rows
of a table between ``<!-- leaderboard: leaderboards/NAME -->`` and ``<!-- end -->``; what follows the folder's name is
an option of ``bench leaderboard``, such as ``--relative-to klt-vq``.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from bench.commands.leaderboard import read_results, tables_of
from bench.leaderboard.relative import relative
from bench.leaderboard.render import render

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"(<!-- leaderboard: (?P<call>[^\n]+) -->\n\n).*?(\n\n<!-- end -->)", re.DOTALL)


def rendered(folder: Path, relative_to: str | None = None) -> str:
    """The Markdown of a folder of results."""
    tables = tables_of(read_results(folder))
    return render(tables, "markdown", references=relative(tables, relative_to))


def refreshed(text: str) -> str:
    """A text with the rows of its tables rendered again."""
    return BLOCK.sub(lambda block: f"{block[1]}{_rows(block['call'])}{block[3]}", text)


def _rows(call: str) -> str:
    folder, *options = shlex.split(call)
    given = dict(zip(options[::2], options[1::2], strict=True))
    lines = rendered(ROOT / folder, given.pop("--relative-to", None)).splitlines()
    if given:
        raise SystemExit(f"README.md: {call}: only --relative-to is known here")
    return "\n".join(line for line in lines if line.startswith("|"))


def main() -> None:
    """Write all of them."""
    for folder in sorted(path.parent for path in (ROOT / "leaderboards").glob("*/results")):
        (folder / "README.md").write_text(rendered(folder), encoding="utf-8")
    readme = ROOT / "README.md"
    readme.write_text(refreshed(readme.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
