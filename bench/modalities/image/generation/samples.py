"""Samples made elsewhere, as systems: each ``--samples PATH`` is one, named by its file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from bench import registry
from bench.contracts.generated import Generated
from bench.contracts.system import SystemSpec
from bench.datasets.spec import split_path
from bench.errors import BenchError, UnknownName
from bench.registry import Entry

if TYPE_CHECKING:
    from bench.modalities.image.generation.sources import ImageSource

ARRAYS = (".npz", ".npy")
WHAT = "an .npz with arr_0 or an .npy (uint8, N x height x width x 3), or a folder of images"


@dataclass(frozen=True)
class SampleSpec(SystemSpec):
    """A system of which only samples are available."""

    kind: ClassVar[str] = "samples"

    @property
    def path(self) -> Path:
        """The file or folder."""
        return Path(self.args["path"])

    def check(self) -> None:
        """Nothing to check, since nothing is built from arguments."""

    def identity(self) -> dict[str, Any]:
        """What decides the numbers: the contents, wherever they are stored."""
        return {"samples": self.source().fingerprint}

    def resolved(self) -> dict[str, Any]:
        """The path as the user gave it."""
        return dict(self.args)

    def source(self, preprocessing: dict[str, Any] | None = None, limit: int | None = None) -> ImageSource:
        """The images.

        Raises:
            BenchError: the path does not hold such images; the message says how to store them.
        """
        from bench.datasets.base import Limited
        from bench.modalities.image.generation.sources import ArraySource, DatasetSource, folder_source

        if not self.path.is_dir():
            return ArraySource(self.path, limit, preprocessing)
        folder = folder_source(self.path, preprocessing)
        return folder if limit is None else DatasetSource(Limited(folder.dataset, limit), folder.name)


def sample_specs(paths: tuple[str, ...]) -> list[SampleSpec]:
    """One system per path, named by the end of the path that distinguishes it from the others.

    Raises:
        BenchError: a path is neither a file of images nor a folder.
    """
    chosen = list(dict.fromkeys(Path(text) for text in paths))
    for path in chosen:
        if not path.exists():
            raise BenchError(f"--samples {path}: no such file or folder")
        if path.is_file() and path.suffix.lower() not in ARRAYS:
            raise BenchError(f"--samples {path}: give {WHAT}")
    entry = Entry(
        "samples",
        "bench.modalities.image.generation.sources:ImageSource",
        "samples made elsewhere",
        modality="image",
        tokens="samples",
    )
    return [SampleSpec(name, entry, {"path": str(path)}) for name, path in zip(_names(chosen), chosen, strict=True)]


def _names(paths: list[Path]) -> list[str]:
    whole = [path.absolute().parts for path in paths]
    for length in range(1, max(map(len, whole), default=0) + 1):
        names = ["/".join(parts[-length:]) for parts in whole]
        if len(set(names)) == len(names):
            return names
    return [str(path) for path in paths]


class GeneratedImages(Generated):
    """Generated images in arrays or folders."""

    def systems(self, paths: Sequence[str]) -> list[SampleSpec]:
        return sample_specs(tuple(paths))

    def reference(self, text: str) -> tuple[str, str | None]:
        path = Path(text)
        if path.is_dir():
            return "image-folder", text
        if path.is_file() and path.suffix.lower() not in ARRAYS:
            raise BenchError(f"--reference {path}: give an .npz, an .npy, a folder of images or the name of a dataset")
        if path.is_file():
            return path.name, text
        if path.suffix.lower() in ARRAYS or "/" in text.partition(":")[0]:
            raise BenchError(f"--reference {path}: no such file or folder")
        name, data = split_path(text)
        try:
            registry.get("datasets", name.partition("@")[0])
        except UnknownName as error:
            raise BenchError(f"--reference {text}: no such file or folder, and {error}") from error
        return name, data


GENERATED = GeneratedImages()
