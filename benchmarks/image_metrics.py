"""This package's image metrics compared with torch-fidelity's command, on the same PNG files and weights.

    python benchmarks/image_metrics.py speed --images 256 --rounds 5
    python benchmarks/image_metrics.py memory --images 128 --images 512

Each measurement is a whole process, from its start to the printed values. torch-fidelity computes FID, IS and
KID; this package computes these three with their intervals, and PSNR, SSIM and codebook use. The two take turns, so
that other load on the machine affects both.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import click

WEIGHTS = "inception-2015-12-05"
METRICS = ("rfid", "inception_score", "kid", "psnr", "ssim", "codebook")
JPEG_QUALITY = 25
BATCH = 32


@click.group()
def main() -> None:
    """Measure time and memory of the image metrics."""


@dataclass(frozen=True)
class Inputs:
    """Two folders of PNGs with equal names, and a weights file."""

    reference: Path
    reconstruction: Path
    weights: Path


def prepare(folder: Path, images: int, size: int) -> Inputs:
    """Write photographs, their JPEG reconstructions, and an Inception with random weights into a folder."""
    from PIL import Image
    from synthetic import jpeg, photographs, random_inception

    inputs = Inputs(folder / "reference", folder / "reconstruction", folder / "inception.pth")
    inputs.reference.mkdir()
    inputs.reconstruction.mkdir()
    for number, image in enumerate(photographs(images, size)):
        Image.fromarray(image).save(inputs.reference / f"{number:06}.png")
        Image.fromarray(jpeg(image, JPEG_QUALITY)).save(inputs.reconstruction / f"{number:06}.png")
    random_inception(inputs.weights)
    return inputs


def ours(inputs: Inputs, cache: Path) -> tuple[list[str], dict[str, str]]:
    """Return command line and environment of this package's metrics."""
    command = [
        sys.executable,
        __file__,
        "measure",
        *map(str, (inputs.reference, inputs.reconstruction, inputs.weights)),
    ]
    return command, {"BENCH_CACHE": str(cache)}


def theirs(inputs: Inputs, subset: int, cache: Path | None) -> tuple[list[str], dict[str, str]]:
    """Return command line and environment of torch-fidelity; with a cache it keeps the second input's features."""
    command = [
        str(Path(sys.executable).with_name("fidelity")),
        "--cpu",
        "--isc",
        "--fid",
        "--kid",
        "--json",
        "--silent",
    ]
    command += ["--kid-subset-size", str(subset), "--feature-extractor-weights-path", str(inputs.weights)]
    command += ["--input1", str(inputs.reconstruction), "--input2", str(inputs.reference)]
    command += ["--no-cache"] if cache is None else ["--input2-cache-name", "reference", "--cache-root", str(cache)]
    return command, {}


@dataclass(frozen=True)
class Took:
    """Wall time and processor time of a process with its children, in seconds, and the values it printed."""

    wall: float
    cpu: float
    values: dict[str, float]


def run(command: Sequence[str], environment: dict[str, str]) -> Took:
    """Run a process to its end; its output ends with a JSON object of values."""
    # Threads that spin while waiting would make each command's time depend on other load.
    environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", **environment}
    before, start = os.times(), time.perf_counter()
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    wall, after = time.perf_counter() - start, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Took(wall, cpu, json.loads(done.stdout[done.stdout.index("{") :]))


