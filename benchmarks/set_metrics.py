"""Time and memory of the set-level metrics' last step, for as many samples as ImageNet's validation set has.

    python benchmarks/set_metrics.py rfid --samples 500 --samples 50000

The features are drawn at random, 2048 a sample, correlated and rectified as a network's are.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from multiprocessing import get_context
from pathlib import Path

import click
from image_metrics import anonymous_mib

DIM, CLASSES, LATENT, PART = 2048, 1008, 256, 500


@click.command()
@click.argument("metric", type=click.Choice(["rfid", "kid", "inception_score"]))
@click.option("--samples", default=(500, 5000), multiple=True, show_default=True, help="Samples, in turn.")
def main(metric: str, samples: tuple[int, ...]) -> None:
    """Feed a metric random features and time its last step."""
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent) as cache:
        os.environ["BENCH_CACHE"] = cache
        for n in samples:
            process = get_context("spawn").Process(target=measure, args=(metric, n))
            process.start()
            process.join()


def measure(name: str, n: int) -> None:
    """One metric of n random samples."""
    import torch

    from bench import registry
    from bench.metrics.base import Batch, FeatureSource
    from bench.scratch import Spill
    from bench.tokens import Tokens

    class Drawn(FeatureSource):
        def __init__(self, reference: torch.Tensor, reconstruction: torch.Tensor) -> None:
            self.sides = reference, reconstruction

        def get(self, extractor: str) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
            reference, reconstruction = ({"pool": s, "logits": s[:, :CLASSES]} for s in self.sides)
            return reference, reconstruction

    metric = registry.load(registry.get("metrics", name).target)()
    generator = torch.Generator().manual_seed(0)
    mix = 0.05 * torch.randn(LATENT, DIM, generator=generator)
    spills = Spill(DIM), Spill(DIM)
    start = anonymous_mib("self")
    for index in torch.arange(n).split(PART):
        shared = torch.randn(len(index), LATENT, generator=generator) @ mix
        noise = (spread * torch.randn(len(index), DIM, generator=generator) for spread in (0.3, 0.35))
        rows = [spill.append((shared + own).relu()) for spill, own in zip(spills, noise, strict=True)]
        nothing = shared[:, :0]
        metric.update(Batch(index, index, nothing, nothing, Tokens(payload=(b"",) * len(index)), Drawn(*rows)))
    fed, peaks, done = anonymous_mib("self"), [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            peaks.append(anonymous_mib("self"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    wall, cpu = time.perf_counter(), time.process_time()
    estimate = metric.compute()[name]
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
