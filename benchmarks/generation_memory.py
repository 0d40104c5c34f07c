"""Memory and disk of image-generation, for growing numbers of images.

    python benchmarks/generation_memory.py --samples 500 --samples 1000 --samples 2000

Each line is a whole cell under the preset `default`: samples and half as many references of random pixels, an
Inception with random weights. What it keeps is told apart: anonymous memory, which the operating system cannot take
back, in the loop and to the end of the last step, and mapped files, which it writes out as it needs to.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Sequence
from multiprocessing import get_context
from pathlib import Path

import click
from image_metrics import WEIGHTS, anonymous_mib

MIB = 2**20


@click.command()
@click.option("--samples", default=(500, 1000, 2000), multiple=True, show_default=True, help="Images, in turn.")
@click.option("--size", default=64, show_default=True, help="Their height and width.")
@click.option("--metrics", default="", help="Only these, with commas between them.")
def main(samples: Sequence[int], size: int, metrics: str) -> None:
    """Peak of anonymous memory, and bytes of mapped files a sample."""
    from synthetic import random_inception

    with tempfile.TemporaryDirectory(dir=Path(__file__).parent) as name:
        os.environ["BENCH_CACHE"] = name
        weights = random_inception(Path(name) / "inception.pth")
        for n in samples:
            process = get_context("spawn").Process(target=measure, args=(n, size, metrics, weights, Path(name)))
            process.start()
            process.join()


def measure(n: int, size: int, metrics: str, weights: Path, folder: Path) -> None:
    """One cell of n samples and n / 2 references."""
    import numpy as np

    from bench import registry, scratch
    from bench.canonical import sha256_file
    from bench.generation.samples import sample_specs
    from bench.task import Job, Request
    from bench.weights import WeightStore

    generator = np.random.default_rng(n)
    files = [folder / "samples.npy", folder / "references.npy"]
    for file, count in zip(files, (n, n // 2), strict=True):
        np.save(file, generator.integers(0, 256, (count, size, size, 3), np.uint8))
    mapped, original = [0], scratch.reserve

    def reserve(descriptor: int, bytes_: int) -> None:
        mapped[0] += bytes_
        original(descriptor, bytes_)

    scratch.reserve = reserve
    task = registry.load(registry.get("tasks", "image-generation").target)()
    chosen = {"metrics": {key: {} for key in metrics.split(",")}} if metrics else {}
    store = WeightStore({WEIGHTS: weights}, offline=True)
    assert store.sha256(WEIGHTS) == sha256_file(weights)
    protocol = task.protocol(Request(("default", chosen), files[1].name, str(files[1]), sha256=store.sha256))
    (system,) = sample_specs((str(files[0]),))
    found = store.resolve(protocol.weights)
    job = Job(system, task.for_system(protocol, system), str(files[1]), "cpu", 32, 1, found)
    phases: dict[str, float] = {}
    at_end, current, over = {}, ["preparing"], threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            phases[current[0]] = max(phases.get(current[0], 0.0), anonymous_mib("self"))

    def report(phase: str, done: int, total: int) -> None:
        current[0] = phase
        at_end[phase] = mapped[0]

    watcher = threading.Thread(target=watch)
    watcher.start()
    task.measure(job, report)
    over.set()
    watcher.join()
    click.echo(
        f"{n:6} samples, {n // 2} references: anonymous "
        + ", ".join(f"{phase} {peak:.0f} MiB" for phase, peak in phases.items())
        + f"; mapped {at_end['measuring'] / MIB:.0f} MiB in the loop, {mapped[0] / MIB:.0f} MiB in all"
    )


if __name__ == "__main__":
    main()
