"""Time to make tables and the site from many results on disk; no model and no data are needed.

    python benchmarks/reading_side.py --results 100 --results 400 --results 2000
    python benchmarks/reading_side.py --results 400 --command publish

The results repeat those of a committed leaderboard, each system under a new name and with new values: every metric's
values are drawn around the committed ones, and intervals are scaled with them.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np

ROOT = Path(__file__).parents[1]
COMMANDS = ("markdown", "latex", "terminal", "csv", "json", "publish")
SPREAD = 0.3
"""Standard deviation of the logarithm of the factor that each value is multiplied by."""


def synthetic(pattern: Path, count: int, seed: int = 0) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield ``count`` names and results as JSON trees, made from the results of a folder in turn."""
    generator = np.random.default_rng(seed)
    patterns = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(pattern.glob("*.json"))]
    for number in range(count):
        tree = json.loads(json.dumps(patterns[number % len(patterns)]))
        name = f"{tree['system']['name']}-{number:05d}"
        tree["system"]["name"] = name
        tree |= {"key": f"{number:064x}", "samples": None, "kept": []}
        for estimate in tree["metrics"].values():
            if estimate["value"] is not None:
                factor = float(np.exp(generator.normal(0, SPREAD)))
                estimate["value"] *= factor
                estimate["interval"] = estimate["interval"] and [end * factor for end in estimate["interval"]]
        yield name, tree


def seconds(command: str, folder: Path, scratch: Path) -> tuple[float, float]:
    """Return the wall-clock seconds of a command on a folder of results, and the MB that it wrote."""
    words = ["publish", folder, "--out", scratch / "site"] if command == "publish" else ["leaderboard", folder]
    words += [] if command == "publish" else ["--format", command]
    start = time.perf_counter()
    with (scratch / "output").open("wb") as output:
        subprocess.run([Path(sys.executable).with_name("bench"), *map(str, words)], stdout=output, check=True)
    taken = time.perf_counter() - start
    written = [file for file in scratch.rglob("*") if file.is_file()]
    return taken, sum(file.stat().st_size for file in written) / 1e6


@click.command()
@click.option("--results", "counts", type=click.IntRange(min=1), multiple=True, default=(100, 400, 2000))
@click.option("--command", "commands", type=click.Choice(COMMANDS), multiple=True, default=COMMANDS)
@click.option("--pattern", type=click.Path(exists=True, path_type=Path), default=ROOT / "leaderboards" / "image-recon")
def main(counts: tuple[int, ...], commands: tuple[str, ...], pattern: Path) -> None:
    """Print seconds and MB written by each command for each number of results."""
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            results = Path(folder) / "run" / "results"
            results.mkdir(parents=True)
            for name, tree in synthetic(pattern / "results", count):
                (results / f"{name}.json").write_text(json.dumps(tree), encoding="utf-8")
            for command in commands:
                scratch = Path(folder) / command
                scratch.mkdir()
                taken, written = seconds(command, results.parent, scratch)
                click.echo(f"{count:6} results  {command:9} {taken:7.1f} s  {written:8.1f} MB")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    click.echo(f"peak memory of a process {peak:.0f} MiB")


if __name__ == "__main__":
    main()
