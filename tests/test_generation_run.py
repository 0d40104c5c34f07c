"""`bench run --samples`: from files to a table; resumed, refused with the remedy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch_fidelity
from PIL import Image
from synthetic import jpeg, photographs, random_inception

from bench.results import Run

RUN = ("run", "--suite", "image-gen", "--offline", "--no-mlflow")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    random_inception(folder / "inception.pth")
    real = np.stack(list(photographs(24, 48)))
    fake = np.stack([jpeg(image, 20) for image in photographs(20, 48, seed=3)])
    np.savez(folder / "real.npz", real)
    np.savez_compressed(folder / "fake.npz", fake)
    for name, images in (("real", real), ("fake", fake)):
        (folder / name).mkdir()
        for number, image in enumerate(images):
            Image.fromarray(image).save(folder / name / f"{number:03}.png")
    return folder


def test_values_equal_torch_fidelitys_and_are_kept(bench, tmp_path, inputs):
    weights = f"--weights=inception-2015-12-05={inputs / 'inception.pth'}"
    command = (*RUN, weights, "--reference", inputs / "real.npz", "--samples", inputs / "fake.npz", "--out", "out")
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
        kid_subset_size=20,
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
    assert (result.protocol.dataset.n, result.protocol.settings["reference"]["images"]) == (20, 24)
    assert "kept" in bench(*command).stderr
    # Folders of the same images give the same numbers, under a protocol of their own.
    bench(*RUN, weights, "--reference", inputs / "real", "--samples", inputs / "fake", "--out", "folders")
    (again,) = Run(tmp_path / "folders").results()
    assert {name: each.value for name, each in again.metrics.items()} == pytest.approx(
        {name: each.value for name, each in result.metrics.items()}, rel=1e-5
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--reference", "{}/real"), "give them with --samples PATH"),
        (("--samples", "{}/fake.npz"), "--reference PATH or DATASET"),
        (("--samples", "{}/nowhere.npz", "--reference", "{}/real.npz"), "no such file"),
        (("--samples", "{}/fake.npz", "--reference", "{}/real", "--limit", "1"), "at least 2"),
        (("--system", "jpeg@5", "--reference", "{}/real"), "--reference is what generated images are compared with"),
        (("--suite", "image-recon", "--samples", "{}/fake.npz"), "image-recon measures no samples"),
    ],
)
def test_wrong_input_names_the_thing_and_the_remedy(bench, inputs, arguments, message):
    done = bench(*RUN, *(argument.format(inputs) for argument in arguments), code=2)
    assert message in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr
