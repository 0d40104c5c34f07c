"""A modality that a package brings by its entry points alone goes through every command, and changes no other."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from plugin_parts import as_installed, fingerprints, install

from bench import registry
from bench.contracts.results import Run

SHORT = "description: short\nprobe: {budget: {steps: 10}, width: 16, depth: 1, heads: 1}\n"


@pytest.fixture(scope="module")
def motion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the installed package."""
    return install("modality", tmp_path_factory.mktemp("motion"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Circles of two joints, run through at several speeds; the last one to be measured is too short."""
    folder = tmp_path_factory.mktemp("motions")
    for split, count in (("eval", 5), ("train", 12)):
        (folder / split).mkdir()
        for number in range(count):
            steps = 9 if (split, number) == ("eval", 4) else 40
            angle = np.linspace(0, 3 + number / 2, steps)
            path = np.stack([0.9 * np.sin(angle), 0.9 * np.cos(angle)], 1)
            np.savetxt(folder / split / f"{number:02d}.csv", path, delimiter=",", fmt="%.4f")
    return folder


@pytest.fixture
def motion_bench(bench: Callable[..., object], motion: Path) -> Callable[..., object]:
    """The command where the package is installed."""
    return lambda *words, **options: bench(*words, PYTHONPATH=str(motion), **options)


def test_every_command_takes_it(motion_bench, bench, data, tmp_path) -> None:
    listed = json.loads(motion_bench("list", "--format", "json").stdout)
    assert {"motion"} <= listed["modalities"].keys()
    assert {"grid", "cosines"} <= listed["tokenizers"].keys()
    assert {"motion-recon", "motion-token-modelling"} <= listed["tasks"].keys() & listed["suites"].keys()
    assert "motion-ntp-probe" not in listed["tasks"]  # its face says of nothing what probes should draw
    assert "levels" in motion_bench("show", "grid").stdout

    measured = motion_bench("run", "--suite", "motion-recon", "--data", data, "--no-mlflow", "--keep-samples", 2)
    assert "Endpoint" in measured.stdout or "endpoint_error" in measured.stdout
    results = {result.system.name: result for result in Run(tmp_path / "runs" / "motion-recon").results()}
    assert results.keys() == {"grid@16", "grid@4", "cosines@6"}
    assert all(result.dataset.skipped == {"04.csv": "9 steps of 32"} for result in results.values())
    # Rounding to L levels in [-1, 1] is off by at most 1 / (L - 1) in each of two joints.
    assert 0 < results["grid@16"].metrics["endpoint_error"].value < 2**0.5 / 15
    assert results["grid@4"].codebooks[0].size == 16

    motion_bench("baseline", "update", "runs/motion-recon", "--baseline", "baseline")
    held = motion_bench("check", "runs/motion-recon", "--baseline", "baseline")
    assert "HELD: 3 systems" in held.stdout
    assert "grid@16" in motion_bench("leaderboard", "runs/motion-recon", "--format", "markdown").stdout
    motion_bench("publish", "runs/motion-recon", "--out", "shown")
    assert "<polyline points=" in site_of(tmp_path / "shown")
    # Results are read where the package is not installed, too; the samples are links then.
    assert "grid@16" in bench("leaderboard", "runs/motion-recon").stdout
    bench("publish", "runs/motion-recon", "--out", "linked")
    assert "<polyline" not in site_of(tmp_path / "linked")
    assert list((tmp_path / "linked").rglob("*.csv*"))


def site_of(folder: Path) -> str:
    """The text of all pages."""
    return "".join(page.read_text(encoding="utf-8") for page in folder.rglob("*.html"))


def test_a_probe_learns_its_tokens(motion_bench, data, tmp_path) -> None:
    (tmp_path / "short.yaml").write_text(SHORT)
    chosen = ("--suite", "motion-token-modelling", "--data", data, "--protocol", "short.yaml", "--no-mlflow")
    motion_bench("run", *chosen)
    (result,) = Run(tmp_path / "runs" / "motion-token-modelling").results()
    # Every sample has as many steps as tokens.
    nats, bits = result.metrics["nll"].value, result.metrics["bits_per_step_model"].value
    assert bits == pytest.approx(nats / np.log(2))


def test_what_it_lacks_is_rejected_by_name(motion_bench, data) -> None:
    done = motion_bench("run", "--suite", "motion-recon", "--system", "jpeg", "--data", data, code=2)
    assert "jpeg is of image; suite motion-recon is of motion" in done.stderr


def test_it_changes_no_protocol_of_others(motion, monkeypatch) -> None:
    before = fingerprints()
    with as_installed(motion, monkeypatch):
        assert "motion" in registry.entries("modalities")
        assert fingerprints() == before
