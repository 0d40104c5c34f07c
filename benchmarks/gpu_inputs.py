"""Inputs of ``gpu.py``: photographs and their JPEGs as PNG files, an Inception, and autoencoders of full size.

Weights are random, since nothing is downloaded; they take as long as trained ones.
"""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

QUALITY = 25


@dataclass(frozen=True)
class Size:
    """How much is measured.

    Attributes:
        side: height and width of the images.
        images: number of images in each of two folders.
        copies: how often each is measured as another file in the longest reconstruction.
        rows: number of feature rows on each side of the set metrics.
        kid_subset: size of the subsets of KID.
        batch: images at a time.
        rounds: how often what takes turns is timed, batches at a time in each.
        full: whether the autoencoders have the shape of Stable Diffusion's, or a tiny one.
    """

    side: int
    images: int
    copies: int
    rows: int
    kid_subset: int
    batch: int
    rounds: int
    full: bool


SIZES = {
    "full": Size(256, 4000, 3, 50_000, 1000, 64, 5, True),
    "small": Size(64, 16, 2, 400, 12, 8, 1, False),
}


@dataclass(frozen=True)
class Inputs:
    """Where the inputs are.

    Attributes:
        originals: folder of photographs.
        samples: folder of their JPEGs, under the same names.
        quarter: folder with a part of the photographs, a quarter of those in ``many``.
        many: folder with each photograph several times.
        inception: weights in torch-fidelity's format.
        tiny: checkpoint of an AutoencoderTiny.
        kl: checkpoint of an AutoencoderKL.
    """

    originals: Path
    samples: Path
    quarter: Path
    many: Path
    inception: Path
    tiny: Path
    kl: Path


def prepare(folder: Path, size: Size) -> Inputs:
    """Write the inputs into a folder."""
    names = ("originals", "samples", "quarter", "many", "inception.pth", "tiny", "kl")
    inputs = Inputs(*(folder / name for name in names))
    for place in (inputs.originals, inputs.samples, inputs.quarter, inputs.many):
        place.mkdir()
    workers = os.cpu_count() or 1
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        written = [pool.submit(_photographs, inputs, size, part, workers) for part in range(workers)]
        models = pool.submit(_models, inputs, size.full)
        for future in (*written, models):
            future.result()
    for number, file in enumerate(sorted(inputs.originals.iterdir())):
        for copy in range(size.copies):
            os.link(file, inputs.many / f"{copy}-{file.name}")
        if number < size.images * size.copies // 4:
            os.link(file, inputs.quarter / file.name)
    return inputs


def _photographs(inputs: Inputs, size: Size, part: int, parts: int) -> None:
    from PIL import Image
    from synthetic import jpeg, photographs

    for number, image in enumerate(photographs(len(range(part, size.images, parts)), size.side, seed=part)):
        name = f"{number * parts + part:06}.png"
        Image.fromarray(image).save(inputs.originals / name, compress_level=1)
        Image.fromarray(jpeg(image, QUALITY)).save(inputs.samples / name, compress_level=1)


def _models(inputs: Inputs, full: bool) -> None:
    import torch
    from diffusers import AutoencoderKL, AutoencoderTiny
    from synthetic import random_inception

    random_inception(inputs.inception)
    torch.manual_seed(0)
    blocks = 4 if full else 2
    widths = (128, 256, 512, 512) if full else (8, 16)
    AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * blocks,
        up_block_types=("UpDecoderBlock2D",) * blocks,
        block_out_channels=widths,
        layers_per_block=2 if full else 1,
        norm_num_groups=32 if full else 4,
    ).save_pretrained(inputs.kl)
    AutoencoderTiny().save_pretrained(inputs.tiny)
