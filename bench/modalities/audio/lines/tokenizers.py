"""Registry lines of the training-free tokenizers of audio and of the codecs."""

from __future__ import annotations

from typing import Any

from bench.lines.checkpoints import entries_of
from bench.modalities.audio.lines import published
from bench.modalities.audio.lines.s3tokenizer import S3TOKENIZERS
from bench.modalities.audio.lines.semantic_units import UNITS
from bench.registry import Entry


def _entry(
    name: str, target: str, summary: str, tokens: str, source: str, positional: str, license: str, /, **args: Any
) -> Entry:
    return Entry(
        name,
        f"bench.modalities.audio.tokenizers.{target}",
        f"{summary}; {name}@{positional.upper()}",
        args=args,
        positional=positional,
        modality="audio",
        tokens=tokens,
        source=source,
        license=license,
        extra="audio",
    )


def _companded(name: str, law: str, summary: str) -> Entry:
    source = "ITU-T G.711; van den Oord et al. 2016"
    return _entry(name, "companding:Companding", summary, "discrete", source, "rate", "Apache-2.0", law=law)


def _mdct(name: str, quantizer: str | None, summary: str, source: str) -> Entry:
    tokens, positional = ("discrete", "kbps") if quantizer else ("continuous", "bandwidth")
    source = f"Princen & Bradley 1986; {source}"
    return _entry(f"mdct-{name}", "mdct:MDCT", summary, tokens, source, positional, "Apache-2.0", quantizer=quantizer)


def _codec(name: str, summary: str, source: str, license: str, kbps: float) -> Entry:
    target = "audio_codecs:AudioCodec"
    return _entry(name, target, summary, "bytes", source, "kbps", license, codec=name, kbps=kbps)


_LGPL = "LGPL-2.1 (FFmpeg)"

ENTRIES: tuple[Entry, ...] = (
    _entry("pcm", "companding:PCM", "16-bit samples at 16 kHz", "bytes", "linear PCM", "rate", "none"),
    _companded("mulaw", "mu", "μ-law companding, 256 levels per sample"),
    _companded("alaw", "a", "A-law companding, 256 levels per sample"),
    _mdct("vq", "vq", "MDCT bands, vector quantized (k-means)", "van den Oord et al. 2017; Gray 1984"),
    _mdct("rvq", "rvq", "MDCT bands, residual vector quantized", "Juang & Gray 1982; Zeghidour et al. 2021"),
    _mdct(
        "rvq-beam",
        "rvq-beam",
        "MDCT bands, residual vector quantized along sixteen paths",
        "Liu et al. 2015",
    ),
    _mdct("ervq", "ervq", "MDCT bands, residual vector quantized, all codebooks refined together", "Ai et al. 2017"),
    _mdct("qinco", "qinco", "MDCT bands, residual vector quantized by networks", "Huijben et al. 2024"),
    _mdct("qinco2", "qinco2", "MDCT bands, qinco along sixteen paths", "Vallaeys et al. 2025"),
    _mdct(
        "irvq",
        "irvq",
        "MDCT bands, residual vector quantized, codebooks learned in a growing number of dimensions",
        "Liu et al. 2015",
    ),
    _mdct(
        "sq",
        "sq",
        "MDCT bands, residual vector quantized, codebooks refined for the greedy search",
        "Martinez et al. 2014",
    ),
    _mdct(
        "prvq", "prvq", "MDCT bands, residual vector quantized in half of the principal components", "Wei et al. 2014"
    ),
    _mdct(
        "grvq",
        "grvq",
        "MDCT bands, residual vector quantized, each codebook learned again given all the others",
        "Liu et al. 2017",
    ),
    _mdct(
        "trq",
        "trq",
        "MDCT bands, residual vector quantized, a rotation for each codeword before the next level",
        "Yuan & Liu 2015",
    ),
    _mdct("pq", "pq", "MDCT bands, product quantized", "Jégou et al. 2011; Ge et al. 2013"),
    _mdct("rvpq", "rvpq", "MDCT bands, residual product quantized", "Niu et al. 2023"),
    _mdct(
        "opq",
        "opq",
        "MDCT bands, product quantized after a learned rotation",
        "Ge et al. 2013",
    ),
    _mdct(
        "aq", "aq", "MDCT bands, additively quantized (local search)", "Babenko & Lempitsky 2014; Martinez et al. 2018"
    ),
    _mdct(
        "apq",
        "apq",
        "MDCT bands, additively quantized by parts after a learned rotation",
        "Babenko & Lempitsky 2014; Wang et al. 2014",
    ),
    _mdct(
        "ockm",
        "ockm",
        "MDCT bands, additively quantized by parts, their rotation learned with the codebooks",
        "Wang et al. 2014",
    ),
    _mdct("cq", "cq", "MDCT bands, quantized as sums whose inner products are nearly constant", "Zhang et al. 2014"),
    _mdct("vaq", "vaq", "MDCT bands, coefficients quantized with bits by their variance", "Paparrizos et al. 2022"),
    _mdct("fsq", "fsq", "MDCT bands, finite scalar quantized", "Mentzer et al. 2023"),
    _mdct("lfq", "lfq", "MDCT bands, lookup-free quantized", "Yu et al. 2023"),
    _mdct("bsq", "bsq", "MDCT bands, binary spherical quantized", "Zhao et al. 2024"),
    _mdct("continuous", None, "MDCT coefficients, not quantized: the ceiling", "TDAC"),
    _entry(
        "mel-griffinlim",
        "mel:MelGriffinLim",
        "log-mel frames, inverted by Griffin-Lim",
        "continuous",
        "Griffin & Lim 1984; Wang et al. 2017",
        "mels",
        "Apache-2.0",
    ),
    _codec("opus", "Opus by libopus, variable rate", "RFC 6716", "BSD-3-Clause", 12),
    _codec("mp3", "MP3 by LAME", "ISO/IEC 11172-3, 13818-3", "LGPL-2.0 (LAME)", 24),
    _codec("aac", "AAC-LC by FFmpeg", "ISO/IEC 14496-3", _LGPL, 24),
    _codec("g722", "G.722, sub-band ADPCM", "ITU-T G.722", _LGPL, 64),
    _codec("g726", "G.726, ADPCM at 8 kHz", "ITU-T G.726", _LGPL, 32),
    _codec("amr-nb", "AMR narrow-band by OpenCORE, 8 kHz", "3GPP TS 26.071", "Apache-2.0 (OpenCORE)", 12.2),
    _codec("g723.1", "G.723.1 by FFmpeg, 8 kHz", "ITU-T G.723.1", _LGPL, 6.3),
    _entry(
        "codec2",
        "codec2:Codec2",
        "Codec 2, parametric speech at 8 kHz",
        "bytes",
        "Rowe 2010; rowetel.com/codec2",
        "mode",
        "LGPL-2.1",
    ),
    Entry(
        "lyra-v2",
        "bench.modalities.audio.tokenizers.lyra:LyraV2",
        "Lyra V2's SoundStream of speech, 16 kHz, 50 Hz x 46 books, 16 entries; @KBPS of 3.2, 6, 9.2",
        positional="kbps",
        modality="audio",
        tokens="discrete",
        source="Zeghidour et al. 2021, arXiv 2107.03312; "
        "github.com/google/lyra at 47698dadf0010abff6a848e02642f55f806d4842",
        license="Apache-2.0",
        weights=("lyra-v2-encoder", "lyra-v2-quantizer", "lyra-v2-decoder"),
        extra="audio",
        local=True,
    ),
    *entries_of(published),
    *S3TOKENIZERS,
    *UNITS,
)
