"""Word and character error rates of a recognizer on originals and reconstructions."""

from __future__ import annotations

import importlib.util
from collections import Counter
from dataclasses import replace
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from pydantic import BaseModel, Field

from bench.contracts.stats import Estimate
from bench.errors import MOST_NAMED, BenchError, Unavailable
from bench.machine.canonical import digest
from bench.machine.extras import remedy
from bench.metrics.base import Batch, Settings
from bench.metrics.bootstrap import ratio_of_sums
from bench.metrics.failures import failure
from bench.metrics.pooled import PooledMetric
from bench.modalities.audio.metrics.utterances import (
    BROKEN,
    RATIOS,
    REASONS,
    Errors,
    Utterance,
    Why,
    errors_of,
    in_pool,
    without_value,
)
from bench.modalities.audio.normalizers import Normaliser, normaliser
from bench.modalities.audio.recognizers.base import Recognizer, Source, build
from bench.modalities.audio.recognizers.transcript_cache import cache_folder

if TYPE_CHECKING:
    from bench.datasets.base import Dataset

OTHERS = "set recogniser and normaliser of word_errors to others, such as whisper and lower-v2"


class WordErrorSettings(Settings):
    """Recognizer and text normalizer."""

    recogniser: str = Field(default="pocketsphinx", description="written like a --system; bench list recognizers")
    normaliser: str = Field(
        default="english-v1", description="none-v2, lower-v2, english-v1 or basic-v1; none-v1 and lower-v1 as they were"
    )
    revision: dict[str, Any] = Field(default_factory=dict, description="versions, files and options of both, filled in")


