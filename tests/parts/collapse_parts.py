"""Results of the bottleneck study made by hand: trainings whose codebooks are used as a test says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from hand_made import N, protocol, result

from bench.contracts import spec_text
from bench.contracts.results import CodebookRecord, Result, Run
from bench.contracts.stats import Estimate, clustered_mean
from bench.contracts.trainings import Trainings

STEPS = [100, 200, 300, 400]
UNDER = protocol(task="image-bottleneck-study", settings={}, metrics={"psnr": 1, "codebook": 1})
RUN = (
    ("trained-vq", (0.04, 0.05, 0.06)),
    ("trained-fsq", (0.93, 0.94, 0.95)),
    ("trained-vq@remedy=online-clustering", (0.88, 0.9, 0.92)),
    ("trained-vq@remedy=affine", (0.02, 0.05, 0.3)),
    ("trained-vq@update=ema", (0.07, 0.08, 0.09)),
    ("trained-continuous", ()),
)
"""A few systems with the used shares of their trainings."""
STUDY = f"tables/*{UNDER.fingerprint}*.html"
VALUES = ("psnr", "codebook_utilization", "dead_codes")


def trained(
    name: str,
    used: Sequence[float] = (),
    *,
    size: int = 1024,
    books: int = 1,
    levels: Sequence[Sequence[float]] = (),
    rise: float = 0.0,
    tokens: float = 4096.0,
    **fields: Any,
) -> Result:
    """Make the result of a bottleneck whose trainings end with these used shares of its codes.

    Args:
        name: as users write it; its arguments become those of the result.
        used: one share per training; none where there are no codes.
        size: codes of each codebook.
        books: number of codebooks.
        levels: the used shares of each codebook, where they differ: a row per codebook.
        rise: by how much the used share rose in the last quarter of the training.
        tokens: codes per sample, of all codebooks together.
        fields: as ``hand_made.result``.
    """
    seeds = list(range(len(used) or 3))
    psnr = [20.0 + seed / 10 for seed in seeds]
    ends: dict[str, list[float | None]] = {"psnr": [*psnr]}
    curves: dict[str, list[list[float | None]]] = {"loss": [[2.0, 1.5, 1.2, 1.0 + seed / 50] for seed in seeds]}
    if used:
        ends |= {
            "codebook_utilization": [*used],
            "codebook_perplexity": [share * size / 2 for share in used],
            "dead_codes": [1 - share for share in used],
        }
        ends |= {f"codebook_utilization_level_{level}": [*shares] for level, shares in enumerate(levels)}
        curves["utilization"] = [[share / 4, share / 2, share - rise, share] for share in used]
    entry, _, rest = spec_text.name_and_rest(name)
    arguments = {key or "bits": spec_text.value(text) for key, text in spec_text.arguments(rest)} if rest else {}
    made = result(name, "discrete" if used else "continuous", protocol=UNDER, suite="collapse", **fields)
    means = {value: clustered_mean(np.array(ends[value]), np.arange(len(seeds))) for value in VALUES if value in ends}
    if used:
        means["tokens_per_image"] = Estimate(value=tokens, unit="tokens", stderr=0.0, n=N)
    return made.model_copy(
        update={
            "system": made.system.model_copy(update={"entry": entry, "arguments": arguments}),
            "codebooks": [CodebookRecord(size=size, covers="4x4 pixels")] * books if used else [],
            "metrics": means,
            "trainings": Trainings(seeds=seeds, steps=STEPS, curves=curves, ends=ends),
        }
    )


def write_study(folder: Path) -> Path:
    """Write a run of a few systems and return its folder."""
    run = Run(folder)
    for name, used in RUN:
        made = trained(name, used)
        run.write(run.file_of(name, made.protocol), made, None)
    return run.path
