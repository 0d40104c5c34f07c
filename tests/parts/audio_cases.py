"""Cases of the metrics that compare audio signals: values of the implementations that their users trust."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path

import jiwer
import librosa
import numpy as np
import pesq
import pystoi
import pytest
import torch
from audio_data import DELAYS, RATE, SOUND_BOOKS, Sound, sound
from librosa.filters import mel
from tester import Case
from torchmetrics.functional.audio import scale_invariant_signal_distortion_ratio as torchmetrics_si_sdr

from bench.modalities.audio.recognizers.phone_alignment import PhoneAligner


def mean_of(values: Callable[[np.ndarray, np.ndarray], Mapping[str, float]], data: Sound) -> Mapping[str, float]:
    """Average values over the clips, by name."""
    each = [values(*pair) for pair in data.pairs]
    return {name: float(np.mean([value[name] for value in each])) for name in each[0]}


def by_pesq(mode: str, a: np.ndarray, b: np.ndarray) -> Mapping[str, float]:
    return {f"pesq_{mode}": pesq.pesq(RATE, a, b, mode)}


def by_pystoi(a: np.ndarray, b: np.ndarray) -> Mapping[str, float]:
    return {"stoi": pystoi.stoi(a, b, RATE), "estoi": pystoi.stoi(a, b, RATE, extended=True)}


def by_torchmetrics(a: np.ndarray, b: np.ndarray) -> Mapping[str, float]:
    return {"si_sdr": float(torchmetrics_si_sdr(torch.from_numpy(b).double(), torch.from_numpy(a).double()))}


def aligned(data: Sound) -> Mapping[str, float]:
    """Compute SI-SDR after cutting, by the known delays, what has no counterpart."""
    values = []
    for (a, b), delay in zip(data.pairs, DELAYS, strict=True):
        length = len(a) - abs(delay)
        pair = a[max(0, -delay) :][:length], b[max(0, delay) :][:length]
        values.append(by_torchmetrics(*pair)["si_sdr"])
    return {"si_sdr_aligned": float(np.mean(values))}


def delay(data: Sound) -> Mapping[str, float]:
    return {"delay": 1000 * float(np.mean(DELAYS)) / RATE}


def by_librosa(bands: tuple[int, ...] | None, a: np.ndarray, b: np.ndarray) -> Mapping[str, float]:
    """Compute the sum over the windows of Kumar et al.'s configuration with librosa's transforms."""
    total = 0.0
    for i, window in enumerate((2048, 512)):
        one, other = (
            np.abs(librosa.stft(side.astype(np.float64), n_fft=window, hop_length=window // 4, pad_mode="reflect"))
            for side in (a, b)
        )
        if bands:
            filters = mel(sr=RATE, n_fft=window, n_mels=bands[i])
            one, other = filters @ one, filters @ other
        logs = [np.log10(np.maximum(side, 1e-5) ** 2) for side in (one, other)]
        total += np.abs(logs[0] - logs[1]).mean() + np.abs(one - other).mean()
    return {"mel_distance" if bands else "stft_distance": total}


def by_visqol(a: np.ndarray, b: np.ndarray) -> Mapping[str, float]:
    from visqol import VisqolApi

    api = VisqolApi()
    api.create(mode="speech", use_lattice_model=True)
    return {"visqol": api.measure_from_arrays(a, b, RATE).moslqo}


def by_speechmos(_: np.ndarray, b: np.ndarray) -> Mapping[str, float]:
    from speechmos import dnsmos

    return {f"dnsmos_{name.removesuffix('_mos')}": float(value) for name, value in dnsmos.run(b, RATE).items()}


def by_resemblyzer(a: np.ndarray, b: np.ndarray) -> Mapping[str, float]:
    package = pytest.importorskip("resemblyzer", exc_type=ImportError)
    encoder = package.VoiceEncoder("cpu", verbose=False)
    one, other = (encoder.embed_utterance(package.normalize_volume(side, -30, increase_only=True)) for side in (a, b))
    return {"speaker_similarity": float(one @ other)}


HEARD = (
    ("lower case", "lower case"),
    ("you are now muted", "you were now mute it"),
    ("the conference is full", ""),
    ("from phone number", "from fun number"),
)
"""Possible transcripts of the originals of ``sound`` and of their reconstructions."""


_FOLDER = tempfile.TemporaryDirectory()


@cache
def heard() -> str:
    """Write ``HEARD`` as a table of transcripts and return the spec of its recognizer."""
    file = Path(_FOLDER.name) / "heard.tsv"
    rows = [
        f"clip-{at}\t{side}\t{text}"
        for at, texts in enumerate(HEARD)
        for side, text in zip(("original", "reconstruction"), texts, strict=True)
    ]
    file.write_text("\n".join(["id\tside\ttext", *rows]) + "\n")
    return f"transcripts={file}"


def by_jiwer(data: Sound) -> Mapping[str, float]:
    said = [re.sub(r"\W+", " ", text.lower()).strip() for text in data.transcripts]
    original, reconstruction = (list(side) for side in zip(*HEARD, strict=True))
    return {
        "wer": jiwer.wer(said, reconstruction),
        "cer": jiwer.cer(said, reconstruction),
        "wer_original": jiwer.wer(said, original),
        "cer_original": jiwer.cer(said, original),
        "dwer": jiwer.wer(original, reconstruction),
    }


def by_sklearn(data: Sound) -> Mapping[str, float]:
    """Compute the purities and PNMI from scikit-learn's contingency table of aligned phones and codes."""
    from sklearn.metrics import mutual_info_score
    from sklearn.metrics.cluster import contingency_matrix, entropy

    aligner, values = PhoneAligner(), {}
    # Of the first prompt, "lowercase", the dictionary has no pronunciation.
    clips = list(zip(data.reference, data.transcripts, strict=True))[1:]
    said = [aligner.align(clip, RATE, text) for clip, text in clips]
    for level, (codes, book) in enumerate(zip([codes[1:] for codes in data.codes], SOUND_BOOKS, strict=True)):
        assert book.rate
        # The middle of a code of 20 ms lies in the second of its two frames, that of 40 ms in the third of its four.
        step = round(100 / book.rate)
        at = [np.minimum(step * np.arange(len(clip)) + step // 2, len(phones) - 1)
              for clip, phones in zip(codes, said, strict=True)]  # fmt: skip
        phones = np.concatenate([clip[places] for clip, places in zip(said, at, strict=True)])
        table = contingency_matrix(phones, torch.cat(codes).numpy())
        values[f"phone_purity_level_{level}"] = table.max(0).sum() / table.sum()
        values[f"cluster_purity_level_{level}"] = table.max(1).sum() / table.sum()
        values[f"pnmi_level_{level}"] = mutual_info_score(None, None, contingency=table) / entropy(phones)
    names = ("phone_purity", "cluster_purity", "pnmi")
    return values | {name: np.mean([values[f"{name}_level_{level}"] for level in (0, 1)]) for name in names}


def case(values: Callable[[np.ndarray, np.ndarray], Mapping[str, float]], tolerance: float = 1e-12) -> Case:
    return Case(partial(mean_of, values), tolerance, source=sound)


SIGNAL_CASES = {
    "pesq_wb": case(partial(by_pesq, "wb")),
    "pesq_nb": case(partial(by_pesq, "nb")),
    "stoi": case(by_pystoi),
    "si_sdr": case(by_torchmetrics, 1e-9),
    "si_sdr_aligned": Case(aligned, 1e-9, source=sound),
    "delay": Case(delay, source=sound),
    "stft_distance": case(partial(by_librosa, None), 1e-9),
    # librosa's filters are float32.
    "mel_distance": case(partial(by_librosa, (150, 80)), 1e-7),
    "visqol": case(by_visqol),
    "dnsmos": case(by_speechmos, 1e-5),
    "speaker_similarity": case(by_resemblyzer, 1e-6),
    "phone_purity": Case(by_sklearn, source=sound),
    "word_errors": Case(by_jiwer, source=sound, settings={"recogniser": heard()}),
}
