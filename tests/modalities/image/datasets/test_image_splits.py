"""Folders to learn from and to measure on: which is which, and the classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.errors import BenchError
from bench.modalities.image.datasets.image_splits import ImageSplits

FILES = ("train/cat/a.png", "train/cat/b.png", "train/ant/c.png", "val/cat/d.png", "val/ant/e.png")


def folder(root: Path, *files: str) -> str:
    for number, name in enumerate(files):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((40, 40, 3), number, np.uint8)).save(root / name)
    return str(root)


def test_val_is_measured_and_train_learned_from(tmp_path):
    data = ImageSplits({"size": 32}, data=folder(tmp_path, *FILES))
    learned = data.fit_split()
    assert learned is not None
    assert [sample.id for sample in data] == ["ant/e.png", "cat/d.png"]
    assert [sample.id for sample in learned] == ["ant/c.png", "cat/a.png", "cat/b.png"]
    assert learned.load(0).signal.shape == (3, 32, 32)
    assert data.classes == learned.classes == ("ant", "cat")
    assert [sample.label for sample in learned] == [0, 1, 1]
    assert learned.fit_split() is None
    assert data.fingerprint != learned.fingerprint


def test_images_outside_of_folders_have_no_classes(tmp_path):
    data = ImageSplits({"size": 32}, data=folder(tmp_path, *FILES, "val/f.png"))
    assert data.classes == ()
    assert {sample.label for sample in data} == {None}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (("val/cat/a.png",), "train: no such folder; give the one that holds val and train"),
        ((*FILES, "val/dog/f.png"), r"val has classes that train lacks \(dog\)"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, files, message):
    with pytest.raises(BenchError, match=message):
        ImageSplits(data=folder(tmp_path, *files))
    with pytest.raises(BenchError, match="run with --data PATH"):
        ImageSplits()
