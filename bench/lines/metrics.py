"""Registry lines of the metrics that serve every modality."""

from __future__ import annotations

import math

from bench.registry import Entry
from bench.values import FROM_ZERO, Tolerance, Value

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "codebook",
        "bench.metrics.codebook:CodebookUse",
        "Utilization, perplexity and entropy of the codebooks, each level and joint",
        values=(
            Value(
                "codebook_utilization",
                "Utilization",
                "",
                True,
                (0.0, 1.0),
                section="rate",
                percent=True,
                # Small enough to show one code of 4096 that is never used again.
                tolerance=Tolerance(0.0001),
                last=True,
            ),
            Value(
                "codebook_perplexity",
                "Perplexity",
                "entries",
                True,
                (1.0, math.inf),
                section="rate",
                default=False,
                last=True,
            ),
            Value("codebook_entropy", "Entropy", "bit/code", True, FROM_ZERO, section="rate", default=False, last=True),
        ),
    ),
    Entry(
        "peak_memory",
        "bench.metrics.cost:PeakMemory",
        "Peak memory of encode and decode, weights included",
        values=(
            Value(
                "peak_memory",
                "Peak memory",
                "MiB",
                False,
                FROM_ZERO,
                device_bound=True,
                section="cost",
                default=False,
            ),
        ),
    ),
)
