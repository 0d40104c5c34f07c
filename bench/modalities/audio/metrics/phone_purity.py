"""What codes know of phones: purities and mutual information against aligned transcripts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from pydantic import BaseModel, Field
from torchmetrics.utilities import dim_zero_cat

from bench.contracts.stats import MAX_BLOCKS, Estimate, block_jackknife
from bench.contracts.tokens import TokenKind
from bench.errors import Unavailable
from bench.metrics.agreement import LabelTable
from bench.metrics.base import Batch, Settings
from bench.metrics.codebook import ENOUGH_TOKENS
from bench.metrics.counts import COUNTS, TokenMetric, append, blocks_of
from bench.metrics.failures import failure
from bench.metrics.pooled import PooledMetric
from bench.modalities.audio.recognizers.phone_alignment import FRAMES, PHONES, PhoneAligner, Unaligned, UnknownWords

if TYPE_CHECKING:
    from bench.datasets.base import Dataset


ONE_PHONE = "a single phone is said, about which nothing is uncertain"


class Why(IntEnum):
    """Why a clip does not count."""

    COUNTED = 0
    NO_TRANSCRIPT = 1
    OTHER_LANGUAGE = 2
    UNKNOWN_WORDS = 3
    NOT_ALIGNED = 4
    BROKE = 5


REASONS = {
    Why.NO_TRANSCRIPT: "no transcript",
    Why.OTHER_LANGUAGE: "in a language that the aligner is not for",
    Why.UNKNOWN_WORDS: "words that the aligner's dictionary lacks",
    Why.NOT_ALIGNED: "the transcript could not be aligned",
    Why.BROKE: "the aligner broke",
}


class PuritySettings(Settings):
    """The aligner, which is PocketSphinx's."""

    revision: dict[str, Any] = Field(default_factory=dict, description="version, files and options, filled in")


@dataclass(frozen=True)
class Level:
    """The codes of a clip at one level.

    Attributes:
        codes: int64 ``[positions]``.
        rate: codes per second.
        size: entries of the codebook.
    """

    codes: np.ndarray
    rate: float
    size: int


@dataclass(frozen=True)
class Counted:
    """How often each pair of a phone and a code occurs in a clip, for each level int64 ``[pairs, 2]``.

    The columns are ``phone * size + code`` and the count; there are no levels where the clip does not count.
    """

    pairs: tuple[np.ndarray, ...] = ()
    why: Why = Why.COUNTED
    error: str = ""


