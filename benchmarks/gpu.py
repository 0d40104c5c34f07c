"""One prepared run on a GPU: a table of ratios beside torch-fidelity and the bare networks, in under eight minutes.

    python benchmarks/gpu.py --device cuda
    python benchmarks/gpu.py --device cpu --size small

Everything is made here, with random weights, and nothing is downloaded. What is compared runs in processes of this
one, one after the other, on the same files with the same weights. It says which device gave the numbers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import psutil
from gpu_inputs import SIZES, Inputs, Size, prepare
from gpu_systems import NOTED
from image_metrics import anonymous_mib

HERE = Path(__file__).parent
PARTS = HERE / "gpu_parts.py"
LIKE_FIDELITY = """description: what torch-fidelity computes
metrics:
  gfid: {}
  generation_inception_score: {}
  generation_kid: {subset_size: %d}
"""
SPEEDS = {"peak_memory"}
"""Values that differ from device to device, besides those per second."""


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        work: what was measured.
        here: this package's number, with its unit.
        beside: what it is compared with, with its unit.
        ratio: this package's number in terms of the other, or of the goal.
        goal: what the ratio should be at most, or at least.
        at_least: whether it should be at least that.
    """

    work: str
    here: str
    beside: str
    ratio: float
    goal: float
    at_least: bool = False

    def cells(self) -> tuple[str, ...]:
        """The texts of the row."""
        met = self.ratio >= self.goal if self.at_least else self.ratio <= self.goal
        sign = "≥" if self.at_least else "≤"
        return self.work, self.here, self.beside, f"{self.ratio:.3g}", f"{sign} {self.goal:g}", "yes" if met else "NO"


@dataclass(frozen=True)
class Ran:
    """A process and its children that ended well.

    Attributes:
        seconds: wall time.
        started: when it was started, in seconds since the epoch.
        host_mib: the most anonymous memory of all of them together.
        device_mib: the most memory in use on the device, in so far as this process saw it.
        output: what it printed.
    """

    seconds: float
    started: float
    host_mib: float
    device_mib: float
    output: str


