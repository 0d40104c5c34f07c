"""Registry lines of the tokenizers of images."""

from __future__ import annotations

from bench.lines.checkpoints import entries_of
from bench.modalities.image.lines import published
from bench.registry import Entry

_KLT = "bench.modalities.image.tokenizers.klt:KLT"
_CODEC = "bench.modalities.image.tokenizers.codecs:Codec"


def _klt(name: str, quantizer: str | None, summary: str, source: str) -> Entry:
    return Entry(
        f"klt-{name}",
        _KLT,
        summary,
        args={"quantizer": quantizer},
        positional="bits" if quantizer else "dims",
        modality="image",
        tokens="discrete" if quantizer else "continuous",
        source=source,
        license="Apache-2.0",
    )


def _codec(name: str, format: str, source: str) -> Entry:
    return Entry(
        name,
        _CODEC,
        f"{format} through Pillow; {name}@QUALITY",
        args={"format": format, "quality": 50},
        positional="quality",
        modality="image",
        tokens="bytes",
        source=source,
        license="HPND and the codec libraries' BSD licenses",
    )


ENTRIES: tuple[Entry, ...] = (
    _klt("vq", "vq", "KLT of patches, vector quantized (k-means)", "van den Oord et al. 2017; Gray 1984"),
    _klt("rvq", "rvq", "KLT of patches, residual vector quantized", "Juang & Gray 1982; Lee et al. 2022"),
    _klt(
        "rvq-beam",
        "rvq-beam",
        "KLT of patches, residual vector quantized along sixteen paths",
        "Liu et al. 2015",
    ),
    _klt("ervq", "ervq", "KLT of patches, residual vector quantized, all codebooks refined together", "Ai et al. 2017"),
    _klt("qinco", "qinco", "KLT of patches, residual vector quantized by networks", "Huijben et al. 2024"),
    _klt("qinco2", "qinco2", "KLT of patches, qinco along sixteen paths", "Vallaeys et al. 2025"),
    _klt(
        "irvq",
        "irvq",
        "KLT of patches, residual vector quantized, codebooks learned in a growing number of dimensions",
        "Liu et al. 2015",
    ),
    _klt(
        "sq",
        "sq",
        "KLT of patches, residual vector quantized, codebooks refined for the greedy search",
        "Martinez et al. 2014",
    ),
    _klt(
        "prvq",
        "prvq",
        "KLT of patches, residual vector quantized in half of the principal components",
        "Wei et al. 2014",
    ),
    _klt(
        "grvq",
        "grvq",
        "KLT of patches, residual vector quantized, each codebook learned again given all the others",
        "Liu et al. 2017",
    ),
    _klt(
        "trq",
        "trq",
        "KLT of patches, residual vector quantized, a rotation for each codeword before the next level",
        "Yuan & Liu 2015",
    ),
    _klt("pq", "pq", "KLT of patches, product quantized", "Jégou et al. 2011; Ge et al. 2013"),
    _klt("rvpq", "rvpq", "KLT of patches, residual product quantized", "Niu et al. 2023"),
    _klt(
        "opq",
        "opq",
        "KLT of patches, product quantized after a learned rotation",
        "Ge et al. 2013",
    ),
    _klt(
        "aq",
        "aq",
        "KLT of patches, additively quantized (local search)",
        "Babenko & Lempitsky 2014; Martinez et al. 2018",
    ),
    _klt(
        "apq",
        "apq",
        "KLT of patches, additively quantized by parts after a learned rotation",
        "Babenko & Lempitsky 2014; Wang et al. 2014",
    ),
    _klt(
        "ockm",
        "ockm",
        "KLT of patches, additively quantized by parts, their rotation learned with the codebooks",
        "Wang et al. 2014",
    ),
    _klt("cq", "cq", "KLT of patches, quantized as sums whose inner products are nearly constant", "Zhang et al. 2014"),
    _klt("vaq", "vaq", "KLT of patches, coefficients quantized with bits by their variance", "Paparrizos et al. 2022"),
    _klt("fsq", "fsq", "KLT of patches, finite scalar quantized", "Mentzer et al. 2023"),
    _klt("lfq", "lfq", "KLT of patches, lookup-free quantized", "Yu et al. 2023"),
    _klt("bsq", "bsq", "KLT of patches, binary spherical quantized", "Zhao et al. 2024"),
    _klt(
        "msvq",
        "msvq",
        "KLT of patches, residual vector quantized scale by scale; klt-msvq@BITS,scales=1-2-4-8",
        "Tian et al. 2024",
    ),
    _klt("continuous", None, "KLT of patches, not quantized: the ceiling", "Karhunen 1947; Pearson 1901"),
    _codec("jpeg", "JPEG", "ITU-T T.81"),
    _codec("webp", "WEBP", "RFC 9649"),
    _codec("avif", "AVIF", "AV1 Image File Format 1.1"),
    Entry(
        "taef2",
        "bench.modalities.image.tokenizers.taef2:Taef2",
        "tiny autoencoder for the latents of FLUX.2's VAE: f8, 32 channels; taef2=FOLDER",
        modality="image",
        tokens="continuous",
        source="github.com/madebyollin/taesd at 5cccb12dc72074a4be35680c3b108548a7c69978",
        license="MIT",
        weights=("taef2-encoder", "taef2-decoder"),
        local=True,
    ),
    *entries_of(published),
)
