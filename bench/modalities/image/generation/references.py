"""References of generated images: images, statistics of their features, or both, as in ADM's files."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.contracts.task import Report
from bench.datasets.spec import DatasetSpec
from bench.errors import BenchError, Unavailable
from bench.measuring import extractors
from bench.measuring.extractor_run import ExtractorRun, Features
from bench.metrics.base import ReferenceSource
from bench.modalities.image.generation.arrays import KEY, members, read_array
from bench.modalities.image.generation.samples import ARRAYS
from bench.modalities.image.generation.sources import AS_THEY_ARE, ArraySource, DatasetSource, ImageSource, file_hash

STATISTICS = {"pool": ("mu", "sigma"), "spatial": ("mu_s", "sigma_s")}
"""Names of mean and covariance of each layer in files of guided-diffusion's ``evaluations``."""

STATISTICS_OF = "inception_spatial"
"""The extractor whose features these statistics describe."""

ROUNDING = 1e-5
"""Share of its norm by which a matrix may differ from a possible covariance."""


@dataclass(frozen=True)
class Reference:
    """A reference set as the user gave it.

    Attributes:
        name: registry name of the dataset, or name of the file.
        source: its images; None if it has none.
        statistics: the file that holds means and covariances, and the layers they are of.
    """

    name: str
    split: str
    fingerprint: str
    source: ImageSource | None
    statistics: Path | None = None
    layers: tuple[str, ...] = ()


def open_reference(name: str, data: str | None, preprocessing: dict[str, Any] | None) -> Reference:
    """The reference: an array file if ``data`` is one, otherwise the dataset of that name.

    Args:
        preprocessing: preprocessing of the images; by default the dataset's own, and none for a folder or file.

    Raises:
        BenchError: there is no such reference, it holds neither images nor statistics, or its statistics are of other
            features, or of images that can no longer be preprocessed.
    """
    if data and Path(data).suffix.lower() in ARRAYS and Path(data).is_file():
        return _of_file(Path(data), preprocessing)
    spec = DatasetSpec.parse(name)
    if spec.entry.modality != "image":
        raise BenchError(f"{name} is a dataset of {spec.entry.modality}; compare generated images with images")
    as_they_are = AS_THEY_ARE if spec.entry.name == "image-folder" else {}
    # An incomplete set to compare with would be reported nowhere.
    dataset = spec.build(preprocessing or {**as_they_are, "unreadable": "error"}, data)
    name = Path(data).name if data and spec.entry.name == "image-folder" else spec.text
    source = DatasetSource(dataset, name, "reference_preprocessing")
    return _enough(Reference(spec.text, dataset.split, dataset.fingerprint, source))


def _of_file(path: Path, preprocessing: dict[str, Any] | None) -> Reference:
    names = members(path) if path.suffix.lower() == ".npz" else [KEY]
    layers = tuple(layer for layer, pair in STATISTICS.items() if set(pair) <= set(names))
    for pair in STATISTICS.values():
        if len(set(pair) & set(names)) == 1:
            raise BenchError(f"{path}: holds {' or '.join(set(pair) & set(names))} only; it needs {' and '.join(pair)}")
    if KEY not in names and not layers:
        raise BenchError(
            f"{path}: a reference holds images ({KEY}), or mu and sigma; this holds {', '.join(names) or 'nothing'}"
        )
    for layer in layers:
        _statistics(path, layer)
    if layers and preprocessing is not None:
        raise BenchError(
            f"{path}: {' and '.join(STATISTICS[layers[0]])} are of images as they were when it was made, and "
            "reference_preprocessing cannot change them; leave it out of the protocol, or give the images alone"
        )
    source = ArraySource(path, None, preprocessing, "reference_preprocessing") if KEY in names else None
    return _enough(Reference(path.name, "reference", file_hash(path), source, path if layers else None, layers))


