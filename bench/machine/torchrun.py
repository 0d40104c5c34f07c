"""Whether torchrun started this process, and as which rank; without importing torch."""

from __future__ import annotations

import os


def rank_of() -> tuple[int, int] | None:
    """Rank of this process and number of the ranks, as torchrun started them; None if it did not."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return None
    return int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
