"""Cases of all metrics: those of images and tokens are written here, against the implementations their users trust.

They are in a module that other processes can import, since the ranks of the tester are given them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial

import numpy as np
import torch
from audio_cases import SIGNAL_CASES
from audio_rate_cases import AUDIO_RATE_CASES
from generation_cases import GENERATION_CASES
from scipy.stats import entropy
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from tester import (
    BOOKS,
    Case,
    Data,
    ProjectedPixels,
    random_lpips,
)
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
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


def features(data: Data, extractor: str, layer: str) -> tuple[torch.Tensor, torch.Tensor]:
    reference, reconstruction = ProjectedPixels(data.reference, data.reconstruction).get(extractor)
    return reference[layer], reconstruction[layer]


def frechet(name: str, extractor: str, data: Data) -> Mapping[str, float]:
    statistics = [fid_features_to_statistics(side) for side in features(data, extractor, "pool")]
    return {name: fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]}


def kernel(data: Data) -> Mapping[str, float]:
    reference, reconstruction = features(data, "inception", "pool")
    found = kid_features_to_metric(
        reconstruction, reference, kid_subsets=2, kid_subset_size=len(data), rng_seed=2020, verbose=False
    )
    return {"kid": found["kernel_inception_distance_mean"]}


def inception_score(data: Data) -> Mapping[str, float]:
    logits = features(data, "inception", "logits")[1]
    found = isc_features_to_metric(logits, splits=10, shuffle=True, rng_seed=2020)
    return {"inception_score": found["inception_score_mean"]}


def rate(data: Data) -> Mapping[str, float]:
    positions, pixels = data.codes[0][0].numel(), data.reference[0, 0].numel()
    return {"bits_per_pixel": positions * (4 + math.log2(6)) / pixels}


def token_count(data: Data) -> Mapping[str, float]:
    return {"tokens_per_image": 2 * 4 * 4}


def throughput(data: Data) -> Mapping[str, float]:
    return {"encode_images_per_second": len(data) / float(data.encode_seconds.sum())}


def peak(data: Data) -> Mapping[str, float]:
    return {"peak_memory": int(data.peak_bytes.max()) / 2**20}


CASES = {
    "psnr": Case(psnr),
    "ssim": Case(ssim),
    # torchmetrics rounds its exponents to float32.
    "ms_ssim": Case(multi_scale, tolerance=1e-8, side=176),
    # Convolutions in float32 may round otherwise in another process, with the same number of threads.
    "lpips_alex": Case(partial(lpips, "alex"), tolerance=1e-6, batching=1e-7, side=32),
    "lpips_vgg": Case(partial(lpips, "vgg"), tolerance=1e-6, batching=1e-7, side=32),
    "rfid": Case(partial(frechet, "rfid", "inception"), tolerance=1e-6, batching=1e-9),
    "inception_score": Case(inception_score, tolerance=1e-6, batching=1e-9),
    "kid": Case(kernel, tolerance=1e-5, batching=1e-9),
    "fd_efficientnet_lite0": Case(
        partial(frechet, "fd_efficientnet_lite0", "efficientnet_lite0"), tolerance=1e-6, batching=1e-9
    ),
    "codebook": Case(code_statistics),
    "tokens_per_image": Case(token_count),
    "bits_per_pixel": Case(rate),
    "bits_per_pixel_entropy": Case(entropy_rate),
    "throughput": Case(throughput, batching=None),
    "peak_memory": Case(peak),
    **GENERATION_CASES,
    **SIGNAL_CASES,
    **AUDIO_RATE_CASES,
}
