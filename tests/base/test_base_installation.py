"""The installation without extras: it runs what the README has for it, and says what the rest of it needs."""

from __future__ import annotations

import itertools
import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from command import command_environment
from PIL import Image
from places import ROOT

from bench import registry
from bench.contracts.results import Run
from bench.contracts.suite import load_suite
from bench.contracts.system import parse

README = (ROOT / "README.md").read_text(encoding="utf-8")
HERE = Path(__file__).parent
PLACEHOLDER = re.compile(r"\b[A-Z]{3,}\b(?!_)|path/to|\.\.\.")
"""In a command that shows a form: something for the reader to fill in."""
OF_AUDIO = re.compile(r"bench\.(audio|resample|continuation)$|bench\.(?!entries\.).*audio")
OF_AUDIO_LINES = re.compile(r"bench\.modalities\.audio(\.face|\.lines(\.\w+)*)?")

TINY = """
description: Small enough for a test
preprocessing: {size: %d}
probe: {width: 16, depth: 1, heads: 1, views: 1, fit_samples: 4, repeats: 1, budget: {steps: 2, positions: 256}}
"""


def commands() -> Iterator[list[str]]:
    """The arguments of every ``bench`` command that the README shows, but those that are forms to fill in."""
    shown = "\n".join(re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL))
    lines = shown.replace("&&", "\n").splitlines()
    lines += re.findall(r"^    (bench .*)$", README, re.MULTILINE) + re.findall(r"`(bench [^`]+)`", README)
    for line in dict.fromkeys(map(str.strip, lines)):
        if line.startswith("bench ") and not PLACEHOLDER.search(line.partition(" #")[0]):
            yield shlex.split(line, comments=True)[1:]


