"""What is missing is named with a command that installs it, wherever the project was installed from."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from places import ROOT

from bench.machine import extras


def test_every_module_of_a_requirement_is_known_to_be_of_it():
    """What packages call their modules, against the table of those that are not called as their distribution."""
    modules: dict[str, set[str]] = {}
    for module, distributions in metadata.packages_distributions().items():
        for distribution in distributions:
            modules.setdefault(canonicalize_name(distribution), set()).add(module)
    smallest: dict[str, str] = {}
    for extra, lines in extras.requirements().items():
        for line in lines:
            smallest.setdefault(canonicalize_name(line.name), extra)
    for distribution, extra in smallest.items():
        if extra == "test":
            continue
        names = modules[distribution]
        assert extra in {extras.extra_of(f"{name}.inner") for name in names}, (
            f"{names} of {distribution}: DISTRIBUTIONS"
        )


@pytest.mark.parametrize(
    ("module", "extra"),
    [
        ("soxr", "audio"),
        ("transformers", ""),
        ("diffusers.models", "hf"),
        ("ai_edge_litert", "audio"),
        ("nothing", None),
    ],
)
def test_a_module_is_of_the_smallest_extra_that_brings_it(module, extra):
    assert extras.extra_of(module) == extra


def test_the_command_fits_where_the_project_was_installed_from(tmp_path):
    source, target, elsewhere = tmp_path / "source", tmp_path / "target", tmp_path / "elsewhere"
    elsewhere.mkdir()
    for folder in ("bench", "tasks"):
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "setup.py", "README.md", "LICENSE", "constraints.txt"):
        shutil.copy(ROOT / file, source)
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", target, source], check=True)

    def command(folder: Path) -> list[str]:
        code = "from bench.machine import extras; print(extras.install('audio'))"
        environment = {**os.environ, "PYTHONPATH": str(target)}
        done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True)
        assert not done.returncode, done.stderr
        words = shlex.split(done.stdout)
        return words[words.index("install") + 1 :]

    assert command(elsewhere) == ["-c", str(source / "constraints.txt"), f"{source}[audio]"]
    assert command(source) == ["-c", "constraints.txt", "-e", ".[audio]"]  # the checkout's own code runs there
    shutil.rmtree(source)
    wanted = [Requirement(word) for word in command(elsewhere)]
    assert {"soxr", "visqol-python", "diffusers"} <= {line.name for line in wanted}
    assert next(line for line in wanted if line.name == "visqol-python").extras == {"lattice"}


def test_a_dry_run_says_what_is_missing(bench):
    chosen = ("--suite", "audio-recon", "--protocol", "speech-whisper", "--system", "pcm")
    planned = bench("run", *chosen, "--dry-run", "--offline")
    assert "missing: word_errors: checkpoint hf:openai/whisper-large-v3 is missing (not in the cache" in planned.stdout
