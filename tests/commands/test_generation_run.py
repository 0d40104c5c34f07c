"""`bench run --samples` and `bench doctor --golden`: from files to a table; resumed, refused with the remedy."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch_fidelity
import yaml
from click.testing import CliRunner
from command import command_environment
from PIL import Image
from synthetic import jpeg, photographs, random_inception
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_prc import calculate_precision_recall_full

from bench.cli import main
from bench.contracts.results import Run

RUN = ("run", "--suite", "image-gen", "--offline", "--no-mlflow")
COMPARED = (
    "description: What torch-fidelity has\nmetrics: {gfid: {}, generation_kid: {}, generation_inception_score: {}}\n"
)
"""Other metrics take most of a command's time, and have tests of their own."""


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Run ``bench ARGS...`` as ``bench`` does, but in this process: for commands that have nothing to measure."""
    monkeypatch.chdir(tmp_path)
    for name, value in command_environment(tmp_path).items():
        monkeypatch.setenv(name, value)

    def run(*arguments: object, code: int = 0) -> str:
        done = CliRunner().invoke(main, [*map(str, arguments)])
        assert done.exit_code == code, done.output
        return done.output

    return run


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    random_inception(folder / "inception.pth")
    real = np.stack(list(photographs(14, 48)))
    fake = np.stack([jpeg(image, 20) for image in photographs(12, 48, seed=3)])
    np.savez(folder / "real.npz", real)
    np.savez_compressed(folder / "fake.npz", fake)
    for name, images in (("real", real), ("fake", fake)):
        (folder / name).mkdir()
        for number, image in enumerate(images):
            Image.fromarray(image).save(folder / name / f"{number:03}.png")
    return folder


def test_values_equal_torch_fidelitys_and_are_kept(bench, inside, tmp_path, inputs):
    (tmp_path / "compared.yaml").write_text(COMPARED)
    run = (*RUN, f"--weights=inception-2015-12-05={inputs / 'inception.pth'}", "--protocol", "compared.yaml")
    command = (*run, "--reference", inputs / "real.npz", "--samples", inputs / "fake.npz", "--out", "out")
    done = bench(*command)
    assert "gFID" in done.stdout
    assert "fake.npz" in done.stdout
    (result,) = Run(tmp_path / "out").results()
    expected = torch_fidelity.calculate_metrics(
        input1=str(inputs / "fake"),
        input2=str(inputs / "real"),
        cuda=False,
        fid=True,
        isc=True,
        kid=True,
        kid_subset_size=12,
        feature_extractor_weights_path=str(inputs / "inception.pth"),
        cache=False,
        verbose=False,
    )
    for ours, theirs in (
        ("gfid", "frechet_inception_distance"),
        ("kid", "kernel_inception_distance_mean"),
        ("inception_score", "inception_score_mean"),
    ):
        assert result.metrics[ours].value == pytest.approx(expected[theirs], rel=1e-4), ours
        assert result.metrics[ours].interval, ours
    assert (result.protocol.dataset.n, result.protocol.settings["reference"]["images"]) == (12, 14)
    assert "12 samples, 14 references" in result.metrics["kid"].note
    assert "12 samples, 14 references in 2048 dimensions" in result.metrics["gfid"].note
    assert "N=12 · 14 reference images" in done.stdout
    assert "kept" in inside(*command)
    # Folders of the same images give the same numbers, under a protocol of their own.
    own = ("--samples", inputs / "fake", "--samples", inputs / "real.npz")
    done = bench(*run, "--reference", inputs / "real", *own, "--out", "folders")
    again, same = sorted(Run(tmp_path / "folders").results(), key=lambda found: found.system.name)
    assert {name: each.value for name, each in again.metrics.items()} == pytest.approx(
        {name: each.value for name, each in result.metrics.items()}, rel=1e-5
    )
    # The reference itself as samples is told, at the distances alone.
    told = "the samples are the reference itself"
    assert f"warning: real.npz: {told}" in done.stderr
    assert told in " ".join(done.stdout.split())
    assert {name for name, each in same.metrics.items() if told in each.note} == {"gfid", "kid"}
    assert told not in again.metrics["gfid"].note


LITE = ("gfd", "kd", "density", "coverage")


def test_without_inception_what_needs_it_says_so_and_the_rest_is_measured(bench, tmp_path, inputs):
    files = ("--reference", inputs / "real.npz", "--samples", inputs / "fake.npz")
    done = bench(*RUN, *files, "--out", "out")
    assert "unavailable: weights inception-2015-12-05" in done.stderr
    (result,) = Run(tmp_path / "out").results()
    measured = {name for name, estimate in result.metrics.items() if estimate.value is not None}
    assert measured == {"swd", "swd_level_0", "swd_level_1"} | {f"{name}_efficientnet_lite0" for name in LITE}
    for name in measured:
        assert result.metrics[name].interval, name
    for name in ("gfid", "sfid", "inception_score", "kid", "precision", "recall", "density", "coverage"):
        assert "run: bench fetch inception-2015-12-05" in result.metrics[name].remedy, name
    # Where nothing else is asked for, nothing was measured.
    nothing = bench(*RUN, *files, "--protocol", "adm", "--out", "adm", code=3)
    assert "no metric can be measured" in nothing.stderr.replace("\n", " ")
    assert "bench fetch inception-2015-12-05" in nothing.stderr
    assert not list(Run(tmp_path / "adm").results())  # it was refused before it was tried


@pytest.fixture(scope="module")
def published(inputs: Path) -> dict[str, float]:
    """What trusted code makes of the same files."""
    network = FeatureExtractorInceptionV3(
        "inception-v3-compat", ["2048", "logits_unbiased"], feature_extractor_weights_path=str(inputs / "inception.pth")
    )
    found = []
    for name in ("fake.npz", "real.npz"):
        with torch.no_grad(), np.load(inputs / name) as file:
            found.append(network(torch.from_numpy(file["arr_0"]).permute(0, 3, 1, 2)))
    (fake, logits), (real, _) = found
    statistics = [fid_features_to_statistics(side) for side in (fake, real)]
    return {
        "gfid": fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"],
        "inception_score_file_order": isc_features_to_metric(logits, splits=1, shuffle=False)["inception_score_mean"],
        "precision": float(calculate_precision_recall_full(fake, real, neighborhood=3)[0]),
    }


def test_golden_numbers_agree_or_are_named(bench, inside, inputs, published):
    weights = f"--weights=inception-2015-12-05={inputs / 'inception.pth'}"
    agreeing = {name: f"{value:.2f}" for name, value in published.items()}

    def stated(**changed: Any) -> tuple[object, ...]:
        content = {"description": "small", "source": "here", "protocol": "adm", "expected": agreeing}
        content |= {"samples": "fake.npz", "reference": "real.npz", **changed}
        (inputs / "small.yaml").write_text(yaml.safe_dump(content))
        return "doctor", "--golden", inputs / "small.yaml"

    def check(code: int, *options: str, **changed: Any) -> str:
        return inside(*stated(**changed), *options, code=code)

    agreed = bench(*stated(), weights).stdout
    # What is measured is kept, so that the other checks measure nothing.
    assert re.search(r"gfid +expected +[\d.]+  measured +[\d.]+  difference [+-]0\.0\d+  agrees", agreed), agreed
    assert agreed.count("agrees") == len(agreeing)
    near = f"{float(agreeing['gfid']) + 0.01:.2f}"
    differing = check(4, weights, expected={**agreeing, "gfid": near})
    assert re.search(rf"gfid +expected +{near}  measured +[\d.]+  difference -0\.\d+  DIFFERS", differing), differing
    assert "the protocol does not measure it" in check(3, weights, expected={**agreeing, "visqol": "4.0"})
    assert "bench fetch inception-2015-12-05" in check(3)
    files = {"nowhere.npz": "example.org"}
    assert "nowhere.npz; get it from example.org" in check(3, reference="nowhere.npz", files=files)
    assert "expected" in check(2, expected={})


def test_the_self_test_of_guided_diffusion_says_where_its_files_are(inside, inputs):
    shown = inside("doctor", "--golden", inputs, code=3)
    assert shown.count("get it from https://openaipublic") == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--reference", "{}/real"), "give them with --samples PATH"),
        (("--samples", "{}/fake.npz"), "--reference PATH or DATASET"),
        (("--samples", "{}/nowhere.npz", "--reference", "{}/real.npz"), "no such file"),
        (("--samples", "{}/fake.npz", "--reference", "{}/real", "--limit", "1"), "at least 2"),
        (("--system", "jpeg@5", "--reference", "{}/real"), "--reference has no generated images to be compared with"),
        (("--suite", "image-recon", "--samples", "{}/fake.npz"), "image-recon does not measure samples"),
    ],
)
def test_wrong_input_names_the_thing_and_the_remedy(inside, inputs, arguments, message):
    told = inside(*RUN, *(argument.format(inputs) for argument in arguments), code=2)
    assert message in told.replace("\n", " ")
    assert "Traceback" not in told


@pytest.mark.parametrize("offline", [True, False])
def test_all_that_is_missing_is_told_at_once(inside, tmp_path, inputs, offline, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    if not offline:
        monkeypatch.delenv("HF_HUB_OFFLINE")
    (tmp_path / "swd.yaml").write_text("description: d\nmetrics: {sliced_wasserstein: {}}\n")
    (tmp_path / "prompts.txt").write_text("a cat\n")
    command = ("run", "--suite", "image-gen", *(("--offline",) if offline else ()), "--no-mlflow", "--dry-run")
    command += ("--reference", inputs / "real.npz", "--protocol", "swd.yaml")
    command += ("--system", "janus-pro-1b", "--system", "amused-256")
    said = " ".join(inside(*command, code=2).split())
    parts = (
        "janus-pro-1b generates from text: give --prompts",
        "also missing here: janus-pro-1b: its checkpoint",
        "run: bench fetch janus-pro-1b",
        "bench fetch amused-256",
    )
    assert all(part in said for part in parts)
    said = inside(*command, "--prompts", "prompts.txt")
    for name in ("janus-pro-1b", "amused-256"):
        assert f"{'missing' if offline else 'fetched when it is measured, or now'}: {name}: its checkpoint" in said


@pytest.mark.parametrize("side", ["--samples", "--reference"])
def test_a_folder_of_mixed_sizes_is_refused_before_anything_is_measured(inside, tmp_path, inputs, side):
    folder = tmp_path / "mixed"
    folder.mkdir()
    for number, size in enumerate((48, 48, 40)):
        Image.new("RGB", (size, 48)).save(folder / f"{number}.png")
    paths = {"--samples": inputs / "fake", "--reference": inputs / "real", side: folder}
    said = " ".join(inside(*RUN, *(part for pair in paths.items() for part in pair), code=2).split())
    assert "0.png is 48x48, 2.png is 40x48" in said
