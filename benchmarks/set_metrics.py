"""Time and memory of the set-level metrics' last step, up to the size of ImageNet's validation set.

    python benchmarks/set_metrics.py rfid --samples 500 --samples 50000
    python benchmarks/set_metrics.py gfid --samples 50000 --references 10000
    python benchmarks/set_metrics.py kid --samples 50000 --device cuda

The features are random, 2048 per sample, correlated and rectified as a network's are. There are as many references as
samples, paired, unless the metric judges generated images and ``--references`` is given.

What 50,000 samples against 50,000 references should take on an H100, estimated with 60 TFLOP/s in float64, 50 in
float32 without TF32, 3 TB/s, and 0.1 s per metric and side for the rows from the page cache; d = 2048, 20 blocks:

- FID and sFID: scatters, 4 passes of 2nd² = 1.7 TFLOP; 21 times two Cholesky factors, 20 ms, and a sum of singular
  values, 103 products of 2d³ = 1.8 TFLOP, 30 ms, where eigenvalues would take 400 ms: 1.3 s each.
- KID: 2·2n²d = 20 TFLOP in float32, 5e9 kernel values in float64, 400 GB, and their sums, 1.2 TFLOP: 0.8 s.
- Inception Score: softmax of 50 million logits, and sums of 20 GFLOP: 0.1 s.
- Precision and recall of 10,000 each: 3·2n²d = 1.2 TFLOP in float64, 22 comparisons of 1e8 distances: 0.2 s. Of all:
  31 TFLOP in float32, 22 comparisons of 2.5e9 distances, 0.5 TB: 1.2 s. Density and coverage: less.
- Sliced Wasserstein of 16,384 each: 5 levels of 256 pixels, 22 sorts of 512 x 2.1 million projections: 10 s.

Of 4,000 against 4,000, FID takes 1.1 s and all the others together 0.3 s. The first factor waits for cuSOLVER to start,
half a second.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click
import numpy as np
from image_metrics import anonymous_mib

DIM, CLASSES, SPATIAL, LATENT, PART = 2048, 1008, 2023, 256, 500
PAIRED = ("rfid", "kid", "inception_score")
GENERATED = (
    "gfid",
    "sfid",
    "generation_kid",
    "generation_inception_score",
    "precision_recall",
    "density_coverage",
)


@click.command()
@click.argument("metric", type=click.Choice(PAIRED + GENERATED))
@click.option("--samples", default=(500, 5000), multiple=True, show_default=True, help="Numbers of samples.")
@click.option("--references", default=None, type=int, help="Number of references, for metrics of generated images.")
@click.option("--settings", default="{}", help="Settings of the metric, as JSON.")
@click.option("--device", default="cpu", show_default=True, help="Where the batches are, and so the last step.")
def main(metric: str, samples: tuple[int, ...], references: int | None, settings: str, device: str) -> None:
    """Feed a metric with random features and time its last step."""
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent) as cache:
        os.environ["BENCH_CACHE"] = cache
        for n in samples:
            process = get_context("spawn").Process(
                target=measure, args=(metric, n, references or n, json.loads(settings), device)
            )
            process.start()
            process.join()


def measure(name: str, n: int, m: int, settings: dict[str, Any], device: str) -> None:
    """Measure one metric on n random samples and m references."""
    import torch

    from bench import registry
    from bench.contracts.tokens import Tokens
    from bench.machine.mapped_arrays import Spill, reordered
    from bench.metrics.base import Batch, FeatureSource, ReferenceSource

    def layers(rows: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"pool": rows, "logits": rows[:, :CLASSES], "spatial": rows[:, :SPATIAL]}

    class Drawn(FeatureSource):
        def __init__(self, reference: torch.Tensor, reconstruction: torch.Tensor) -> None:
            self.sides = reference, reconstruction

        def get(self, extractor: str) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
            reference, reconstruction = map(layers, self.sides)
            return reference, reconstruction

    class References(ReferenceSource):
        def __init__(self, rows: torch.Tensor) -> None:
            self.by_layer = layers(rows)

        def statistics(self, extractor: str, layer: str) -> None:
            return None

        def rows(self, extractor: str, layer: str) -> torch.Tensor:
            return self.by_layer[layer]

    metric = registry.load(registry.get("metrics", name).target)(settings)
    generator = torch.Generator().manual_seed(0)
    mix = 0.05 * torch.randn(LATENT, DIM, generator=generator)
    spills = Spill(DIM), Spill(DIM)

    def drawn(count: int) -> list[torch.Tensor]:
        """Rows of references, and of samples paired with them."""
        shared = torch.randn(count, LATENT, generator=generator) @ mix
        noise = (spread * torch.randn(count, DIM, generator=generator) for spread in (0.3, 0.35))
        return [spill.append((shared + single).relu()) for spill, single in zip(spills, noise, strict=True)]

    start, references = anonymous_mib("self"), None
    if name in GENERATED:
        chunks = [drawn(len(part))[0] for part in torch.arange(m).split(PART)]
        references = References(reordered(chunks, np.arange(m)))
    for index in torch.arange(n).split(PART):
        rows = drawn(len(index))
        nothing, tokens = rows[0][:, :0].to(device), Tokens(payload=(b"",) * len(index))
        metric.update(Batch(index, index, nothing, nothing, tokens, Drawn(*rows), references, total=n))
    fed, peaks, done = anonymous_mib("self"), [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            peaks.append(anonymous_mib("self"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    wall, cpu = time.perf_counter(), time.process_time()
    estimate = next(iter(metric.compute().values()))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    done.set()
    watcher.join()
    click.echo(
        f"{n:6} samples: {wall:6.1f} s (processors {cpu:.1f} s); anonymous memory at the start {start:.0f} MiB, "
        f"fed {fed:.0f} MiB, at most {max(peaks):.0f} MiB; {estimate.value:.6g} ± {estimate.stderr:.2g}"
    )
    sys.stdout.flush()


if __name__ == "__main__":
    main()
