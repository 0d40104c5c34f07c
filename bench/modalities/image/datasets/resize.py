"""Resize kernels and crops, each equal to its published definition on 8-bit images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
import torch
from PIL import Image

from bench.datasets.base import BadSample
from bench.modalities.image.datasets.decode import MAX_PIXELS

Kernel = Literal["adm", "pil-bicubic", "pil-bilinear", "pil-lanczos", "tensor-bilinear", "none"]
Box = tuple[int, int, int, int]

_PIL_KERNELS = {
    "pil-bicubic": Image.Resampling.BICUBIC,
    "pil-bilinear": Image.Resampling.BILINEAR,
    "pil-lanczos": Image.Resampling.LANCZOS,
}


def resized_size(width: int, height: int, size: int, kernel: Kernel) -> tuple[int, int]:
    """Width and height once the short side has been resized to ``size``.

    ADM rounds the long side, torchvision truncates it; ADM computes it from the halved image.

    Raises:
        BadSample: that is more than MAX_PIXELS, as for a line enlarged to a crop.
    """
    if kernel == "none":
        return width, height
    if kernel == "adm":
        w, h = width, height
        while min(w, h) >= 2 * size:
            w, h = w // 2, h // 2
        scale = size / min(w, h)
        target = round(w * scale), round(h * scale)
    else:
        long = int(size * max(width, height) / min(width, height))
        target = (size, long) if width <= height else (long, size)
    if target[0] * target[1] > MAX_PIXELS:
        raise BadSample(f"{width}x{height} would become {target[0]}x{target[1]}; at most {MAX_PIXELS} pixels")
    return target


def resize_short_side(image: Image.Image, size: int, kernel: Kernel, antialias: bool = True) -> Image.Image:
    """An RGB image with its short side resized to ``size``, in the same proportions.

    ``adm`` is ``center_crop_arr`` of guided-diffusion (Dhariwal & Nichol 2021, ``image_datasets.py``) without its
    crop: halved by BOX while the short side is at least twice the size, then BICUBIC. ``pil-*`` is torchvision's
    ``Resize`` of a PIL image. ``tensor-bilinear`` is torchvision's ``Resize`` of a float tensor, rounded to the
    nearest gray level since samples are stored in 8 bits.

    Args:
        antialias: for ``tensor-bilinear``; Pillow's kernels always are.

    Raises:
        BadSample: see ``resized_size``.
    """
    target = resized_size(*image.size, size, kernel)
    if target == image.size:
        return image
    if kernel == "tensor-bilinear":
        return _resize_tensor(image, target, antialias)
    if kernel == "adm":
        while min(image.size) >= 2 * size:
            image = image.resize((image.width // 2, image.height // 2), Image.Resampling.BOX)
        return image.resize(target, Image.Resampling.BICUBIC)
    return image.resize(target, _PIL_KERNELS[kernel])


def _resize_tensor(image: Image.Image, target: tuple[int, int], antialias: bool) -> Image.Image:
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255
    # What torchvision's Resize calls; importing torchvision itself takes a second.
    resized = torch.nn.functional.interpolate(
        pixels, size=(target[1], target[0]), mode="bilinear", align_corners=False, antialias=antialias
    )
    return Image.fromarray((resized[0] * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy())


def center_box(width: int, height: int, size: int, kernel: Kernel) -> Box:
    """Left, top, right, bottom of the center crop: ADM floors the margin, torchvision rounds it half to even."""
    if kernel == "adm":
        left, top = (width - size) // 2, (height - size) // 2
    else:
        left, top = round((width - size) / 2.0), round((height - size) / 2.0)
    return left, top, left + size, top + size


def tile_boxes(width: int, height: int, size: int) -> Iterator[Box]:
    """Non-overlapping squares from the top left, row by row; the remainder is dropped."""
    for top in range(0, height - size + 1, size):
        for left in range(0, width - size + 1, size):
            yield left, top, left + size, top + size
