"""How metrics are called and ordered in tables; a metric that is not listed appears under its own name.

The order of the lines is the order of the columns. Metrics of other packages need no line: they stand
after the listed quality metrics, by name, so that a table never depends on what else is installed.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, replace
from typing import Literal

Section = Literal["quality", "rate", "cost"]
SECTIONS: tuple[Section, ...] = ("quality", "rate", "cost")


@dataclass(frozen=True)
class Heading:
    """How one metric is shown.

    Attributes:
        title: the column's title.
        section: quality first, then rates and codebooks, then cost.
        default: whether tables for people have the column; CSV and JSON have them all.
        percent: whether a fraction is shown as a percentage.
        unit: unit shown instead of the estimate's, if the title already says it.
        detail: whether it is a listed metric of one codebook level, or of all levels jointly.
    """

    title: str
    section: Section = "quality"
    default: bool = True
    percent: bool = False
    unit: str | None = None
    detail: bool = False


HEADINGS: dict[str, Heading] = {
    "psnr": Heading("PSNR"),
    "ssim": Heading("SSIM"),
    "ms_ssim": Heading("MS-SSIM", default=False),
    "lpips_alex": Heading("LPIPS (alex)"),
    "lpips_vgg": Heading("LPIPS (vgg)", default=False),
    "rfid": Heading("rFID"),
    "gfid": Heading("gFID"),
    "sfid": Heading("sFID"),
    "inception_score": Heading("IS", default=False),
    "inception_score_file_order": Heading("IS (file order)", default=False),
    "kid": Heading("KID", default=False),
    "precision": Heading("Precision"),
    "recall": Heading("Recall"),
    "density": Heading("Density", default=False),
    "coverage": Heading("Coverage", default=False),
    "fd_efficientnet_lite0": Heading("FD (EffNet-Lite0)"),
    "gfd_efficientnet_lite0": Heading("gFD (EffNet-Lite0)"),
    "kd_efficientnet_lite0": Heading("KD (EffNet-Lite0)"),
    "density_efficientnet_lite0": Heading("Density (EffNet-Lite0)", default=False),
    "coverage_efficientnet_lite0": Heading("Coverage (EffNet-Lite0)", default=False),
    "swd": Heading("SWD"),
    "pesq_wb": Heading("PESQ (wb)"),
    "pesq_nb": Heading("PESQ (nb)", default=False),
    "stoi": Heading("STOI"),
    "estoi": Heading("ESTOI", default=False),
    "visqol": Heading("ViSQOL"),
    "dnsmos_ovrl": Heading("DNSMOS"),
    "dnsmos_sig": Heading("DNSMOS (signal)", default=False),
    "dnsmos_bak": Heading("DNSMOS (background)", default=False),
    "dnsmos_p808": Heading("DNSMOS (P.808)", default=False),
    "mel_distance": Heading("Mel distance"),
    "stft_distance": Heading("STFT distance", default=False),
    "si_sdr": Heading("SI-SDR", default=False),
    "si_sdr_aligned": Heading("SI-SDR (aligned)", default=False),
    "delay": Heading("Delay", default=False),
    "speaker_similarity": Heading("Speaker similarity"),
    "dnsmos_ovrl_continuation": Heading("DNSMOS (continuation)"),
    "dnsmos_ovrl_tokenized": Heading("DNSMOS (tokenized)"),
    "dnsmos_ovrl_model_loss": Heading("DNSMOS (model's loss)"),
    "dnsmos_sig_continuation": Heading("DNSMOS signal (continuation)", default=False),
    "dnsmos_sig_tokenized": Heading("DNSMOS signal (tokenized)", default=False),
    "dnsmos_sig_model_loss": Heading("DNSMOS signal (model's loss)", default=False),
    "dnsmos_bak_continuation": Heading("DNSMOS background (continuation)", default=False),
    "dnsmos_bak_tokenized": Heading("DNSMOS background (tokenized)", default=False),
    "dnsmos_bak_model_loss": Heading("DNSMOS background (model's loss)", default=False),
    "dnsmos_p808_continuation": Heading("DNSMOS P.808 (continuation)", default=False),
    "dnsmos_p808_tokenized": Heading("DNSMOS P.808 (tokenized)", default=False),
    "dnsmos_p808_model_loss": Heading("DNSMOS P.808 (model's loss)", default=False),
    "speaker_similarity_continuation": Heading("Speaker (continuation)"),
    "speaker_similarity_tokenized": Heading("Speaker (tokenized)"),
    "speaker_similarity_model_loss": Heading("Speaker (model's loss)"),
    "wer": Heading("WER", percent=True),
    "cer": Heading("CER", default=False, percent=True),
    "dwer": Heading("dWER", percent=True),
    "wer_original": Heading("WER (original)", default=False, percent=True),
    "cer_original": Heading("CER (original)", default=False, percent=True),
    "bits_per_pixel_model": Heading("bpp (model)", unit=""),
    "bitrate_model": Heading("kbit/s (model)", unit=""),
    "tokens_per_second": Heading("Tokens/s", "rate", unit=""),
    "bitrate": Heading("kbit/s", "rate", unit=""),
    "bitrate_entropy": Heading("kbit/s (entropy)", "rate", default=False, unit=""),
    "bitrate_file": Heading("kbit/s (file)", "rate", unit=""),
    "tokens_per_image": Heading("Tokens", "rate", unit=""),
    "bits_per_pixel": Heading("bpp", "rate", unit=""),
    "bits_per_pixel_entropy": Heading("bpp (entropy)", "rate", default=False, unit=""),
    "nll": Heading("NLL", "rate"),
    "token_perplexity": Heading("Token perplexity", "rate", default=False),
    "codebook_utilization": Heading("Utilization", "rate", percent=True),
    "codebook_perplexity": Heading("Perplexity", "rate", default=False),
    "codebook_entropy": Heading("Entropy", "rate", default=False),
    "encode_images_per_second": Heading("Encode", "cost"),
    "decode_images_per_second": Heading("Decode", "cost"),
    "encode_rtf": Heading("Encode (RTF)", "cost", unit=""),
    "decode_rtf": Heading("Decode (RTF)", "cost", unit=""),
    "encode_rtf_clip_mean": Heading("Encode (RTF, mean of clips)", "cost", default=False, unit=""),
    "decode_rtf_clip_mean": Heading("Decode (RTF, mean of clips)", "cost", default=False, unit=""),
    "peak_memory": Heading("Peak memory", "cost", default=False),
    "sampling_tokens_per_second": Heading("Sampling", "cost"),
    "sampling_images_per_second": Heading("Sampling, decoded", "cost"),
    "sampling_rtf": Heading("Sampling, decoded (RTF)", "cost", unit=""),
    "sampling_peak_memory": Heading("Sampling memory", "cost", default=False),
}
_LISTED = list(HEADINGS)
_SEE = re.compile(r"\bsee \w+(?:(?:, | and | or )\w+)*")
_DETAIL = re.compile(r"(?P<metric>\w+?)_(?P<part>level_(?P<level>\d+)|joint)")


def heading(metric: str) -> Heading:
    """How a metric is shown; the details of a listed metric are for CSV and JSON only."""
    if metric in HEADINGS:
        return HEADINGS[metric]
    match = _detail(metric)
    if not match:
        return Heading(metric)
    base, part = HEADINGS[match["metric"]], match["part"].replace("_", " ")
    return replace(base, title=f"{base.title} ({part})", default=False, detail=True)


def called(title: str) -> list[str]:
    """The listed metrics that tables call so, in any case, in whole or without what stands in brackets."""
    wanted = title.casefold()
    titles = {metric: shown.title.casefold() for metric, shown in HEADINGS.items()}
    exact = [metric for metric, own in titles.items() if own == wanted]
    return exact or [metric for metric, own in titles.items() if own.partition(" (")[0] == wanted]


def titled(text: str) -> str:
    """A text in which the listed metrics that it tells the reader to see are called as tables call them."""

    def replaced(clause: re.Match[str]) -> str:
        return re.sub(r"\w+", lambda word: HEADINGS[word[0]].title if word[0] in HEADINGS else word[0], clause[0])

    return _SEE.sub(replaced, text)


def shown_in(metric: str, unit: str) -> tuple[str, float]:
    """Unit and scale of a metric in tables for people: shown number = scale · estimate, whose unit is given."""
    shown = heading(metric)
    percent = shown.percent and unit == ""
    return shown.unit if shown.unit is not None else "%" if percent else unit, 100.0 if percent else 1.0


def place(metric: str) -> tuple[int, int, int, str]:
    """Sort key of a metric's column; the details of a metric follow it, the joint one last."""
    match = _detail(metric)
    whole = match["metric"] if match else metric
    listed = _LISTED.index(whole) if whole in HEADINGS else len(_LISTED)
    level = (int(match["level"]) if match["level"] else sys.maxsize) if match else -1
    return SECTIONS.index(heading(metric).section), listed, level, metric


def _detail(metric: str) -> re.Match[str] | None:
    match = None if metric in HEADINGS else _DETAIL.fullmatch(metric)
    return match if match and match["metric"] in HEADINGS else None
