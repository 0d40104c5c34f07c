"""Memory and disk use of image generation, for growing numbers of images.

    python benchmarks/generation_memory.py --samples 60 --samples 250
    python benchmarks/generation_memory.py --features drawn --samples 1000 --samples 16000 --metrics gfid,sfid

Each measurement is a whole cell under the preset `default`: samples and half as many references of random pixels, and
an Inception with random weights, or in its place random numbers in the shape of its features, which cost nothing to
compute. Two kinds of memory are reported: anonymous memory, which the operating system cannot reclaim, at its peak and
at the end of each phase and of each metric's last step; and mapped files, which it writes out as needed.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click
from image_metrics import WEIGHTS, anonymous_mib

MIB = 2**20


@click.command()
@click.option("--samples", default=(60, 250), multiple=True, show_default=True, help="Numbers of images.")
@click.option("--size", default=64, show_default=True, help="Height and width in pixels.")
@click.option("--metrics", default="", help="Only these metrics, separated by commas.")
@click.option("--features", type=click.Choice(["computed", "drawn"]), default="computed", show_default=True)
def main(samples: Sequence[int], size: int, metrics: str, features: str) -> None:
    """Report the peak of anonymous memory and the size of mapped files."""
    from synthetic import random_inception

    with tempfile.TemporaryDirectory(dir=Path(__file__).parent) as name:
        os.environ["BENCH_CACHE"] = name
        weights = random_inception(Path(name) / "inception.pth")
        for n in samples:
            process = get_context("spawn").Process(
                target=measure, args=(n, size, metrics, features, weights, Path(name))
            )
            process.start()
            process.join()


def measure(n: int, size: int, metrics: str, features: str, weights: Path, folder: Path) -> None:
    """Measure one cell of n samples and n / 2 references."""
    import numpy as np
    import torch

    from bench import registry
    from bench.contracts.options import Options
    from bench.contracts.task import Job, Request
    from bench.machine import mapped_arrays as scratch
    from bench.machine.canonical import sha256_file
    from bench.machine.weights import WeightStore
    from bench.measuring.extractors import Extractor, Network
    from bench.metrics.guarded import Guarded
    from bench.modalities.image.generation.judging import Judge
    from bench.modalities.image.generation.samples import sample_specs

    generator = np.random.default_rng(n)
    files = [folder / "samples.npy", folder / "references.npy"]
    for file, count in zip(files, (n, n // 2), strict=True):
        np.save(file, generator.integers(0, 256, (count, size, size, 3), np.uint8))
    mapped, original, at_end = [0], scratch.reserve, dict[str, int]()

    def reserve(descriptor: int, size: int) -> None:
        mapped[0] += size
        original(descriptor, size)

    def drawn(extractor: Extractor, weights: Path, device: torch.device) -> Network:
        return lambda images: {layer: torch.rand(len(images), dim) for layer, dim in extractor.layers.items()}

    scratch.reserve = reserve
    if features == "drawn":
        Extractor.load = drawn  # type: ignore[assignment, method-assign]
    task = registry.load(registry.get("tasks", "image-generation").target)()
    chosen: dict[str, Any] = {"metrics": {key: {} for key in metrics.split(",")}} if metrics else {}
    options = Options(data=str(files[1]), batch_size=32, workers=1)
    store = WeightStore({WEIGHTS: weights}, offline=True)
    assert store.sha256(WEIGHTS) == sha256_file(weights)
    protocol = task.protocol(Request(("default", chosen), files[1].name, options, sha256=store.sha256))
    (system,) = sample_specs((str(files[0]),))
    resolved = store.resolve(protocol.weights)
    job = Job(system, task.for_system(protocol, system), options, resolved)
    highest, last, phase, over = dict[str, float](), dict[str, float](), ["preparing"], threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            now, memory = phase[0], anonymous_mib("self")
            highest[now] = max(highest.get(now, 0.0), memory)
            last[now] = memory

    def within(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            phase[0] = name
            return function(*args, **kwargs)

        return call

    outcome = Guarded.outcome

    def of_metric(member: Guarded, *args: Any) -> Any:
        return within(member.kind.__name__, outcome)(member, *args)

    Judge.prepare = within("references", Judge.prepare)  # type: ignore[method-assign]
    Judge.judge = within("loop", Judge.judge)  # type: ignore[method-assign]
    Guarded.outcome = of_metric  # type: ignore[assignment, method-assign]
    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    task.measure(job, lambda phase, done, total: at_end.update({phase: mapped[0]}))
    wall = time.perf_counter() - start
    over.set()
    watcher.join()
    click.echo(
        f"{n} samples, {n // 2} references, {wall:.0f} s: "
        f"mapped {at_end['measuring'] / MIB:.0f} MiB in the loop, {mapped[0] / MIB:.0f} MiB in all; anonymous MiB"
    )
    for name, peak in highest.items():
        click.echo(f"  {name:30} at most {peak:5.0f}, in the end {last[name]:5.0f}")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
