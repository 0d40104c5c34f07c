"""Folders of images to train on and to measure, in the layout of ImageNet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.errors import BenchError
from bench.modalities.image.datasets.image_folder import ImageFolder
from bench.modalities.image.datasets.images import StoredImage


class ImageSplits(ImageFolder):
    """A folder with ``val/``, which is measured, and ``train/``, which is learned from.

    Where every image of both lies in a folder of its own class (``train/n01440764/x.JPEG``), the classes are
    these folders' names, in order, and each sample has the number of its class. What is fitted or trained is
    fitted on ``train/``, under the same preprocessing.

    Args:
        data: the folder that holds both.
    """

    name = "image-splits"
    splits = ("val", "train")

    def find(self) -> Sequence[StoredImage]:
        if not self.data:
            raise BenchError(f"{self.name} needs a folder with {' and '.join(self.splits)}; run with --data PATH")
        whole = Path(self.data).expanduser().absolute()
        names = {split: _classes(whole / split) for split in self.splits}
        files = self.find_below(whole / self.split)
        if names["val"] - names["train"]:
            only = ", ".join(sorted(names["val"] - names["train"])[:3])
            raise BenchError(f"{whole}: val has classes that train lacks ({only}); add them to train, or remove them")
        owners = [file.id.partition("/") for file in files]
        if not names["train"] or not all(mark for _, mark, _ in owners):
            return files
        self.classes = tuple(sorted(names["train"]))
        number = {name: label for label, name in enumerate(self.classes)}
        return [replace(file, label=number[owner]) for file, (owner, _, _) in zip(files, owners, strict=True)]

    def fit_split(self) -> ImageSplits | None:
        """The split ``train/``; None for that split itself."""
        return None if self.split == "train" else ImageSplits(self.settings, "train", self.data)

    def training_split(self) -> ImageSplits | None:
        """The split ``train/`` as well, since its images are preprocessed like these."""
        return self.fit_split()


def _classes(folder: Path) -> set[str]:
    """Names of the folders of a split."""
    if not folder.is_dir():
        raise BenchError(f"{folder}: no such folder; give the one that holds val and train, or use image-folder")
    return {entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")}
