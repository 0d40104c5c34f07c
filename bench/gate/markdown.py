"""The report as Markdown, for a pull-request comment or a job summary."""

from __future__ import annotations

from bench.gate.comparison import Verdict
from bench.gate.lines import Words
from bench.leaderboard.markdown import escape

MOST_CHARACTERS = 60_000
"""GitHub rejects a comment of more than 65,536 characters; what is left out is counted."""
MARKS = {Verdict.REGRESSED: "❌ ", Verdict.UNDECIDED: "❔ ", Verdict.WORSE: "⚠️ ", Verdict.IMPROVED: "✅ "}


def text(words: Words) -> str:
    """Return the report as Markdown; names are escaped."""
    parts, left = [f"**{escape(words.headline)}**\n"], 0
    tail = [f"Nothing moved: {', '.join(map(escape, words.still))}"] if words.still else []
    tail += [f"- {escape(remark)}" for remark in words.remarks]
    room = MOST_CHARACTERS - sum(map(len, tail))
    for block in words.blocks:
        lines = [f"**{escape(block.title)}**\n", _row(words.titles), "| :-- | --: | --: | --: | --: | :-- |"]
        for line in block.lines:
            *cells, verdict = map(escape, line.cells)
            lines.append(_row((*cells, MARKS.get(line.verdict, "") + verdict)))
        if block.summary:
            lines.append(f"\n{block.summary}")
        part = "\n".join(lines) + "\n"
        room -= len(part)
        if room > 0:
            parts.append(part)
        else:
            left += 1
    if left:
        parts.append(f"… and {left} more systems: too much for a comment; see --format terminal or json\n")
    return "\n".join([*parts, *tail]) + "\n"


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
