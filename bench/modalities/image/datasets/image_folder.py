"""Any folder of images."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from bench.datasets.base import Dataset
from bench.errors import BenchError
from bench.machine.folders import files_below, printable
from bench.modalities.image.datasets.decode import SUFFIXES
from bench.modalities.image.datasets.images import ImageDataset, ImagePreprocessing, StoredImage
from bench.modalities.image.datasets.skimage_photos import SkimagePhotos


class ImageFolder(ImageDataset):
    """All files below a folder, in the order of their paths; each file is an independent unit.

    The order is that of the paths' bytes, whatever the locale. Hidden files and folders (``.name``) are left
    out, and files whose names do not end like an image's (``readme.txt``). Every other file is a sample, so that a
    damaged one is counted and named. Links are followed; each folder is read once, so loops end. The default
    preprocessing is guided-diffusion's.

    Args:
        data: the folder.
    """

    name = "image-folder"
    splits: ClassVar[tuple[str, ...]] = ("all",)
    defaults = ImagePreprocessing(crop="center", size=256, resize="adm", smaller="upscale")

    def find(self) -> Sequence[StoredImage]:
        if not self.data:
            raise BenchError(f"{self.name} needs a folder; run with --data PATH")
        return self.find_below(Path(self.data).expanduser().absolute())

    def find_below(self, root: Path) -> Sequence[StoredImage]:
        """The images of a folder, in order; BenchError if it is not a folder, or has no images."""
        self.root = root
        try:
            if not root.is_dir():
                kind = "is a file" if root.exists() else "no such folder"
                raise BenchError(f"{root}: {kind}; give a folder of images")
        except PermissionError as error:
            raise BenchError(f"{root}: {error.strerror}; make it readable") from error
        named = [path for path in files_below(root) if Path(path).suffix.lower() in SUFFIXES]
        paths = sorted(named, key=os.fsencode)
        if not paths:
            raise BenchError(
                f"{root}: no image files in this folder or below it; hidden files are left out, and those whose "
                f"names do not end in {' '.join(sorted(SUFFIXES))}"
            )
        return [StoredImage(printable(path), root / path, group) for group, path in enumerate(paths)]

    def fit_split(self) -> Dataset | None:
        """The fit split of skimage-photos, cut as in that dataset, so that what is fitted is the same for every folder.

        Raises:
            BenchError: the folder holds one of its photographs.
        """
        return self._photographs({})

    def training_split(self) -> Dataset | None:
        """The photographs of ``fit_split``, in tiles as large as these samples.

        Whole images have one size only if they are squares of one side; else the tiles are as the protocol says.

        Raises:
            BenchError: the folder holds one of its photographs.
        """
        chosen = self.preprocessing
        kernel = "adm" if chosen.resize == "none" else chosen.resize
        sizes = self.sizes() if chosen.crop == "none" else set()
        sides = {side for size in sizes for side in size} or {chosen.size}
        side = sides.pop() if len(sides) == 1 else chosen.size
        return self._photographs({"size": side, "smaller": "upscale", "resize": kernel, "antialias": chosen.antialias})

    def _photographs(self, settings: dict[str, Any]) -> SkimagePhotos:
        """The fit split of skimage-photos under these settings, others as in that dataset; BenchError as above."""
        fit = SkimagePhotos(settings, "fit")
        fitted = set(fit.hashes)
        both = [file.id for file, sha256 in zip(self.files, self.hashes, strict=True) if sha256 and sha256 in fitted]
        if both:
            raise BenchError(
                f"{self.data}: tokenizers are fitted on {', '.join(both)} ({fit.name}, split {fit.split}), so they "
                "cannot be measured here; move these files out of the folder"
            )
        return fit
