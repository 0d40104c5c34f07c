"""The face of the modality: images."""

from __future__ import annotations

from bench.modalities.base import Bits, Modality
from bench.values import FROM_ZERO, PlotPart, Value

_RATES = ("codebook", "tokens_per_image", "bits_per_pixel", "bits_per_pixel_entropy")

IMAGE = Modality(
    name="image",
    signals="images",
    signal="bench.modalities.image.signal:ImageSignal",
    finish="bench.modalities.image.signal:ImageFinish",
    preprocessing="bench.modalities.image.datasets.images:ImagePreprocessing",
    lines={
        kind: f"bench.modalities.image.lines.{kind}:ENTRIES"
        for kind in ("tokenizers", "backbones", "datasets", "metrics", "extractors", "tasks")
    },
    metrics={
        "reconstruction": (
            *("psnr", "ssim", "ms_ssim", "lpips_alex", "lpips_vgg"),
            *("rfid", "inception_score", "kid", "fd_efficientnet_lite0"),
            *_RATES,
            *("throughput", "peak_memory"),
        ),
        "generation": (
            *("gfid", "sfid", "generation_inception_score", "generation_kid", "precision_recall", "density_coverage"),
            *("generation_fd_efficientnet_lite0", "generation_kd_efficientnet_lite0"),
            *("density_coverage_efficientnet_lite0", "sliced_wasserstein"),
        ),
        "tokens": _RATES,
        "bottleneck": ("psnr", "ssim", *_RATES),
    },
    bits=Bits(
        Value(
            "bits_per_pixel_model",
            "bpp (model)",
            "bit/px",
            False,
            FROM_ZERO,
            shown_unit="",
            plots=(PlotPart("generated"), PlotPart("modelled")),
        )
    ),
    folder="image-folder",
    autoencoder="bench.modalities.image.autoencoder:ImageAutoencoder",
    generated="bench.modalities.image.generation.samples:GENERATED",
    drawing="bench.modalities.image.generation.by_probes:DrawnImagesOfProbes",
    tasks={"token-modelling": "token-modelling", "ntp-probe": "ntp-probe"},
    choices={
        "recon": "bench.modalities.image.choices:ReconstructionChoices",
        "token-modelling": "bench.modalities.image.choices:ModelingChoices",
        "ntp-probe": "bench.modalities.image.choices:ProbeChoices",
    },
    view="bench.modalities.image.view:ImageView",
)
