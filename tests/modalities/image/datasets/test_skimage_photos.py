"""The photographs of scikit-image: which, how many, and that none is both fitted on and measured."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch

from bench import registry
from bench.errors import BenchError
from bench.modalities.image.datasets.skimage_photos import SPLITS, SkimagePhotos


def test_29_crops_of_8_photographs() -> None:
    dataset = SkimagePhotos()
    samples = list(dataset)
    assert len(samples) == len(dataset) == 29
    assert {tuple(sample.signal.shape) for sample in samples} == {(3, 256, 256)}
    assert {sample.signal.dtype for sample in samples} == {torch.uint8}
    assert len({sample.group for sample in samples}) == 8
    assert [sample.id for sample in samples][:5] == [
        "astronaut#x0y0", "astronaut#x256y0", "astronaut#x0y256", "astronaut#x256y256", "camera#x0y0",
    ]  # fmt: skip


def test_pixels_are_scikit_images() -> None:
    """Read through its own loader."""
    by_id = {sample.id: sample for sample in SkimagePhotos()}
    tile = by_id["hubble_deep_field#x256y512"].signal.permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(tile, skimage.data.hubble_deep_field()[512:768, 256:512])
    camera = by_id["camera#x256y0"]
    np.testing.assert_array_equal(camera.signal[1].numpy(), skimage.data.camera()[:256, 256:])
    assert camera.conversions == ("greyscale",)


def test_fit_split_shares_no_photograph_and_a_stereo_pair_is_one() -> None:
    fit = SkimagePhotos().fit_split()
    assert fit is not None
    assert (len(fit), fit.split, fit.fit_split()) == (15, "fit", None)
    assert not set(SkimagePhotos().hashes) & set(fit.hashes)
    groups = {file.id: file.group for file in fit.files}
    assert groups["motorcycle_left"] == groups["motorcycle_right"] != groups["gravel"]
    assert len(set(groups.values())) == 5


def test_fit_split_has_the_same_preprocessing_and_leaves_out_what_is_too_small() -> None:
    fit = SkimagePhotos({"size": 320}).fit_split()
    assert fit is not None and fit.preprocessing.size == 320
    assert "clock_motion" not in {sample.id.split("#")[0] for sample in fit}


def test_settings_are_written_out_and_fingerprints_are_of_contents() -> None:
    small, default = SkimagePhotos({"size": 128}), SkimagePhotos()
    assert small.settings == {**default.settings, "size": 128}
    assert small.fingerprint == default.fingerprint != SkimagePhotos(split="fit").fingerprint
    assert default.defaults.model_dump() == default.settings


def test_wrong_split_and_data() -> None:
    with pytest.raises(BenchError, match="no split 'test'; choose from eval, fit"):
        SkimagePhotos(split="test")
    with pytest.raises(BenchError, match="use image-folder"):
        SkimagePhotos(data="/photos")


def test_another_scikit_image_without_a_photograph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "skimage" / "data"
    data.mkdir(parents=True)
    (data.parent / "__init__.py").touch()
    for names in SPLITS["eval"][1:]:
        (data / names[0]).touch()
    monkeypatch.delitem(sys.modules, "skimage")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(BenchError, match=r"scikit-image [\d.]+ has no astronaut.png in .*pip install"):
        SkimagePhotos()


@pytest.mark.parametrize("name", ["skimage-photos", "image-folder"])
def test_registered(name: str, tmp_path: Path) -> None:
    entry = registry.get("datasets", name)
    assert registry.load(entry.target).name == name == entry.name