def _statistics(path: Path, layer: str) -> tuple[np.ndarray, np.ndarray]:
    """Mean ``[dim]`` and covariance ``[dim, dim]`` of a layer; BenchError if their shapes or values are wrong."""
    dim, names = extractors.get(STATISTICS_OF).layers[layer], " and ".join(STATISTICS[layer])
    mean, covariance = (read_array(path, key) for key in STATISTICS[layer])
    if mean.shape != (dim,) or covariance.shape != (dim, dim):
        shapes = f"{list(mean.shape)} and {list(covariance.shape)}"
        raise BenchError(
            f"{path}: {names} have shapes {shapes}; of the {dim} features of the 2015 Inception's {layer} layer they "
            f"have [{dim}] and [{dim}, {dim}]; give a file of guided-diffusion's, or images"
        )
    for name, values in zip(STATISTICS[layer], (mean, covariance), strict=True):
        if values.dtype.kind not in "fiu":
            raise BenchError(f"{path}: {name} is {values.dtype}; store float64")
        if not np.isfinite(values).all():
            raise BenchError(f"{path}: {name} has values that are not finite")
    if mean.min() < -ROUNDING * np.abs(mean).max():
        raise BenchError(
            f"{path}: {STATISTICS[layer][0]} has negative values (to {mean.min():.3g}), and these features have none; "
            "compute it again from the 2015 Inception's"
        )
    if problem := why_impossible(covariance):
        raise BenchError(f"{path}: {STATISTICS[layer][1]} is not a covariance: {problem}; compute it again (numpy.cov)")
    return mean, covariance


def why_impossible(covariance: np.ndarray) -> str:
    """Why a matrix ``[dim, dim]`` of finite numbers is not the covariance of anything; empty if it may be.

    Deviations within float32 rounding are accepted, since some files were computed that way.
    """
    values = covariance.astype(np.float64)
    with np.errstate(over="ignore"):
        size = float(np.linalg.norm(values))  # no eigenvalue is larger
    if not math.isfinite(size):
        return "its values are too large to be squared"
    uneven = float(np.abs(values - values.T).max())
    if uneven > ROUNDING * np.abs(values).max():
        return f"it is not symmetric: values across its diagonal differ by up to {uneven:.3g}"
    least = float(values.diagonal().min())
    if least < -ROUNDING * size:
        return f"a variance on its diagonal is negative: {least:.3g}"
    shifted = torch.from_numpy(values + ROUNDING * size * np.eye(len(values)))
    if size and torch.linalg.cholesky_ex(shifted).info:
        return "it is not positive semidefinite: in some direction the variance is negative"
    return ""


def _enough(reference: Reference) -> Reference:
    if reference.source is not None and not reference.statistics and len(reference.source) < 2:
        raise BenchError(f"{reference.name}: {len(reference.source)} images; a reference needs at least 2")
    return reference


class ReferenceFeatures(ReferenceSource):
    """The features of a reference set, computed or taken from the cache when first asked for.

    Args:
        runs: the extractor of that name in this pass.
        batch_size, workers: how the images are read.
    """

    def __init__(self, reference: Reference, runs: Any, batch_size: int, workers: int, report: Report) -> None:
        self.reference, self.batch_size, self.workers = reference, batch_size, workers
        self._runs, self._report = runs, report
        self._found: dict[str, Features] = {}
        self._unreadable = ""

    def __reduce__(self) -> Any:
        raise TypeError("the features of a reference set stay in their process")

    def rows(self, extractor: str, layer: str) -> torch.Tensor:
        _, batches = self.images()
        if extractor not in self._found:
            run: ExtractorRun = self._runs(extractor)
            self._found[extractor] = run.whole_reference(batches)
        return self._found[extractor][layer]

    def images(self) -> tuple[int, Iterator[tuple[torch.Tensor, torch.Tensor]]]:
        source = self.reference.source
        if source is None:
            raise Unavailable(
                f"the reference {self.reference.name} holds statistics and no images",
                "give one with images: --reference FOLDER, or an .npz that has arr_0 too",
            )
        return len(source), self._batches(source)

    def statistics(self, extractor: str, layer: str) -> tuple[torch.Tensor, torch.Tensor] | None:
        path = self.reference.statistics
        if path is None or extractor != STATISTICS_OF:
            return None
        if layer not in self.reference.layers:
            wanted, present = (" and ".join(STATISTICS[name]) for name in (layer, self.reference.layers[0]))
            raise Unavailable(
                f"{path.name} holds {present} but not {wanted}", "give a reference that has them, or images"
            )
        mean, covariance = _statistics(path, layer)
        return torch.from_numpy(mean).double(), torch.from_numpy(covariance).double()

    def _batches(self, source: ImageSource) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        if self._unreadable:  # every further metric would read just as far
            raise BenchError(self._unreadable)
        total = len(source)
        try:
            for index, images in source.batches(self.batch_size, self.workers):
                if len(index):
                    yield index, images
                    self._report("reference", int(index[-1]) + 1, total)
        except BenchError as error:
            self._unreadable = str(error)
            raise
