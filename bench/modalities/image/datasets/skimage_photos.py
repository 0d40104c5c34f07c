"""The photographs that are installed with scikit-image."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from bench.errors import BenchError
from bench.modalities.image.datasets.images import ImageDataset, ImagePreprocessing, StoredImage

# Natural photographs only: no charts, text, phantoms, micrographs. A row is one photograph, or a stereo pair.
SPLITS: dict[str, tuple[tuple[str, ...], ...]] = {
    "eval": (
        ("astronaut.png",),
        ("camera.png",),
        ("chelsea.png",),
        ("coins.png",),
        ("grass.png",),
        ("hubble_deep_field.jpg",),
        ("moon.png",),
        ("rocket.jpg",),
    ),
    "fit": (
        ("brick.png",),
        ("clock_motion.png",),
        ("coffee.png",),
        ("gravel.png",),
        ("motorcycle_left.png", "motorcycle_right.png"),
    ),
}


class SkimagePhotos(ImageDataset):
    """Natural photographs from scikit-image's wheel, cut into tiles; 29 of 256x256 to evaluate, 15 to fit.

    The two splits share no photographs. Nothing is ever downloaded. The files are the same, byte for byte, in
    scikit-image 0.24 to 0.26.
    """

    name = "skimage-photos"
    splits = ("eval", "fit")
    defaults = ImagePreprocessing(crop="tiles", size=256, resize="none", smaller="skip")

    def find(self) -> Sequence[StoredImage]:
        if self.data is not None:
            raise BenchError(f"{self.name} is installed with scikit-image; for a folder of images use image-folder")
        folder = _data_folder()
        files = [
            StoredImage(Path(name).stem, folder / name, group)
            for group, names in enumerate(SPLITS[self.split])
            for name in names
        ]
        missing = [file.path.name for file in files if not file.path.is_file()]
        if missing:
            version = metadata.version("scikit-image")
            raise BenchError(
                f"{self.name}: scikit-image {version} has no {', '.join(missing)} in {folder}; "
                "run: pip install --force-reinstall 'scikit-image>=0.24,<0.27'"
            )
        return files

    def fit_split(self) -> SkimagePhotos | None:
        """The other photographs, under the same preprocessing; None for the fit split itself."""
        return None if self.split == "fit" else SkimagePhotos(self.settings, "fit")


def _data_folder() -> Path:
    """Where the photographs lie, without importing scikit-image (half a second)."""
    spec = importlib.util.find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        raise BenchError("skimage-photos needs scikit-image; run: pip install scikit-image")
    return Path(spec.submodule_search_locations[0]) / "data"