class Bench:
    """Runs processes on a device in a folder of its own, and watches their memory."""

    def __init__(self, folder: Path, device: str, size: Size, inputs: Inputs) -> None:
        self.folder, self.device, self.size, self.inputs = folder, device, size, inputs
        self.environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "BENCH_CACHE": str(folder / "cache")}
        self.runs = 0

    def whole(self) -> Path:
        """A protocol that takes the images as they are."""
        file = self.folder / "whole.yaml"
        file.write_text(f"description: images as they are\npreprocessing: {{crop: center, size: {self.size.side}}}\n")
        return file

    def process(self, command: Sequence[str | Path], **environment: str) -> Ran:
        """Run a process to its end; an error with what it said if it fails."""
        host, on_device, over = [0.0], [0.0], threading.Event()
        started, clock = time.time(), time.perf_counter()
        running = subprocess.Popen(
            list(map(str, command)),
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

        def watch() -> None:
            while not over.wait(0.1):
                host.append(_tree_mib(running.pid))
                on_device.append(_device_mib(self.device))

        watcher = threading.Thread(target=watch)
        watcher.start()
        output, said = running.communicate()
        seconds = time.perf_counter() - clock
        over.set()
        watcher.join()
        if running.returncode not in (0, 4):
            raise click.ClickException(f"{' '.join(map(str, command))}\n{said[-3000:]}")
        return Ran(seconds, started, max(host), max(on_device), output)

    def part(self, name: str, **options: object) -> dict[str, Any]:
        """Run a command of ``gpu_parts.py`` and read what it printed."""
        given = [text for key, value in options.items() for text in (f"--{key.replace('_', '-')}", str(value))]
        printed = self.process([sys.executable, PARTS, name, "--device", self.device, *given]).output
        values: dict[str, Any] = json.loads(printed.splitlines()[-1])
        return values

    def run(self, *arguments: str | Path, device: str = "") -> tuple[Ran, list[float], list[dict[str, Any]]]:
        """``bench run`` with these arguments: the process, the times that were noted, and the results."""
        self.runs += 1
        out, noted = self.folder / f"run-{self.runs}", self.folder / f"noted-{self.runs}"
        command = [sys.executable, "-m", "bench", "run", *arguments]
        command += ["--device", device or self.device, "--batch-size", str(self.size.batch)]
        command += ["--weights", f"inception-2015-12-05={self.inputs.inception}"]
        command += ["--no-mlflow", "--offline", "--out", out]
        ran = self.process(command, **{NOTED: str(noted)})
        results = [json.loads(file.read_text()) for file in sorted((out / "results").glob("*.json"))]
        if failed := [result["errors"] for result in results if result["status"] != "ok"]:
            raise click.ClickException(f"a cell failed: {failed}")
        times = [float(text) for text in noted.read_text().split()] if noted.exists() else []
        return ran, times, results


def _tree_mib(process: int) -> float:
    """The anonymous memory of a process and all below it, in MiB."""
    try:
        tree = [process, *(child.pid for child in psutil.Process(process).children(recursive=True))]
    except psutil.Error:
        return 0.0
    return sum(map(anonymous_mib, tree))


def _device_mib(device: str) -> float:
    """The memory in use on a CUDA device, in MiB; 0 on others."""
    if not device.startswith("cuda"):
        return 0.0
    import torch

    free, total = torch.cuda.mem_get_info(torch.device(device))
    return (total - free) / 2**20


def reconstruction(bench: Bench) -> list[Row]:
    """Rows on reconstruction: the start, the whole command, its last step, and memory by the number of images."""
    inputs, size = bench.inputs, bench.size
    system = f"{HERE / 'gpu_systems.py'}:Tiny@path={inputs.tiny}"
    chosen = ("--suite", "image-recon", "--protocol", bench.whole(), "--system", system)
    counts = [len(list(folder.iterdir())) for folder in (inputs.quarter, inputs.many)]
    first, (began, _), _ = bench.run(*chosen, "--data", inputs.quarter)
    longer, (start, last), _ = bench.run(*chosen, "--data", inputs.many)
    seconds = bench.part("bare", weights=inputs.inception, checkpoint=inputs.tiny, batch=size.batch, side=size.side)[
        "seconds"
    ]
    bare, n = seconds * counts[1], counts[1]
    end = longer.started + longer.seconds
    rows = [
        Row("command to first batch, first run", f"{began - first.started:.1f} s", "8 s",
            (began - first.started) / 8, 1),
        Row("command to first batch, again", f"{start - longer.started:.1f} s", "8 s",
            (start - longer.started) / 8, 1),
        Row(f"image-recon, {n} images: rate of the command", f"{longer.seconds:.1f} s", f"bare {bare:.1f} s",
            bare / longer.seconds, 0.85, True),
        Row(f"image-recon, {n} images: rate of the loop", f"{last - start:.1f} s", f"bare {bare:.1f} s",
            bare / (last - start), 0.85, True),
        Row(f"image-recon, {n} images: last step", f"{end - last:.1f} s", "20 s", (end - last) / 20, 1),
    ]  # fmt: skip
    for name, few, many in (
        ("host", first.host_mib, longer.host_mib),
        *((("device", first.device_mib, longer.device_mib),) if bench.device.startswith("cuda") else ()),
    ):
        work = f"{name} memory, {counts[0]} to {n} images"
        rows.append(Row(work, f"{many:.0f} MiB", f"{few:.0f} MiB", many / max(few, 1), 1.1))
    return rows


def features(bench: Bench) -> list[Row]:
    """The row on Inception's features."""
    size = bench.size
    rates = bench.part(
        "features",
        weights=bench.inputs.inception,
        batch=size.batch,
        side=size.side,
        rounds=size.rounds,
        batches=size.rounds,
    )
    here, there = rates["ours"], rates["theirs"]
    work = f"Inception features, batch {size.batch}"
    return [Row(work, f"{here:.0f} images/s", f"torch-fidelity {there:.0f}", here / there, 1.2, True)]


def fidelity(bench: Bench) -> list[Row]:
    """The row on FID, IS and KID of two folders, and how near the values are."""
    inputs, size = bench.inputs, bench.size
    protocol = bench.folder / "like-fidelity.yaml"
    protocol.write_text(LIKE_FIDELITY % size.kid_subset)
    chosen = ("--suite", "image-gen", "--protocol", protocol)
    ours, _, (result,) = bench.run(*chosen, "--samples", inputs.samples, "--reference", inputs.originals)
    command = ["-m", "torch_fidelity.fidelity", "--isc", "--fid", "--kid", "--json", "--silent", "--no-cache"]
    command += ["--kid-subset-size", str(size.kid_subset), "--batch-size", str(size.batch)]
    command += ["--feature-extractor-weights-path", str(inputs.inception)]
    command += ["--gpu", bench.device.partition(":")[2] or "0"] if bench.device.startswith("cuda") else ["--cpu"]
    theirs = bench.process([sys.executable, *command, "--input1", inputs.samples, "--input2", inputs.originals])
    there = json.loads(theirs.output[theirs.output.index("{") :])["frechet_inception_distance"]
    here = result["metrics"]["gfid"]["value"]
    work = f"FID, IS and KID of {size.images} + {size.images} images"
    return [
        Row(
            work, f"{ours.seconds:.1f} s", f"torch-fidelity {theirs.seconds:.1f} s", ours.seconds / theirs.seconds, 0.7
        ),
        Row("the same: difference of FID", f"{here:.6g}", f"{there:.6g}", abs(here / there - 1), 1e-4),
    ]


def sets(bench: Bench) -> list[Row]:
    """The row on set metrics of given features."""
    ours, theirs = (
        bench.part("sets", rows=bench.size.rows, whose=whose, kid_subset=bench.size.kid_subset)
        for whose in ("ours", "theirs")
    )
    for name, part in (("here", ours), ("torch-fidelity", theirs)):
        click.echo(f"{name}: " + ", ".join(f"{key} {seconds:.1f} s" for key, seconds in part["each"].items()), err=True)
    work = f"set metrics, {bench.size.rows} on {bench.size.rows} rows"
    beside = f"torch-fidelity {theirs['seconds']:.1f} s"
    return [Row(work, f"{ours['seconds']:.1f} s", beside, ours["seconds"] / theirs["seconds"], 1)]


def devices(bench: Bench) -> list[Row]:
    """The row on how far values of the device are from those of the processor, which are the same on a processor."""
    chosen: list[str | Path] = ["--suite", "image-recon", "--limit", "32", "--data", bench.inputs.quarter]
    chosen += ["--protocol", bench.whole(), "--system", f"autoencoder-tiny={bench.inputs.tiny}"]
    results = [bench.run(*chosen, device=device)[2] for device in ("cpu", bench.device)]
    worst, name = 0.0, "none"
    for one, two in zip(*results, strict=True):
        assert one["system"]["name"] == two["system"]["name"]
        for key, estimate in one["metrics"].items():
            value, other = estimate["value"], two["metrics"][key]["value"]
            if value is None or estimate.get("device_bound") or key in SPEEDS:
                continue
            apart = abs(value - other) / max(abs(value), 1e-12)
            worst, name = max((worst, name), (apart, f"{key} of {one['system']['name']}"))
    return [Row("values, processor and device", name, "most apart", worst, 1e-5)]


ROWS: dict[str, Callable[[Bench], list[Row]]] = {
    "reconstruction": reconstruction,
    "features": features,
    "fidelity": fidelity,
    "sets": sets,
    "devices": devices,
}


def describe(device: str) -> str:
    """The device, and the versions that the numbers depend on."""
    import torch

    from bench.machine.environment import device_name

    versions = f"Python {sys.version.split()[0]}, torch {torch.__version__}"
    if device.startswith("cuda"):
        versions += f", CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}"
    return f"{device_name(device)}; {os.cpu_count()} processors; {versions}"


def table(rows: Sequence[Row]) -> str:
    """The rows as Markdown with columns of equal width."""
    head = ("work", "here", "beside", "ratio", "goal", "met")
    cells = [head, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    lines = ["| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in cells]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


@click.command()
@click.option("--device", default="cuda", show_default=True, help="cpu, cuda, or cuda:1.")
@click.option("--size", "name", type=click.Choice(tuple(SIZES)), default="full", show_default=True)
@click.option("--only", multiple=True, type=click.Choice(tuple(ROWS)), help="Only these rows; repeatable.")
def main(device: str, name: str, only: tuple[str, ...]) -> None:
    """Measure, and print one table of ratios."""
    begun = time.perf_counter()
    size = SIZES[name]
    with tempfile.TemporaryDirectory() as folder:
        inputs = prepare(Path(folder), size)
        click.echo(f"inputs: {time.perf_counter() - begun:.0f} s", err=True)
        bench = Bench(Path(folder), device, size, inputs)
        rows: list[Row] = []
        for part, measure in ROWS.items():
            if only and part not in only:
                continue
            clock = time.perf_counter()
            try:
                rows += measure(bench)
            except click.ClickException as error:  # the other rows still tell something
                click.echo(f"{part} failed: {error.message}", err=True)
            click.echo(f"{part}: {time.perf_counter() - clock:.0f} s", err=True)
    click.echo(f"{describe(device)}; size {name}; {time.perf_counter() - begun:.0f} s in all\n")
    click.echo(table(rows))
    if not rows:
        sys.exit(1)


if __name__ == "__main__":
    main()
