"""What the README shows is what happens."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from bench.commands.leaderboard import read_results
from bench.leaderboard import render, table
from bench.results import Run

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PUBLISHED = sorted(path.parent for path in (ROOT / "leaderboards").glob("*/results"))


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_the_first_command_measures_the_default_suite(bench, tmp_path):
    """All of it, as the README says, but for the installation, which is what these tests run in."""
    (command,) = (
        part
        for block in blocks("sh")
        for part in block.split("&&")
        if "pip install" not in part and "--system" not in part and "tox" not in part
    )
    done = bench(*shlex.split(command)[1:], "--offline")
    results = list(Run(tmp_path / "runs" / "image-recon").results())
    assert len(results) == 14
    assert {result.status for result in results} == {"ok"}
    missing = {
        name
        for result in results
        for name, estimate in result.metrics.items()
        if "bench fetch" in (estimate.unavailable or "")
    }
    assert missing == {"rfid", "kid", "inception_score", "lpips_alex", "lpips_vgg"}
    for result in results:
        for name in ("psnr", "ssim", "ms_ssim", "fd_efficientnet_lite0", "encode_images_per_second"):
            estimate = result.metrics[name]
            assert estimate.value is not None, (result.system.name, name)
            low, high = estimate.interval
            assert low < estimate.value < high
    assert "klt-vq" in done.stdout
    assert "pending" not in done.stderr
    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    synced = bench("sync", "runs/image-recon", MLFLOW_TRACKING_URI=store)
    assert "14" in synced.stdout


def test_the_example_tokenizer_is_complete(bench, tmp_path):
    (example,) = blocks("python")
    name = re.match(r"# (\S+\.py)\n", example)[1]
    (tmp_path / name).write_text(example)
    (command,) = (line for block in blocks("sh") for line in block.splitlines() if name in line)
    bench(*shlex.split(command)[1:], "--limit", 5, "--offline", "--no-mlflow")
    results = {result.system.name: result for result in Run(tmp_path / "runs" / "image-recon").results()}
    own = results.pop(f"{name}:BlockColour")
    assert own.metrics["bits_per_pixel"].value == pytest.approx(9 / 64)
    assert own.system.tokens == "discrete"
    assert all(own.metrics["psnr"].value < other.metrics["psnr"].value for other in results.values())


@pytest.mark.parametrize("folder", PUBLISHED, ids=lambda folder: folder.name)
def test_a_published_leaderboard_renders_again_to_the_same_file(folder):
    rendered = render.render(table.build(read_results(folder)), "markdown")
    assert (folder / "README.md").read_text(encoding="utf-8") == rendered


def test_the_readme_shows_the_published_leaderboard():
    for name, shown in re.findall(r"<!-- leaderboard: (\S+) -->\n(.*?)<!-- end -->", README, re.DOTALL):
        published = (ROOT / name / "README.md").read_text(encoding="utf-8").splitlines()
        rows = [line for line in shown.splitlines() if line.startswith("|")]
        assert len(rows) > 10
        assert set(rows) <= set(published)


def test_every_file_a_link_names_is_there():
    for file in ("README.md", "CONTRIBUTING.md"):
        for link in re.findall(r"\]\(([^)#:]+)\)", (ROOT / file).read_text(encoding="utf-8")):
            assert (ROOT / link).exists(), link