class WordErrors(PooledMetric, line="word_errors"):
    """Errors over the whole set by jiwer, as a fraction of the words (or characters) of the references.

    - ``wer``, ``cer``: recognizer on the reconstruction against the transcript.
    - ``wer_original``, ``cer_original``: recognizer on the original against the transcript: its own errors.
    - ``dwer``: recognizer on the reconstruction against recognizer on the original, which needs no transcript.

    Each is Σ (substitutions + deletions + insertions) / Σ reference length over normalized texts, so insertions
    may carry it above 1; characters include spaces. An utterance whose reference is missing or empty is a failure
    of that utterance; one in which nothing is recognized is not: all its words are deletions. The interval is a
    bootstrap over the groups of utterances (``bench.metrics.bootstrap``).

    Recognizers of the processor run in the pool, others here, on the metric's device, one clip at a time.
    """

    preload = ("jiwer", "pocketsphinx", "whisper_normalizer.english")
    carried = ("_texts", "_unstated", "_error")
    Settings = WordErrorSettings
    settings: WordErrorSettings
    system: str = ""
    """Name of the measured system, which the task sets, to find its transcripts in a table."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.settings.revision:
            self.settings = self.settle(self.settings)
        self._source = build(self.settings.recogniser)
        self._normaliser = normaliser(self.settings.normaliser)
        self._texts: list[tuple[str | None, str | None]] = []
        self._unstated = False
        self._error = ""
        self.add_state("counts", default=[], dist_reduce_fx="cat")
        self.add_state("why", default=[], dist_reduce_fx="cat")

    @classmethod
    def settle(cls, settings: BaseModel) -> WordErrorSettings:
        """The settings with the revisions of recognizer and normalizer filled in.

        Raises:
            Unavailable: a package or model is not on this machine, or is of another revision than the settings state.
        """
        chosen = WordErrorSettings.model_validate(settings.model_dump())
        if importlib.util.find_spec("jiwer") is None:
            raise Unavailable("word_errors needs jiwer", remedy("jiwer"))
        revision = {
            "recogniser": build(chosen.recogniser).describe(),
            "normaliser": normaliser(chosen.normaliser).describe(),
            "jiwer": metadata.version("jiwer"),
        }
        if chosen.revision and chosen.revision != revision:
            wrong = ", ".join(part for part, installed in revision.items() if chosen.revision.get(part) != installed)
            raise Unavailable(
                f"word_errors: the revision of {wrong} differs from the one in the settings",
                "install that, or leave revision out",
            )
        return chosen.model_copy(update={"revision": revision})

    @classmethod
    def warnings(cls, settings: BaseModel, dataset: Dataset) -> list[str]:
        chosen = WordErrorSettings.model_validate(settings.model_dump())
        try:
            source = build(chosen.recogniser)
        except Unavailable:  # which is reported separately
            return []
        warnings, norm = [], normaliser(chosen.normaliser)
        transcripts = [text for text in map(dataset.transcript, range(len(dataset))) if text]
        if not fits(dataset.language, source, norm):
            languages = supported_languages(source, norm)
            warnings.append(
                f"{dataset.name} is in the language {dataset.language}, so no clip counts ({languages}); {OTHERS}"
            )
        elif transcripts and not dataset.language and (taken := assumed_languages(source, norm)):
            warnings.append(
                f"{dataset.name} does not state its language: {taken}, and rates of another language are meaningless; "
                f"state it with --dataset {dataset.name}@language=CODE"
            )
        if split := sum(map(norm.splits, transcripts)):
            warnings.append(
                f"{norm.name} splits words at combining marks, which {split} of {len(transcripts)} transcripts have; "
                "give normaliser: lower-v2, which keeps them"
            )
        return warnings

    def update(self, batch: Batch) -> None:
        self.remember(batch)
        self._unstated |= not all(batch.languages) or len(batch.languages) < len(batch.index)
        pairs = zip(batch.reference.clips(), batch.reconstruction.clips(), strict=True)
        for position, (original, reconstruction) in enumerate(pairs):
            utterance = Utterance(
                id=batch.ids[position] if batch.ids else "",
                system=self.system,
                original=_mono(original),
                reconstruction=_mono(reconstruction),
                rate=batch.reference.rate,
                said=batch.transcripts[position] if batch.transcripts else None,
                language=batch.languages[position] if batch.languages else "",
            )
            self._hear(utterance)

    def _hear(self, utterance: Utterance) -> None:
        if not fits(utterance.language, self._source, self._normaliser):
            self.work(without_value, Why.OTHER_LANGUAGE)
            return
        source, settings = self._source, self.settings
        if isinstance(source, Recognizer) and source.in_pool:
            key = digest(settings.revision)
            cache = cache_folder(settings.revision["recogniser"])
            self.work(in_pool, settings.recogniser, key, cache, settings.normaliser, utterance)
            return
        if isinstance(source, Recognizer):
            source.to(self.device)
        # Other arithmetic may recognize other words.
        cache = cache_folder([settings.revision["recogniser"], torch.__version__, self.device.type])
        self._running.append(errors_of(source, cache, self._normaliser, utterance))

    def take(self, result: Errors | BaseException) -> None:
        if isinstance(result, BenchError):
            raise result
        if isinstance(result, BaseException):
            result = replace(without_value(Why.DIED), error=failure(result, ""))
        self._error = self._error or result.error
        self.keep("counts", torch.tensor([result.counts]))
        self.keep("why", torch.tensor([[int(why) for why in result.why]]))
        self._texts.append(result.texts)

    def reset(self) -> None:
        super().reset()
        self._texts.clear()

    def compute(self) -> dict[str, Estimate]:
        order = self.order()
        groups = self.stacked("groups")[order]
        counts, why = self._ordered(order)
        return {
            name: self._estimate(name, counts[:, column], why[:, column], groups) for column, name in enumerate(RATIOS)
        }

    def samples(self) -> dict[str, np.ndarray]:
        """Rates of each utterance (NaN where it does not count), the counts behind them, and the texts.

        By output name; ``NAME_errors`` and ``NAME_length``, int64; ``heard_original`` and ``heard_reconstruction``.
        """
        super().samples()
        order = self.order()
        counts, why = self._ordered(order)
        columns: dict[str, np.ndarray] = {}
        for column, name in enumerate(RATIOS):
            errors, length = counts[:, column].T
            counted = why[:, column] == Why.COUNTED
            columns[name] = np.divide(errors, length, out=np.full(len(errors), np.nan), where=counted)
            columns |= {f"{name}_errors": errors, f"{name}_length": length}
        for side, name in enumerate(("original", "reconstruction")):
            columns[f"heard_{name}"] = np.array([self._texts[at][side] for at in order], dtype=object)
        return columns

    def _ordered(self, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Counts ``[n, ratios, 2]`` and why ``[n, ratios]``, in the dataset's order."""
        counts, why = self.stacked("counts"), self.stacked("why")
        size = len(RATIOS)
        return counts.astype(np.int64).reshape(-1, size, 2)[order], why.astype(np.int64).reshape(-1, size)[order]

    def _estimate(self, name: str, counts: np.ndarray, why: np.ndarray, groups: np.ndarray) -> Estimate:
        counted = why == Why.COUNTED
        estimate = ratio_of_sums(counts[counted, 0], counts[counted, 1], groups[counted])
        reasons = self._reasons(why[~counted])
        facts: dict[str, Any] = {"failures": int((~counted).sum())}
        if estimate.value is None and reasons:
            aside, facts["remedy"] = self._remedy(why)
            facts["unavailable"] = f"no utterance counts: {reasons}{aside}"
            facts["broken"] = bool(np.isin(why, BROKEN).any())
        about = f"recognizer {self._source.label}; normalizer {self._normaliser.name}"
        if self._unstated and (taken := assumed_languages(self._source, self._normaliser)):
            about += f"; the dataset does not state its language: {taken}"
        note = f"{about}; left out: {reasons}" if reasons else about
        return self.describe(name, estimate.model_copy(update=facts), note)

    def _remedy(self, why: np.ndarray) -> tuple[str, str]:
        """An addition to the reason why no utterance counts, and the remedy."""
        if Why.NO_ORIGINAL in why or Why.NO_RECONSTRUCTION in why:
            return "", "put the samples' ids into the table's column id; ids of files end as the files do (a.wav)"
        if Why.OTHER_LANGUAGE not in why:
            return "", ""
        return f" ({supported_languages(self._source, self._normaliser)})", OTHERS

    def _reasons(self, why: np.ndarray) -> str:
        counted = Counter(why.tolist())
        error = f" ({self._error})" if self._error else ""
        return "; ".join(
            f"{count}: {reason}{error if why_left_out in BROKEN else ''}"
            for why_left_out, reason in REASONS.items()
            if (count := counted[why_left_out])
        )