class PhonePurity(PooledMetric, TokenMetric, line="phone_purity"):
    """Agreement of codes with phones over the whole set (Hsu et al. 2021, arXiv 2106.07447, section on clusterings).

    With p(y, z) the share of the codes z that stand where phone y is said:

    - ``phone_purity``: Σ_z max_y p(y, z), how often the code's most frequent phone is the right one; it rises with the
      number of entries, up to 1 for a code of its own at every place, so compare codebooks of one size.
    - ``cluster_purity``: Σ_y max_z p(y, z), how often a phone gets its most frequent code; it falls with their number.
    - ``pnmi``: I(y; z) / H(y), the share of the uncertainty about the phone that the code takes away.

    The phone of a code is that at its middle, (i + ½) / rate seconds, in an alignment of the original with its
    transcript, of 39 phones and silence. Levels are counted apart; with several, the headline is their mean, and each
    level has its own value, suffix ``_level_0`` and on. Clips without a transcript that can be aligned are failures.
    The error is a jackknife over blocks of groups.
    """

    undefined: ClassVar[Mapping[TokenKind, str]] = {
        "continuous": "continuous tokens have no codes",
        "bytes": "a codec's bytes have no codes",
    }
    preload = ("pocketsphinx",)
    carried = ("_error",)
    Settings = PuritySettings
    settings: PuritySettings

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.settings.revision:
            self.settings = self.settle(self.settings)
        self._blocks: list[int] = []
        self._error = ""
        for level in range(len(self.codebooks)):
            self.add_state(f"pairs_{level}", default=[], dist_reduce_fx="cat")
        self.add_state("why", default=[], dist_reduce_fx="cat")
        self.unstated: torch.Tensor
        self.add_state("unstated", default=torch.tensor(0), dist_reduce_fx="max")

    @classmethod
    def settle(cls, settings: BaseModel) -> PuritySettings:
        """The settings with the revision of the aligner filled in.

        Raises:
            Unavailable: pocketsphinx is not on this machine, or of another revision than the settings state.
        """
        chosen, revision = PuritySettings.model_validate(settings.model_dump()), PhoneAligner().describe()
        if chosen.revision not in ({}, revision):
            raise Unavailable(
                "phone_purity: the revision of pocketsphinx differs from the one in the settings",
                "install that, or leave revision out",
            )
        return PuritySettings(revision=revision)

    @classmethod
    def warnings(cls, settings: BaseModel, dataset: Dataset) -> list[str]:
        if dataset.language in ("", *PhoneAligner.languages):
            return []
        return [
            f"{dataset.name} is in the language {dataset.language}, so no clip counts; transcripts are aligned in en"
        ]

    def update(self, batch: Batch) -> None:
        batch.tokens.check(self.codebooks)
        self.remember(batch)
        if not all(batch.languages) or len(batch.languages) < len(batch.index):
            self.unstated = torch.ones_like(self.unstated)
        if self.why_undefined:
            return
        rows = [batch.tokens.rows(level) for level in range(len(batch.tokens.codes))]
        clips = zip(batch.reference.clips(), batch.reference.seconds.tolist(), blocks_of(batch.group), strict=True)
        for position, (clip, seconds, block) in enumerate(clips):
            levels = [
                Level(codes[position].cpu().numpy(), book.rate or len(codes[position]) / seconds, book.size)
                for codes, book in zip(rows, self.codebooks, strict=True)
            ]
            self._blocks.append(int(block))
            self.work(
                counted,
                clip.detach().cpu().float().mean(0).numpy().copy(),
                batch.reference.rate,
                batch.transcripts[position] if batch.transcripts else None,
                batch.languages[position] if batch.languages else "",
                levels,
            )

    def take(self, result: Counted | BaseException) -> None:
        block = self._blocks.pop(0)
        if isinstance(result, BaseException):
            result = Counted(why=Why.BROKE, error=failure(result, __name__))
        self._error = self._error or result.error
        self.keep("why", torch.tensor([int(result.why)]))
        for level, pairs in enumerate(result.pairs):
            rows = torch.from_numpy(pairs).clone()
            rows[:, 1] += block * COUNTS
            append(getattr(self, f"pairs_{level}"), rows)

    def compute(self) -> dict[str, Estimate]:
        why = self.stacked("why").astype(int)
        failures, reasons = int((why != Why.COUNTED).sum()), self._reasons(why)
        if (reason := self.why_undefined) or failures == len(why):
            broken = not reason and bool((why == Why.BROKE).any())
            facts = {"failures": 0 if reason else failures, "broken": broken}
            reason = reason or f"no clip counts: {reasons}"
            return {name: self.unavailable(name, reason).model_copy(update=facts) for name in self.outputs}
        groups = torch.from_numpy(self.stacked("groups")[why == Why.COUNTED].astype(np.int64))
        sizes = np.bincount(blocks_of(groups).numpy(), minlength=MAX_BLOCKS)
        filled = np.flatnonzero(sizes)
        tables = [
            LabelTable.of(dim_zero_cat(getattr(self, f"pairs_{level}")).cpu(), book.size)
            for level, book in enumerate(self.codebooks)
        ]
        values = np.stack([table.values(filled) for table in tables])
        parts = {"": values.mean(0)}
        if len(tables) > 1:
            parts |= {f"_level_{level}": of_level for level, of_level in enumerate(values)}
        note, facts = self._note(tables, reasons), {"failures": failures}
        return {
            name + suffix: self.describe(name, _estimate(part[:, at], sizes[filled]), note).model_copy(update=facts)
            for suffix, part in parts.items()
            for at, name in enumerate(self.outputs)
        }

    def samples(self) -> dict[str, np.ndarray]:
        super().samples()
        return {}

    def _note(self, tables: Sequence[LabelTable], reasons: str) -> str:
        note = f"{sum(table.tokens for table in tables)} codes; phones by {_aligner().label}"
        pairs = [len(PHONES) * book.size for book in self.codebooks]
        if any(table.tokens < ENOUGH_TOKENS * count for table, count in zip(tables, pairs, strict=True)):
            note += f"; fewer than {ENOUGH_TOKENS} codes per pair of phone and entry, so the values are biased high"
        if bool(self.unstated):
            note += "; the dataset does not state its language: it is taken for en"
        return f"{note}; left out: {reasons}" if reasons else note

    def _reasons(self, why: np.ndarray) -> str:
        clips = Counter(why.tolist())
        error = f" ({self._error})" if self._error else ""
        return "; ".join(
            f"{clips[reason]}: {words}{error if reason is Why.BROKE else ''}"
            for reason, words in REASONS.items()
            if clips[reason]
        )


def _estimate(values: np.ndarray, sizes: np.ndarray) -> Estimate:
    """The estimate of a value ``[1 + blocks]``: of all clips, and without each block of so many clips."""
    value, without = float(values[0]), values[1:]
    if np.isnan(value):
        return Estimate(value=None, n=int(sizes.sum()), unavailable=ONE_PHONE)
    if np.isnan(without).any():
        return Estimate(value=value, n=int(sizes.sum()), method="no interval: undefined without one of the blocks")
    return block_jackknife(value, sizes, lambda j: float(without[j]))


def counted(wave: np.ndarray, rate: int, text: str | None, language: str, levels: Sequence[Level]) -> Counted:
    """The pairs of a clip, counted, or why it does not count.

    Args:
        wave: float32 ``[n]``, without padding.
        text: the transcript; None if there is none.
        language: ISO 639-1 code of what is said; empty if unknown.
    """
    if not text:
        return Counted(why=Why.NO_TRANSCRIPT)
    if language not in ("", *PhoneAligner.languages):
        return Counted(why=Why.OTHER_LANGUAGE)
    try:
        phones = _aligner().align(wave, rate, text)
    except UnknownWords:
        return Counted(why=Why.UNKNOWN_WORDS)
    except Unaligned:
        return Counted(why=Why.NOT_ALIGNED)
    pairs = []
    for level in levels:
        # One division, so that a middle that is the start of a frame is not rounded to the one before.
        places = (2 * np.arange(len(level.codes)) + 1) * FRAMES / (2 * level.rate)
        said = phones[places.astype(np.int64).clip(max=len(phones) - 1)]
        pairs.append(np.stack(np.unique(said * level.size + level.codes, return_counts=True), 1))
    return Counted(tuple(pairs))


@cache
def _aligner() -> PhoneAligner:
    """The aligner of this process; its model is loaded at the first clip."""
    return PhoneAligner()
