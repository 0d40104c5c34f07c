"""Inputs that need no download: photographs, their JPEG reconstructions, and an Inception with random weights."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from skimage import data
from torch import nn
from torch_fidelity.feature_extractor_inceptionv3 import BasicConv2d

from bench.modalities.image.extractors.inception import Inception, resize

PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket", "hubble_deep_field")


def photographs(count: int, size: int, seed: int = 0) -> Iterator[np.ndarray]:
    """Yield random crops of scikit-image's color photographs, randomly mirrored, uint8 ``[size, size, 3]``."""
    generator = np.random.default_rng(seed)
    sources = [getattr(data, name)()[..., :3] for name in PHOTOGRAPHS]
    for number in range(count):
        source = sources[number % len(sources)]
        top, left = (generator.integers(0, extent - size + 1) for extent in source.shape[:2])
        crop = source[top : top + size, left : left + size]
        yield np.ascontiguousarray(crop[:, ::-1] if generator.random() < 0.5 else crop)


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """Return an image after JPEG compression at a quality, uint8 like the input."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "jpeg", quality=quality)
    return np.asarray(Image.open(buffer).convert("RGB"))


def random_inception(path: Path, seed: int = 0) -> Path:
    """Write an Inception with random weights in torch-fidelity's format, 95 MB, and return its path.

    A freshly initialized network gives nearly the same features for every image. Its batch norms are
    therefore given the statistics of photographs, layer after layer, and its classifier is scaled, so
    that features and class probabilities differ between images as those of a trained one do.
    """
    torch.manual_seed(seed)
    net = Inception()
    for module in net.modules():
        if isinstance(module, BasicConv2d):
            nn.init.kaiming_normal_(module.conv.weight)
            nn.init.uniform_(module.bn.weight, 0.8, 1.2)
            # Mostly active units: as in a trained network, rounding errors do not grow from layer to layer.
            nn.init.normal_(module.bn.bias, 2, 0.1)
            module.bn.momentum = None  # running statistics become those of the one batch below
    images = torch.from_numpy(np.stack(list(photographs(8, 128, seed)))).permute(0, 3, 1, 2)
    with torch.no_grad():
        pool = net.train().body((resize(images, 299) - 128) / 128).mean((2, 3))
        nn.init.normal_(net.fc.weight)
        common = pool.mean(0) / pool.mean(0).norm()
        net.fc.weight -= torch.outer(net.fc.weight @ common, common)  # what all images share decides no class
        net.fc.weight *= 3 / (pool @ net.fc.weight.T).std(0).mean()
    state = {name.removeprefix("body."): value for name, value in net.state_dict().items()}
    torch.save(state, path)
    return path
