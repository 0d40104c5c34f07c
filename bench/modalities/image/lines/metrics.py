"""Registry lines of the metrics of images: those with a value for each sample, those of sets, rates and costs."""

from __future__ import annotations

from functools import partial

from bench.modalities.image.lines.set_metrics import SET_METRICS
from bench.registry import Entry
from bench.values import FROM_ZERO, PlotPart, Tolerance, Value

_entry = partial(Entry, modality="image")
_lpips = partial(_entry, source="Zhang et al. 2018; torchmetrics' network", license="BSD-2-Clause")
_bits = partial(Value, unit="bit/px", bounds=FROM_ZERO, section="rate", shown_unit="", plots=(PlotPart("rate"),))
_speed = partial(Value, unit="img/s", higher_is_better=True, bounds=FROM_ZERO, device_bound=True, section="cost")

ENTRIES: tuple[Entry, ...] = (
    _entry(
        "psnr",
        "bench.modalities.image.metrics.pixel:PSNR",
        "Peak signal-to-noise ratio of each image",
        source="10 log10(range² / MSE), at most that of one level of eight bits in one channel of one pixel",
        values=(Value("psnr", "PSNR", "dB", True, plots=(PlotPart("reconstructed", rank=1),)),),
    ),
    _entry(
        "ssim",
        "bench.modalities.image.metrics.ssim:SSIM",
        "Structural similarity",
        source="Wang et al. 2004; equal to scikit-image's",
        values=(Value("ssim", "SSIM", "", True, (-1.0, 1.0), tolerance=Tolerance(0.0002)),),
    ),
    _entry(
        "ms_ssim",
        "bench.modalities.image.metrics.ssim:MSSSIM",
        "Structural similarity over five scales",
        source="Wang et al. 2003; equal to torchmetrics'",
        values=(Value("ms_ssim", "MS-SSIM", "", True, (0.0, 1.0), default=False, tolerance=Tolerance(0.0002)),),
    ),
    _lpips(
        "lpips_alex",
        "bench.modalities.image.metrics.lpips:LPIPSAlex",
        "Learned perceptual distance on AlexNet",
        weights=("alexnet",),
        values=(Value("lpips_alex", "LPIPS (alex)", "", False, FROM_ZERO, tolerance=Tolerance(0.0005)),),
    ),
    _lpips(
        "lpips_vgg",
        "bench.modalities.image.metrics.lpips:LPIPSVGG",
        "Learned perceptual distance on VGG-16",
        weights=("vgg16",),
        values=(Value("lpips_vgg", "LPIPS (vgg)", "", False, FROM_ZERO, default=False, tolerance=Tolerance(0.0005)),),
    ),
    *SET_METRICS,
    _entry(
        "sliced_wasserstein",
        "bench.modalities.image.metrics.sliced_wasserstein:SlicedWasserstein",
        "Sliced Wasserstein distance of patches of a Laplacian pyramid, per level and on average; needs no weights",
        source="Karras et al. 2018, arXiv:1710.10196, §5",
        license="Apache-2.0",
        judges="generation",
        values=(Value("swd", "SWD", "", False, FROM_ZERO, plots=(PlotPart("generated"),)),),
    ),
    _entry(
        "tokens_per_image",
        "bench.modalities.image.metrics.rates:TokensPerImage",
        "Codes or latent vectors per image",
        values=(Value("tokens_per_image", "Tokens", "tokens", None, FROM_ZERO, section="rate", shown_unit=""),),
    ),
    _entry(
        "bits_per_pixel",
        "bench.modalities.image.metrics.rates:BitsPerPixel",
        "Nominal rate; a codec's bytes as they are",
        values=(_bits("bits_per_pixel", "bpp"),),
    ),
    _entry(
        "bits_per_pixel_entropy",
        "bench.modalities.image.metrics.rates:BitsPerPixelEntropy",
        "Rate after ideal first-order entropy coding of each level",
        values=(_bits("bits_per_pixel_entropy", "bpp (entropy)", default=False),),
    ),
    _entry(
        "throughput",
        "bench.modalities.image.metrics.rates:Throughput",
        "Images per second encoded and decoded, warm",
        values=(
            _speed("encode_images_per_second", "Encode", plots=(PlotPart("speed", "Encode speed"),)),
            _speed("decode_images_per_second", "Decode", plots=(PlotPart("speed", "Decode speed"),)),
        ),
    ),
)