@main.command()
@click.option("--images", default=256, show_default=True, help="Images in each folder.")
@click.option("--size", default=256, show_default=True, help="Their height and width.")
@click.option("--rounds", default=5, show_default=True, help="How often each command runs.")
def speed(images: int, size: int, rounds: int) -> None:
    """Time whole processes in turn: cold, and with the reference's features cached."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        inputs = prepare(folder, images, size)
        subset = min(1000, images)
        warm, their_warm = folder / "warm", folder / "their-warm"
        first = run(*ours(inputs, warm)), run(*theirs(inputs, subset, their_warm))
        click.echo(f"{images} images of {size}x{size}; values here and there:")
        for ours_name, theirs_name in (
            ("rfid", "frechet_inception_distance"),
            ("kid", "kernel_inception_distance_mean"),
            ("inception_score", "inception_score_mean"),
        ):
            click.echo(f"  {ours_name:16} {first[0].values[ours_name]:.8g}  {first[1].values[theirs_name]:.8g}")
        took: dict[str, list[Took]] = {"cold": [], "cached": [], "their cold": [], "their cached": []}
        for number in range(rounds):
            took["cold"].append(run(*ours(inputs, folder / f"cold-{number}")))
            took["their cold"].append(run(*theirs(inputs, subset, None)))
            took["cached"].append(run(*ours(inputs, warm)))
            took["their cached"].append(run(*theirs(inputs, subset, their_warm)))
        for arm, runs in took.items():
            click.echo(f"  {arm:16} wall {spread([r.wall for r in runs])} s   cpu {spread([r.cpu for r in runs])} s")
        click.echo("ratios within a round, this package to torch-fidelity:")
        for arm, peer in (("cold", "their cold"), ("cached", "their cold"), ("cached", "their cached")):
            pairs = list(zip(took[arm], took[peer], strict=True))
            wall, cpu = spread([a.wall / b.wall for a, b in pairs]), spread([a.cpu / b.cpu for a, b in pairs])
            click.echo(f"  {arm:>6} / {peer:16} wall {wall}   cpu {cpu}")


def spread(values: Sequence[float]) -> str:
    """Write minimum, median and maximum."""
    return f"{min(values):.3f} .. {statistics.median(values):.3f} .. {max(values):.3f}"


@main.command()
@click.option("--images", default=(128, 256, 512), multiple=True, show_default=True, help="Images in each folder.")
@click.option("--size", default=64, show_default=True, help="Their height and width.")
def memory(images: Sequence[int], size: int) -> None:
    """Measure the peak of anonymous memory for growing numbers of images."""
    for count in images:
        with tempfile.TemporaryDirectory() as name:
            inputs = prepare(Path(name), count, size)
            command, environment = ours(inputs, Path(name) / "cache")
            process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True)
            peak = max(anonymous(process))
            values = json.loads(process.stdout.read()) if process.stdout else {}
            click.echo(f"{count} images: in the loop {values['loop_mib']:.0f} MiB, over all {peak:.0f} MiB")


def anonymous(process: subprocess.Popen[str]) -> Iterator[float]:
    """Yield the anonymous resident memory of a process in MiB, repeatedly until it ends."""
    while process.poll() is None:
        yield anonymous_mib(process.pid)
        time.sleep(0.02)


def anonymous_mib(process: int | str) -> float:
    """Return the anonymous resident memory of a process in MiB; 0 if it has ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0.0
    line = next((line for line in status.splitlines() if line.startswith("RssAnon:")), "RssAnon: 0 kB")
    return int(line.split()[1]) / 1024


@main.command(hidden=True)
@click.argument("reference", type=click.Path(path_type=Path))
@click.argument("reconstruction", type=click.Path(path_type=Path))
@click.argument("weights", type=click.Path(path_type=Path))
def measure(reference: Path, reconstruction: Path, weights: Path) -> None:
    """Print the metrics of two folders and the loop's peak of anonymous memory as a JSON object."""
    import torch

    from bench import registry
    from bench.contracts.tokens import Codebook, Tokens
    from bench.datasets.base import BadSample
    from bench.datasets.loader import ordered
    from bench.machine.canonical import sha256_file
    from bench.measuring.features import FeatureBank
    from bench.metrics.base import Batch

    folder: Any = registry.load(registry.get("datasets", "image-folder").target)
    whole = {"crop": "none", "resize": "none", "smaller": "skip", "size": 1}
    sides = [folder(whole, data=str(path)) for path in (reference, reconstruction)]
    books = (Codebook(1024, "16x16 pixels"),)
    metrics = [registry.load(registry.get("metrics", name).target)({}, books, {WEIGHTS: weights}) for name in METRICS]
    key = {"dataset": sides[0].fingerprint}
    bank = FeatureBank({WEIGHTS: weights}, {WEIGHTS: sha256_file(weights)}, torch.device("cpu"), key, len(sides[0]))
    pairs = zip(*(ordered(side, workers=2, prefetch=2 * BATCH) for side in sides), strict=True)
    peak = 0.0
    while samples := list(islice(pairs, BATCH)):
        images = []
        for side in zip(*samples, strict=True):
            stored = [sample.signal for _, sample in side if not isinstance(sample, BadSample)]
            images.append(torch.stack(stored).float() / 255)
        index = torch.tensor([position for (position, _), _ in samples])
        codes = (torch.nn.functional.avg_pool2d(images[1].mean(1), 16) * 1023).round().long()
        features = bank.batch(index, images[0], images[1])
        batch = Batch(index, index, images[0], images[1], Tokens(codes=(codes,)), features)
        for metric in metrics:
            metric.update(batch)
        peak = max(peak, anonymous_mib("self"))
    bank.finish(complete=True)
    estimates = {name: estimate for metric in metrics for name, estimate in metric.compute().items()}
    values = {name: estimate.value for name, estimate in estimates.items()}
    click.echo(json.dumps({**values, "loop_mib": peak}))


if __name__ == "__main__":
    main()
