"""Word and character error rates: what a recogniser still understands."""

from __future__ import annotations

import importlib.util
from collections import Counter
from importlib import metadata
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import BaseModel, Field

from bench.canonical import digest
from bench.errors import BenchError, Unavailable
from bench.extras import remedy
from bench.metrics.base import Batch, Fact, Settings
from bench.metrics.bootstrap import ratio_of_sums
from bench.metrics.clips import PooledMetric
from bench.metrics.utterances import RATIOS, REASONS, Errors, Utterance, Why, errors_of, in_pool, without_value
from bench.normalisers import normaliser
from bench.recognisers.base import Recogniser, build
from bench.recognisers.transcript_cache import cache_folder
from bench.stats import Estimate


class WordErrorSettings(Settings):
    """What hears, and what counts as the same words."""

    recogniser: str = Field(default="pocketsphinx", description="bench list recognisers; as a --system is written")
    normaliser: str = Field(default="english-v1", description="none-v1, lower-v1, english-v1 or basic-v1")
    revision: dict[str, Any] = Field(default_factory=dict, description="versions, files and options of both; filled in")


class WordErrors(PooledMetric):
    """Errors over the whole set by jiwer, as a fraction of the words (or characters) of the references.

    - ``wer``, ``cer``: recogniser on the reconstruction against the transcript.
    - ``wer_original``, ``cer_original``: recogniser on the original against the transcript: its own errors.
    - ``dwer``: recogniser on the reconstruction against recogniser on the original, which needs no transcript.

    Each is Σ (substitutions + deletions + insertions) / Σ reference length over normalised texts, so insertions
    may carry it above 1; characters include spaces. An utterance whose reference is missing or empty is a failure
    of that utterance; one in which nothing is recognised is not: all its words are deletions. The interval is a
    bootstrap over the groups of utterances (``bench.metrics.bootstrap``).

    Recognisers of the processor run in the pool, others here, on the metric's device, one clip at a time.
    """

    outputs: ClassVar[dict[str, Fact]] = {
        "wer": Fact("", False, (0, float("inf"))),
        "cer": Fact("", False, (0, float("inf"))),
        "wer_original": Fact("", None, (0, float("inf"))),
        "cer_original": Fact("", None, (0, float("inf"))),
        "dwer": Fact("", False, (0, float("inf"))),
    }
    preload = ("jiwer", "pocketsphinx", "whisper_normalizer.english")
    Settings = WordErrorSettings
    settings: WordErrorSettings
    system: str = ""
    """Name of the measured system, by which a table of transcripts is searched; the task sets it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.settings.revision:
            self.settings = self.settle(self.settings)
        self._source = build(self.settings.recogniser)
        self._normaliser = normaliser(self.settings.normaliser)
        self._texts: list[tuple[str | None, str | None]] = []
        self.add_state("counts", default=[], dist_reduce_fx="cat")
        self.add_state("why", default=[], dist_reduce_fx="cat")

    @classmethod
    def settle(cls, settings: BaseModel) -> WordErrorSettings:
        """The settings with what decides the texts and their normal form.

        Raises:
            Unavailable: a package or a model is not on this machine, or is not of the revision that is asked for.
        """
        chosen = WordErrorSettings.model_validate(settings.model_dump())
        if importlib.util.find_spec("jiwer") is None:
            raise Unavailable(f"word_errors needs jiwer{remedy('jiwer')}")
        revision = {
            "recogniser": build(chosen.recogniser).describe(),
            "normaliser": normaliser(chosen.normaliser).describe(),
            "jiwer": metadata.version("jiwer"),
        }
        if chosen.revision and chosen.revision != revision:
            wrong = ", ".join(part for part, found in revision.items() if chosen.revision.get(part) != found)
            raise Unavailable(
                f"word_errors: the revision of {wrong} differs from what the settings ask for; install that, or leave "
                "revision out"
            )
        return chosen.model_copy(update={"revision": revision})

    def update(self, batch: Batch) -> None:
        self.remember(batch)
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
        if not self._fits(utterance.language):
            self.work(without_value, Why.OTHER_LANGUAGE)
            return
        source, settings = self._source, self.settings
        if isinstance(source, Recogniser) and source.in_pool:
            key = digest(settings.revision)
            cache = cache_folder(settings.revision["recogniser"])
            self.work(in_pool, settings.recogniser, key, cache, settings.normaliser, utterance)
            return
        if isinstance(source, Recogniser):
            source.to(self.device)
        # Other arithmetic may hear other words.
        cache = cache_folder([settings.revision["recogniser"], torch.__version__, self.device.type])
        self._running.append(errors_of(source, cache, self._normaliser, utterance))

    def _fits(self, language: str) -> bool:
        known = (self._source.languages, self._normaliser.languages)
        return not language or all(language in languages for languages in known if languages)

    def take(self, result: Errors | Exception) -> None:
        if isinstance(result, BenchError):
            raise result
        if isinstance(result, Exception):
            result = without_value(Why.DIED)
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
            known = why[:, column] == Why.COUNTED
            columns[name] = np.divide(errors, length, out=np.full(len(errors), np.nan), where=known)
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
        known = why == Why.COUNTED
        estimate = ratio_of_sums(counts[known, 0], counts[known, 1], groups[known])
        reasons = self._reasons(why[~known])
        facts: dict[str, Any] = {"failures": int((~known).sum())}
        if estimate.value is None and reasons:
            facts["unavailable"] = f"no utterance counts: {reasons}{self._remedy(why)}"
        told = f"recogniser {self._source.label}; normaliser {self._normaliser.name}"
        note = f"{told}; left out: {reasons}" if reasons else told
        return self.describe(name, estimate.model_copy(update=facts), note)

    def _remedy(self, why: np.ndarray) -> str:
        if Why.NO_ORIGINAL in why or Why.NO_RECONSTRUCTION in why:
            return "; the table's column id has to hold the samples' ids, which of files end as the files do (a.wav)"
        if Why.OTHER_LANGUAGE not in why:
            return ""
        sides = ((self._source.label, self._source.languages), (self._normaliser.name, self._normaliser.languages))
        known = "; ".join(f"{name} is for {', '.join(languages)}" for name, languages in sides if languages)
        return f" ({known}); give word_errors another recogniser and normaliser, such as whisper and basic-v1"

    @staticmethod
    def _reasons(why: np.ndarray) -> str:
        counted = Counter(why.tolist())
        return "; ".join(f"{count}: {reason}" for each, reason in REASONS.items() if (count := counted[each]))


def _mono(clip: torch.Tensor) -> np.ndarray:
    """The mean of the channels, float32 ``[n]``; a copy, since the batch is not ours."""
    mean: np.ndarray = clip.detach().cpu().float().mean(0).numpy().copy()
    return mean
