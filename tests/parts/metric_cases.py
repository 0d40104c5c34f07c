"""Cases of all metrics: those of images and tokens are written here, against the implementations their users trust.

They are in a module that other processes can import, since the ranks of the tester are given them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from audio_cases import SIGNAL_CASES
from audio_rate_cases import AUDIO_RATE_CASES
from generation_cases import GENERATION_CASES, SET_CASES, Generated
from graph_cases import GRAPH_CASES
from scipy.stats import entropy
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from tester import (
    BOOKS,
    Case,
    Data,
    random_lpips,
)
from torchmetrics.functional.image import multiscale_structural_similarity_index_measure as ms_ssim


def psnr(data: Data) -> Mapping[str, float]:
    pairs = zip(data.reference.double().numpy(), data.reconstruction.double().numpy(), strict=True)
    return {"psnr": np.mean([peak_signal_noise_ratio(a, b, data_range=1.0) for a, b in pairs])}


def ssim(data: Data) -> Mapping[str, float]:
    pairs = zip(data.reference.double().numpy(), data.reconstruction.double().numpy(), strict=True)
    wang = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return {"ssim": np.mean([structural_similarity(a, b, channel_axis=0, data_range=1.0, **wang) for a, b in pairs])}


def multi_scale(data: Data) -> Mapping[str, float]:
    return {"ms_ssim": float(ms_ssim(data.reconstruction.double(), data.reference.double(), data_range=1.0))}


def lpips(net: str, data: Data) -> Mapping[str, float]:
    distances = random_lpips(net)(data.reference, data.reconstruction, normalize=True)
    return {f"lpips_{net}": float(distances.double().mean())}


def code_statistics(data: Data) -> Mapping[str, float]:
    levels = [np.bincount(code.flatten().numpy()) for code in data.codes]
    joint = np.unique(torch.stack(data.codes, -1).flatten(0, 2).numpy(), axis=0, return_counts=True)[1]
    bits = [entropy(counts, base=2) for counts in levels]
    used = [(counts > 0).sum() / book.size for counts, book in zip(levels, BOOKS, strict=True)]
    return {
        "codebook_utilization": np.mean(used),
        "codebook_utilization_level_1": used[1],
        "codebook_utilization_joint": len(joint) / math.prod(book.size for book in BOOKS),
        "codebook_entropy": np.mean(bits),
        "codebook_entropy_level_0": bits[0],
        "codebook_entropy_joint": entropy(joint, base=2),
        "codebook_perplexity": np.sqrt(2 ** bits[0] * 2 ** bits[1]),
        "codebook_perplexity_joint": math.exp(entropy(joint)),
    }


def entropy_rate(data: Data) -> Mapping[str, float]:
    bits = sum(code[0].numel() * entropy(np.bincount(code.flatten().numpy()), base=2) for code in data.codes)
    return {"bits_per_pixel_entropy": bits / data.reference[0, 0].numel()}


def rate(data: Data) -> Mapping[str, float]:
    positions, pixels = data.codes[0][0].numel(), data.reference[0, 0].numel()
    return {"bits_per_pixel": positions * (4 + math.log2(6)) / pixels}


def token_count(data: Data) -> Mapping[str, float]:
    return {"tokens_per_image": 2 * 4 * 4}


def throughput(data: Data) -> Mapping[str, float]:
    return {"encode_images_per_second": len(data) / float(data.encode_seconds.sum())}


def peak(data: Data) -> Mapping[str, float]:
    return {"peak_memory": int(data.peak_bytes.max()) / 2**20}


def on_both(name: str, case: Case) -> dict[str, Case]:
    """A case of a set metric, whose class serves both judges: on pairs, and against a fixed set."""
    return {f"{name} pairs": case, f"{name} fixed": replace(case, source=Generated)}


CASES = {
    "psnr": Case(psnr),
    "ssim": Case(ssim),
    # torchmetrics rounds its exponents to float32.
    "ms_ssim": Case(multi_scale, tolerance=1e-8, side=176),
    # Convolutions in float32 may round otherwise in another process, with the same number of threads.
    "lpips_alex": Case(partial(lpips, "alex"), tolerance=1e-6, batching=1e-7, side=32),
    "lpips_vgg": Case(partial(lpips, "vgg"), tolerance=1e-6, batching=1e-7, side=32),
    "codebook": Case(code_statistics),
    "tokens_per_image": Case(token_count),
    "bits_per_pixel": Case(rate),
    "bits_per_pixel_entropy": Case(entropy_rate),
    "throughput": Case(throughput, batching=None),
    "peak_memory": Case(peak),
    **GENERATION_CASES,
    **{name: case for set_metric, case in SET_CASES.items() for name, case in on_both(set_metric, case).items()},
    **SIGNAL_CASES,
    **AUDIO_RATE_CASES,
    **GRAPH_CASES,
}
