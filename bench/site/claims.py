"""What a survey claims of the systems of a table, for its page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby

from bench.leaderboard.collapse import judged_claims
from bench.leaderboard.collapse_text import Grid, GridRow, grids, notes
from bench.leaderboard.table import Table
from bench.site.drawing import System


@dataclass(frozen=True)
class ClaimGroup:
    """Rows under one heading, which is empty where there is none; each with its system's page, if it has a system."""

    title: str
    rows: tuple[tuple[GridRow, System | None], ...]


@dataclass(frozen=True)
class PageClaims:
    """The claims beside a table.

    Attributes:
        source: the survey and its authors.
        notes: what the verdicts mean.
        grids: the tables of claims with their groups.
    """

    source: str
    notes: tuple[str, ...]
    grids: tuple[tuple[Grid, tuple[ClaimGroup, ...]], ...]


def claims(table: Table, pages: Mapping[str, System]) -> PageClaims | None:
    """Return the claims beside a table; None if a survey claims nothing of its systems.

    Args:
        pages: pages of the systems, by the key of the result.
    """
    judged = judged_claims(table)
    if judged is None:
        return None

    def page(row: GridRow) -> System | None:
        return pages[row.line.row.result.key] if row.line.row else None

    return PageClaims(
        source=judged.source,
        notes=notes(judged),
        grids=tuple(
            (
                grid,
                tuple(
                    ClaimGroup(title, tuple((row, page(row)) for row in rows))
                    for title, rows in groupby(grid.rows, key=lambda row: row.group)
                ),
            )
            for grid in grids(judged)
        ),
    )
