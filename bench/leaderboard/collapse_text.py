"""The claims of codebook collapse beside a table, as tables of texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.leaderboard.collapse import Judged, Line
from bench.leaderboard.digits import significant
from bench.leaderboard.page import DASH, codebooks
from bench.reported.collapse import LINE, Use, gain_of

DIGITS = 3
NUMBERS = ("Used (%)", "Dead (%)", "Perplexity")
NOTES = (
    f"A codebook has collapsed where held-out data use less than {100 * LINE:g}% of its codes, relative to what as "
    "many equally likely codes would use; of several codebooks the one that is used least counts.",
    "A verdict holds for this network, this data, these sizes of codebooks and this number of steps. It rests on 95% "
    "intervals over seeds (Student's t; Welch's for a gain). It is “cannot tell” where an interval reaches both sides, "
    "with a single training, or where the change over the last quarter of the steps, continued for as many again as "
    "there were, would reverse it.",
    "Used: codes that held-out data use, counted in this way, the mean over codebooks. Dead: codes that no training "
    "step chose between the last two looks. In brackets: the smallest and the largest of the trainings. Gain: used, "
    "minus that of the same system without the remedy.",
    "A remedy that is confirmed uses more codes; the leaderboard says whether it reconstructs better.",
    "“Partially” is confirmed where more is used than by plain VQ and a codebook collapses nevertheless.",
    "Numbers in square brackets are references of the survey.",
)
"""What the tables show, and how verdicts are reached."""


def notes(judged: Judged) -> tuple[str, ...]:
    """The sentences below claims: how long was trained, what the tables show, and how verdicts are reached."""
    return (judged.budget, *NOTES)


@dataclass(frozen=True)
class GridRow:
    """One row of texts, the heading of its group (empty without one), and the claim that it shows."""

    group: str
    texts: tuple[str, ...]
    line: Line


@dataclass(frozen=True)
class Grid:
    """A table of texts.

    Attributes:
        title: its heading.
        titles: titles of its columns; those in ``NUMBERS`` and the gain hold numbers.
        rows: its rows.
    """

    title: str
    titles: tuple[str, ...]
    rows: tuple[GridRow, ...]

    @property
    def numeric(self) -> frozenset[int]:
        """Positions of the columns that hold numbers."""
        return frozenset(place for place, title in enumerate(self.titles) if title in (*NUMBERS, GAIN))


GAIN = "Gain (points)"


def grids(judged: Judged, everything: bool = True) -> list[Grid]:
    """Return the claims about families and those about remedies as tables; one without rows is left out.

    Args:
        everything: whether claims are there of which nothing was measured, and what the claims rest on.
    """
    families, remedies = (
        [line for line in lines if everything or line.measured] for lines in (judged.families, judged.remedies)
    )
    both = [
        Grid(
            "Which families prevent collapse",
            ("Family", "Mitigation (survey)", "System", "Codebook", *NUMBERS, "Verdict"),
            tuple(GridRow("", _family(line, everything), line) for line in families),
        ),
        Grid(
            "Which remedies raise the use of the codebook",
            ("Remedy", "System", *NUMBERS, GAIN, "Verdict"),
            tuple(GridRow(_group(line, everything), _remedy(line), line) for line in remedies),
        ),
    ]
    return [grid for grid in both if grid.rows]


def _family(line: Line, reasons: bool) -> tuple[str, ...]:
    books = codebooks(line.row.result) if line.row else DASH
    claim = ": ".join(filter(None, (line.claim, line.why if reasons else ""))) or DASH
    return line.subject, claim, line.label, books, *_numbers(line.use), line.judgment


def _group(line: Line, reasons: bool) -> str:
    return ": ".join(filter(None, (line.group, line.why if reasons else "")))


def _remedy(line: Line) -> tuple[str, ...]:
    gain = gain_of(line.use, line.plain).value if line.use and line.plain else None
    text = DASH if gain is None else f"{'+' * (gain > 0)}{significant(100 * gain, DIGITS)}"
    return line.subject, line.label, *_numbers(line.use), text, line.judgment


def _numbers(use: Use | None) -> tuple[str, str, str]:
    """Used share, dead share and perplexity."""
    if use is None:
        return DASH, DASH, DASH
    return _spread(use.mean, 100), _spread(use.dead, 100), _spread(use.perplexity, 1)


def _spread(values: Sequence[float], scale: float) -> str:
    """The mean of trainings, and the smallest and the largest in brackets where they differ."""
    if not values:
        return DASH
    mean, least, most = (significant(scale * x, DIGITS) for x in (sum(values) / len(values), min(values), max(values)))
    return mean if least == most else f"{mean} ({least} to {most})"
