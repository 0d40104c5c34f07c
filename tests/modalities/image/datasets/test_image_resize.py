"""Kernels and crops equal their published definitions, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage
import torch
from PIL import Image
from torchvision import transforms

from bench.datasets.base import BadSample
from bench.modalities.image.datasets.resize import center_box, resize_short_side, resized_size, tile_boxes

PHOTO = Image.open(Path(skimage.__file__).parent / "data" / "hubble_deep_field.jpg").convert("RGB")
SIZES = [(1000, 872), (640, 427), (427, 640), (512, 512), (513, 777), (256, 256), (259, 256), (256, 301), (200, 131)]
KERNELS = {
    "pil-bicubic": transforms.InterpolationMode.BICUBIC,
    "pil-bilinear": transforms.InterpolationMode.BILINEAR,
    "pil-lanczos": transforms.InterpolationMode.LANCZOS,
}


def cropped(image: Image.Image, size: int, kernel: Any, antialias: bool = True) -> np.ndarray:
    resized = resize_short_side(image, size, kernel, antialias)
    assert resized.size == resized_size(*image.size, size, kernel)
    return np.asarray(resized.crop(center_box(*resized.size, size, kernel)))


@pytest.mark.parametrize("size", [256, 64, 100])
@pytest.mark.parametrize("shape", SIZES)
def test_adm(shape: tuple[int, int], size: int) -> None:
    image = PHOTO.crop((0, 0, *shape))
    expected = image
    while min(expected.size) >= 2 * size:
        expected = expected.resize((expected.size[0] // 2, expected.size[1] // 2), resample=Image.Resampling.BOX)
    factor = size / min(expected.size)
    expected = expected.resize(
        (round(expected.width * factor), round(expected.height * factor)), resample=Image.Resampling.BICUBIC
    )
    pixels = np.array(expected)
    top, left = (pixels.shape[0] - size) // 2, (pixels.shape[1] - size) // 2
    np.testing.assert_array_equal(cropped(image, size, "adm"), pixels[top : top + size, left : left + size])


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("shape", SIZES)
def test_pil_kernels_are_torchvisions(shape: tuple[int, int], kernel: str) -> None:
    image = PHOTO.crop((0, 0, *shape))
    reference = transforms.Compose([transforms.Resize(256, KERNELS[kernel]), transforms.CenterCrop(256)])
    np.testing.assert_array_equal(cropped(image, 256, kernel), np.asarray(reference(image)))


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("shape", SIZES)
def test_tensor_bilinear_is_torchvisions_on_tensors(shape: tuple[int, int], antialias: bool) -> None:
    image = PHOTO.crop((0, 0, *shape))
    reference = transforms.Compose(
        [transforms.ToTensor(), transforms.Resize(256, antialias=antialias), transforms.CenterCrop(256)]
    )
    expected = (reference(image) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(cropped(image, 256, "tensor-bilinear", antialias), expected)


def test_center_crop_without_resize_is_torchvisions() -> None:
    for width, height in SIZES[:-1]:
        image = PHOTO.crop((0, 0, width, height))
        expected = np.asarray(transforms.CenterCrop(256)(image))
        np.testing.assert_array_equal(cropped(image, 256, "none"), expected)


def test_the_kernels_differ() -> None:
    """The point of naming them: no two give the same pixels."""
    image = PHOTO.crop((0, 0, 640, 427))
    made = [cropped(image, 256, kernel).tobytes() for kernel in ("adm", *KERNELS, "tensor-bilinear")]
    made.append(cropped(image, 256, "tensor-bilinear", antialias=False).tobytes())
    assert len(set(made)) == len(made)


def test_a_line_is_not_enlarged_to_gigabytes() -> None:
    with pytest.raises(BadSample, match="1x5000 would become 256x1280000"):
        resize_short_side(Image.new("RGB", (1, 5000)), 256, "adm")


def test_tiles() -> None:
    assert list(tile_boxes(700, 511, 256)) == [(0, 0, 256, 256), (256, 0, 512, 256)]
    assert list(tile_boxes(256, 512, 256)) == [(0, 0, 256, 256), (0, 256, 256, 512)]
    assert list(tile_boxes(255, 512, 256)) == []
