"""Sliced Wasserstein distance of image patches (Karras et al. 2018, arXiv:1710.10196, §5): no network, no weights.

Of each image, patches of 7x7 pixels of every level of its Laplacian pyramid; of each side and level, its patches
with every color channel brought to mean 0 and standard deviation 1; of these, the 1-Wasserstein distance along random
directions, averaged and multiplied by 1000. Fine levels show texture and noise, the coarsest layout and color.

Sets of different sizes are compared by their quantiles, exactly, so that nothing is left out but what exceeds the most
images per side. The n-th sample has its patches in the places of the n-th reference, so equal sets have a distance of
0. The jackknife brings what is left without a block to mean 0 and deviation 1 again.

A side's patches lie on disk, 588 bytes each in the paper's size: 75 KB per image and level, at most 1.23 GB a level.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field

from bench.contracts.stats import Estimate, assign_blocks, block_jackknife
from bench.errors import Unavailable
from bench.machine.mapped_arrays import Spill
from bench.metrics.base import Batch, Metric, ReferenceSource, Settings, Wants
from bench.metrics.sets.engine import Engine
from bench.metrics.sets.leaving_out import about_samples, too_few_to_leave_out
from bench.modalities.image.levels import to_uint8
from bench.modalities.image.metrics.patch_distances import Patches, distances
from bench.modalities.image.metrics.pyramid_patches import CHANNELS, SMALLEST, level_sizes, patches
from bench.modalities.image.metrics.quantiles import overlaps_of

NAME = "swd"
SCALE = 1000.0
FIRST_ROWS = 16
"""Images that there is room for at first."""


class SlicedWassersteinSettings(Settings):
    """Settings of the sliced Wasserstein distance."""

    input: Literal["uint8, clamped, nearest"] = "uint8, clamped, nearest"
    pyramid: Literal["Laplacian, down to 16 pixels"] = "Laplacian, down to 16 pixels"
    normalization: Literal["each side, level and channel"] = "each side, level and channel"
    size: int = Field(default=7, ge=1, le=SMALLEST, description="height and width of a patch")
    patches: int = Field(default=128, ge=1, description="patches of an image and level")
    directions: int = Field(default=512, ge=1, description="random directions per level")
    images: int | None = Field(default=16_384, ge=2, description="images used at most of each side; null: all")
    seed: int = Field(default=2020, ge=0, description="seed that draws images, places and directions")


class SlicedWasserstein(Metric, line="sliced_wasserstein"):
    """The distance at each level, level 0 being the images' own resolution, and the mean over levels."""

    wants: ClassVar[Wants] = "images"
    Settings = SlicedWassersteinSettings
    settings: SlicedWassersteinSettings
    references: ReferenceSource | None = None
    carried = ("size", "total")
    on_disk = ("rows",)
    size: tuple[int, int] = (0, 0)
    total: int | None = None
    rows: list[torch.Tensor]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.add_state("rows", default=[], dist_reduce_fx="cat")
        self.heavy_device = torch.device("cpu")

    def restore(self, state: Mapping[str, Any]) -> None:
        super().restore(state)
        self.heavy_device = self.device  # there may be no batch left

    def update(self, batch: Batch) -> None:
        """Take in a batch's patches.

        Raises:
            FloatingPointError: a pixel is NaN or infinite.
        """
        images = to_uint8(batch.reconstruction)
        self.references, self.total = batch.references, batch.total
        self.size = (images.shape[2], images.shape[3])
        chosen = self._chosen(batch.total)[batch.index.cpu()] if batch.total else torch.ones(len(images)).bool()
        if not bool(chosen.any()):
            return
        self.remember(replace(batch, index=batch.index[chosen], group=batch.group[chosen]))
        if images.device.type == "cuda":
            self.heavy_device = images.device
        if level_sizes(*self.size):
            used = images[chosen.nonzero()[:, 0].to(images.device)]
            rows = self._patches(used, batch.index[chosen])
            self.rows.append(batch.features.keep(NAME, rows) if batch.features else rows)

    def compute(self) -> dict[str, Estimate]:
        """The estimates; unavailable, with the reason, where the samples or the references do not allow them."""
        n = len(self.stacked("indices"))
        try:
            return self._estimates(n)
        except Unavailable as reason:
            return {NAME: self.unavailable(NAME, reason.cause, n, reason.remedy)}

    @property
    def engine(self) -> Engine:
        """What ``compute`` does its heavy arithmetic with: the last batch's device, if that is a GPU."""
        return Engine.on(self.heavy_device)

    def _estimates(self, n: int) -> dict[str, Estimate]:
        sizes = level_sizes(*self.size)
        if not sizes:
            height, width = self.size
            raise Unavailable(f"images of {width}x{height} have no level of {SMALLEST} pixels")
        if self.references is None:
            raise ValueError("SlicedWasserstein needs references, but no batch had any")
        reference, whole = self._reference(self.references)
        m = sum(map(len, reference))
        order = self.order()
        block = assign_blocks(self.stacked("groups")[order])
        by_block = order[np.argsort(block, kind="stable")]
        bounds = np.concatenate([[0], np.cumsum(np.bincount(block))])
        least = too_few_to_leave_out(bounds, 2)
        kept = self.metric_state["rows"]  # one tensor where torchmetrics has joined them
        samples = [kept] if isinstance(kept, torch.Tensor) else kept
        engine, values = self.engine, []
        for level, (height, width) in enumerate(sizes):
            x, y = (
                Patches(
                    engine.gathered([chunk[:, self._span(level)] for chunk in chunks], rows), self.settings.size, engine
                )
                for chunks, rows in ((samples, by_block), (reference, np.arange(m)))
            )
            for side in (x, y):
                if not side.whole[1].all():
                    raise Unavailable(f"at {width}x{height} a color channel of all images has a single value")
            blocks = [] if least else list(pairwise((bounds * self.settings.patches).tolist()))
            values.append(SCALE * distances(x, y, blocks, self._directions(level)))
        overlaps_of.cache_clear()
        note = "; ".join(
            f"{used} of {of} {what}"
            for used, of, what in ((n, self.total or n, "samples"), (m, whole, "references"))
            if self.settings.images and self.settings.images < of
        )
        estimates = {NAME: self._estimate(NAME, np.mean(values, 0), bounds, least, note)}
        for level, ((height, width), distances_without) in enumerate(zip(sizes, values, strict=True)):
            name = f"{NAME}_level_{level}"
            estimates[name] = self._estimate(name, distances_without, bounds, least, f"{width}x{height}")
        return estimates

    def _estimate(self, name: str, values: np.ndarray, bounds: np.ndarray, least: str, note: str) -> Estimate:
        """The estimate of the distance of all samples and those without each block, ``[1 + blocks]``."""
        value = float(values[0])
        if not np.isfinite(values).all():
            least = "no interval: without one group of samples a color channel has a single value"
        if least:
            return self.describe(name, Estimate(value=value, n=int(bounds[-1]), method=least), note)
        estimate = block_jackknife(value, np.diff(bounds), lambda j: float(values[1 + j]))
        return self.describe(name, about_samples(estimate), note)

    def _reference(self, references: ReferenceSource) -> tuple[list[torch.Tensor], int]:
        """Patches of the references that are used, one chunk per batch, and how many references there are in all."""
        whole, batches = references.images()
        chosen, spill, chunks = self._chosen(whole), Spill(self._width, FIRST_ROWS), []
        for index, images in batches:
            if images.shape[2:] != self.size:
                (height, width), (h, w) = self.size, images.shape[2:]
                raise Unavailable(
                    f"samples are {width}x{height}, references {w}x{h}: their patches are not comparable",
                    "give references of that size, or a protocol whose reference_preprocessing resizes them",
                )
            keep = chosen[index]
            if bool(keep.any()):
                used = to_uint8(images[keep]).to(self.heavy_device)
                chunks.append(spill.append(self._patches(used, index[keep])))
        return chunks, whole

    def _chosen(self, total: int) -> torch.Tensor:
        """Whether each of so many images is used, ``[total]``."""
        return _chosen(total, self.settings.images or total, self.settings.seed)

    def _patches(self, images: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        rows = patches(images, index, self.settings.seed, self.settings.patches, self.settings.size)
        return rows.flatten(1)

    @property
    def _width(self) -> int:
        return len(level_sizes(*self.size)) * self._level_width

    @property
    def _level_width(self) -> int:
        return self.settings.patches * CHANNELS * self.settings.size**2

    def _span(self, level: int) -> slice:
        return slice(level * self._level_width, (level + 1) * self._level_width)

    def _directions(self, level: int) -> torch.Tensor:
        """Unit vectors, ``[directions, 3, pixels]``."""
        generator = np.random.RandomState([self.settings.seed, level])
        drawn = generator.standard_normal((self.settings.directions, CHANNELS * self.settings.size**2))
        unit = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)
        return torch.from_numpy(unit.reshape(len(unit), CHANNELS, -1))


@cache
def _chosen(total: int, most: int, seed: int) -> torch.Tensor:
    chosen = torch.zeros(total, dtype=torch.bool)
    chosen[torch.from_numpy(np.random.RandomState(seed).permutation(total)[:most])] = True
    return chosen
