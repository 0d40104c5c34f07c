"""Exit codes of ``bench`` other than 0 (all measured, or quality held) and 2 (wrong usage or bad input)."""

from __future__ import annotations

REGRESSED, NOTHING_MEASURED, CELL_FAILED = 1, 3, 4
DIFFERS = REGRESSED
"""A number under a fully stated protocol differs from the reported one."""
