"""The point of the gate: a small damage to a tokenizer is caught, and one that did not change passes."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import BENCH, command_environment
from places import SYSTEMS

from bench.contracts.results import Run
from bench.contracts.stats import clustered_mean
from bench.gate.pairing import Measured, read
from bench.machine.canonical import canonical_json

PROTOCOL = "description: What is quick and tells the most\nmetrics: {psnr: {}, codebook: {}}\n"
DAMAGED = SYSTEMS / "damaged.py"
PAIRS = {
    "one code dropped": ("klt-vq@6", f"{DAMAGED}:DroppedCode@quantizer=vq,bits=6"),
    "one rounding step of the encoder": ("klt-fsq", f"{DAMAGED}:RoundsOtherwise"),
    "one rounding step of the decoder": ("klt-continuous", f"{DAMAGED}:RoundsDown"),
}


def bench(folder: Path, *args: object) -> subprocess.CompletedProcess[str]:
    command: list[Any] = [BENCH, *map(str, args)]
    return subprocess.run(command, cwd=folder, env=command_environment(folder), capture_output=True, text=True)


def measure(folder: Path, out: str, systems: list[str]) -> None:
    (folder / "quick.yaml").write_text(PROTOCOL)
    named = [word for system in systems for word in ("--system", system)]
    done = bench(
        folder, "run", "--suite", "image-recon", "--protocol", "quick.yaml", "--no-mlflow", "--out", out, *named
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the runs ``measured``, of sound and damaged systems, and ``again``: the default photographs."""
    folder = tmp_path_factory.mktemp("gate")
    with ThreadPoolExecutor() as both:
        runs = {"measured": [system for pair in PAIRS.values() for system in pair], "again": ["klt-vq@6"]}
        for done in [both.submit(measure, folder, out, systems) for out, systems in runs.items()]:
            done.result()
    return folder


def sound(runs: Path) -> list[Measured]:
    return [one for one in read(runs / "measured") if not one.name.startswith(str(DAMAGED))]


@pytest.mark.parametrize("damage", PAIRS)
def test_a_damage_is_caught(runs: Path, damage: str) -> None:
    done = bench(runs, "check", "measured", "--baseline", "measured", "--pair", *PAIRS[damage], "--report", "report.md")
    assert done.returncode == 1, done.stdout
    assert "❌ regressed" in (runs / "report.md").read_text()


def test_measured_again_it_holds(runs: Path) -> None:
    done = bench(runs, "check", "again", "--baseline", "measured", "--system", "klt-vq@6")
    assert done.returncode == 0, done.stdout
    assert "Nothing moved: klt-vq@6\n" in done.stdout
    assert bench(runs, "check", "again", "--baseline", "measured").returncode == 3  # others are missing


def test_unchanged_passes_twenty_times_out_of_twenty(runs: Path) -> None:
    """As another machine computes it: codebooks trained on other threads, so that every image moves a little."""
    from click.testing import CliRunner

    from bench.cli import main

    names = [word for name, _ in PAIRS.values() for word in ("--system", name)]
    codes = []
    for seed in range(20):
        jittered = runs / f"jittered-{seed}"
        for one in sound(runs):
            rng = np.random.default_rng([seed, len(one.name)])
            groups = np.array(one.samples["group"])
            noise = 0.005 * rng.normal(size=groups.max() + 1)[groups] + 0.003 * rng.normal(size=len(groups))
            moved = np.array(one.samples["psnr"]) + noise
            psnr = one.result.metrics["psnr"]
            again = clustered_mean(moved, groups).model_copy(
                update={"unit": psnr.unit, "metric": "psnr", "higher_is_better": True}
            )
            result = one.result.model_copy(update={"metrics": {**one.result.metrics, "psnr": again}})
            Run(jittered).write(jittered / "results" / one.file.name, result, {**one.samples, "psnr": moved.tolist()})
        against = ["--baseline", str(runs / "measured"), *names, "--format", "json"]
        done = CliRunner().invoke(main, ["check", str(jittered), *against])
        codes.append(done.exit_code)
        assert json.loads(done.stdout)["tested"] == len(PAIRS)  # it did look: all of them moved
    assert codes == [0] * 20


def test_two_systems_of_one_run_side_by_side(runs: Path) -> None:
    done = bench(runs, "compare", "measured", "--systems", "klt-vq@6", "klt-fsq")
    assert done.returncode == 0
    assert "klt-vq@6 → klt-fsq" in done.stdout
    assert "regressed" not in done.stdout
    assert bench(runs, "compare", "measured").returncode == 2


def test_every_jackknifed_estimate_keeps_its_replicates(runs: Path) -> None:
    for one in sound(runs):
        for name, estimate in one.result.metrics.items():
            kept = estimate.replicates is not None and estimate.blocks is not None
            assert kept == estimate.method.startswith("delete-a-block jackknife"), name
        assert canonical_json(one.result.model_dump(mode="json")).count("replicates") == len(one.result.metrics)