def needs_an_extra(words: list[str]) -> bool:
    """Whether what a command measures, or shows, does."""
    options = list(itertools.pairwise(words))
    suites = [load_suite(name) for option, name in options if option == "--suite"]
    entries = [registry.get("tasks", line.task) for suite in suites for line in suite.tasks]
    systems = [name for option, name in options if option in ("--system", "--add") and ".py:" not in name]
    return any(entry.extra for entry in [*entries, *(parse(name).entry for name in systems)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files that the README's commands name."""
    for name in re.findall(r"^# (\S+\.(?:py|yaml))$", README, re.MULTILINE):
        (block,) = re.findall(rf"^```\w+\n(# {name}\n.*?)^```", README, re.MULTILINE | re.DOTALL)
        (tmp_path / name).write_text(block)
    random = np.random.default_rng(0)
    for name in ("samples.npz", "VIRTUAL_imagenet256_labeled.npz"):
        np.savez(tmp_path / name, arr_0=random.integers(0, 256, (12, 64, 64, 3), dtype=np.uint8))
    for place in itertools.product(("train", "val"), ("n01440764", "n01443537"), ("x.JPEG", "y.JPEG")):
        file = tmp_path.joinpath("imagenet", *place)
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(file)
    for name in ("originals", "mine"):
        (tmp_path / name).mkdir()
        Image.fromarray(random.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(tmp_path / name / "x.png")
    (tmp_path / "theirs.tsv").write_text("x.png\tmine/x.png\n")
    return tmp_path


def in_one_process(base: Path, folder: Path, calls: list[list[str]]) -> list[tuple[int, str]]:
    """Exit code and output of each call of ``bench``, made one after the other by the base installation."""
    done = subprocess.run(
        [base, HERE / "calls.py", json.dumps(calls)],
        cwd=folder,
        env={**command_environment(folder), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
    )
    assert not done.returncode, done.stderr
    return [(code, output) for code, output in json.loads(done.stdout.splitlines()[-1])]


def test_nothing_of_an_extra_is_there(base):
    code = "import importlib.util as u, json; print(json.dumps([n for n in %r if u.find_spec(n)]))"
    modules = ["soxr", "soundfile", "diffusers", "torchaudio", "jiwer", "playwright", "pytest"]
    assert subprocess.check_output([base, "-c", code % modules], text=True).strip() == "[]"
    assert subprocess.check_output([base, "-c", code % ["torch", "transformers"]], text=True).strip() != "[]"


def test_what_the_readme_measures_without_an_extra_can_be_planned(base, folder):
    runs = [words for words in commands() if words[0] == "run" and "--suite" in words and not needs_an_extra(words)]
    calls = [words for words in runs if "graph-tokens" not in words]  # its graphs lie in a package of their own
    suites = {words[words.index("--suite") + 1] for words in calls}
    assert suites == {"image-recon", "image-recon-latent", "image-gen", "token-modelling"}
    planned = in_one_process(base, folder, [[*words, "--dry-run", "--offline"] for words in calls])
    for words, (code, output) in zip(calls, planned, strict=True):
        assert code == 0, f"{words}: {output}"
        assert "to measure" in output
        assert "cannot be imported" not in output


def test_what_the_readme_looks_up_is_there(base, folder):
    looks = [words for words in commands() if words[0] in ("list", "show", "doctor")]
    assert {words[0] for words in looks} == {"list", "show", "doctor"}
    calls = [*looks, ["fetch", "sd-vae-ft-mse"], ["list", "--format", "json"]]
    answers = in_one_process(base, folder, calls)
    for words, (code, output) in zip(calls, answers, strict=True):
        assert code == (4 if words[0] == "fetch" else 0), f"{words}: {output}"
        assert "Traceback" not in output


NEEDY = {
    "soxr": (["--suite", "audio-recon"], "audio"),
    "diffusers": (["--suite", "image-recon", "--system", "sd-vae"], "hf"),
}


def test_what_needs_an_extra_says_which(base, folder):
    calls = [["run", *arguments, "--dry-run", "--offline"] for arguments, _ in NEEDY.values()]
    for (code, output), (module, (_, extra)) in zip(in_one_process(base, folder, calls), NEEDY.items(), strict=True):
        assert code == 2
        assert module in output
        assert re.search(rf"run: \S+ (-m pip )?install .*(\[{extra}\]|{module}>=)", output), output
        assert "ntp-bench[" not in output


def test_an_image_suite_imports_nothing_of_audio(base, folder):
    """All modules of the bench that a plan and a cell of each image suite import, in one process."""
    (folder / "tiny.yaml").write_text(
        TINY % 64 + "generation: {samples: 2, batch: 2}\nmetrics: {psnr: {}, codebook: {}}\n"
    )
    (folder / "whole.yaml").write_text(TINY % 256)
    cells = [
        ["image-recon", "klt-vq", None],
        ["image-gen", "klt-vq@8", "tiny.yaml"],
        ["token-modelling", "klt-vq@8", "whole.yaml"],
        ["image-gen", "samples.npz", None],
    ]
    done = subprocess.run(
        [base, HERE / "cells.py", json.dumps(cells)],
        cwd=folder,
        env=command_environment(folder),
        capture_output=True,
        text=True,
    )
    assert not done.returncode, done.stderr
    modules = json.loads(done.stdout.splitlines()[-1])
    assert "bench.tasks.probe" in modules
    # The face and the lines import nothing else.
    computing = [name for name in modules if not OF_AUDIO_LINES.fullmatch(name)]
    assert not [name for name in computing if OF_AUDIO.match(name)]


def test_images_are_measured_compared_and_shown(bench, base, tmp_path):
    systems = ("--system", "klt-vq", "--system", "jpeg@5")
    bench("run", "--suite", "image-recon", *systems, "--limit", 2, "--offline", "--workers", 0, "--no-mlflow")
    results = list(Run(tmp_path / "runs" / "image-recon").results())
    assert [result.status for result in results] == ["ok", "ok"]
    assert all(result.metrics["psnr"].value for result in results)
    calls = {
        "leaderboard runs/image-recon --format markdown": 0,
        "baseline update runs/image-recon --baseline baseline": 0,
        "check runs/image-recon --baseline baseline --report quality.md": 0,
        "compare runs/image-recon --systems klt-vq jpeg@5": 0,
        "publish runs/image-recon --out site": 0,
        "sync runs/image-recon": 0,
    }
    done = in_one_process(base, tmp_path, [words.split() for words in calls])
    for (code, output), (words, expected) in zip(done, calls.items(), strict=True):
        assert code == expected, f"{words}: {output}"
    assert (tmp_path / "quality.md").is_file()
    assert (tmp_path / "site" / "index.html").is_file()
    assert (tmp_path / "mlflow.db").is_file()