def fits(language: str, source: Source, norm: Normaliser) -> bool:
    """Whether recognizer and normalizer support a language; True if it is unknown."""
    return not language or all(language in languages for languages in (source.languages, norm.languages) if languages)


def supported_languages(source: Source, norm: Normaliser) -> str:
    """The languages that recognizer and normalizer support, in words; empty if any."""
    return "; ".join(
        f"{name} is for {', '.join(languages) if len(languages) <= MOST_NAMED else f'{len(languages)} languages'}"
        for name, languages in _sides(source, norm)
    )


def assumed_languages(source: Source, norm: Normaliser) -> str:
    """Which of them assume the only language that they support, in words; empty if neither does."""
    names: dict[str, list[str]] = {}
    for name, languages in _sides(source, norm):
        if len(languages) == 1:
            names.setdefault(languages[0], []).append(name)
    return ", ".join(
        f"{' and '.join(takers)} take{'s' * (len(takers) == 1)} it for {language}" for language, takers in names.items()
    )


def _sides(source: Source, norm: Normaliser) -> list[tuple[str, tuple[str, ...]]]:
    pairs = ((source.label, source.languages), (norm.name, norm.languages))
    return [(name, languages) for name, languages in pairs if languages]


def _mono(clip: torch.Tensor) -> np.ndarray:
    """The mean of the channels, float32 ``[n]``; a copy, since the batch is not ours."""
    mean: np.ndarray = clip.detach().cpu().float().mean(0).numpy().copy()
    return mean
