"""LibriSpeech and datasets of its layout (LibriTTS does not share it)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.machine.files import read_stored
from bench.machine.folders import files_below, printable
from bench.modalities.audio.datasets.audio import AudioDataset, AudioPreprocessing, StoredSound

SUBSETS = (
    "test-clean",
    "test-other",
    "dev-clean",
    "dev-other",
    "train-clean-100",
    "train-clean-360",
    "train-other-500",
)
FITTED_ON = ("train-clean-100", "train-clean-360", "train-other-500", "dev-clean", "dev-other")
"""Subsets that tokenizers may be fitted on; the first that lies beside the measured one is taken."""
UNNAMED = "all"

_UTTERANCE = re.compile(r"(?P<speaker>\d+)/(?P<chapter>\d+)/(?P=speaker)-(?P=chapter)-\d+\.flac")


class LibriSpeech(AudioDataset):
    """Read English audiobooks, 16 kHz: ``SPEAKER/CHAPTER/SPEAKER-CHAPTER-UTTERANCE.flac``.

    The transcripts are those of ``SPEAKER-CHAPTER.trans.txt`` beside the utterances; an utterance without one has
    none. The independent unit is the speaker, the group's number is the speaker's. Order is that of the paths.

    Args:
        data: a subset's folder, such as ``LibriSpeech/test-clean``, or the folder that holds the subsets.
        split: a subset's name; by default ``test-clean``, or the only subset there is. ``all`` is a subset's
            folder of another name.

    Raises:
        BenchError: there is no such folder or subset, or none of its files has the layout.
    """

    name = "librispeech"
    splits = (*SUBSETS, UNNAMED)
    defaults = AudioPreprocessing()

    def __init__(
        self,
        settings: Mapping[str, Any] | None = None,
        split: str | None = None,
        data: str | None = None,
        *,
        language: str = "en",
    ) -> None:
        if not data:
            raise BenchError(f"{self.name} needs the folder of a subset such as test-clean; run with --data PATH")
        root = Path(data).expanduser().absolute()
        if not root.is_dir():
            kind = "is a file" if root.exists() else "no such folder"
            raise BenchError(f"{root}: {kind}; give the folder of a subset, such as test-clean")
        self.folder = _subset(root, split)
        subset = self.folder.name if self.folder.name in SUBSETS else UNNAMED
        if split not in (None, subset):
            raise BenchError(f"{self.folder}: not {split!r}; give that subset's folder, or the one that holds both")
        super().__init__(settings, subset, data, language=language)

    def find(self) -> Sequence[StoredSound]:
        self.root = self.folder
        paths = [path for path in sorted(files_below(self.folder), key=os.fsencode) if path.endswith(".flac")]
        odd = [path for path in paths if not _UTTERANCE.fullmatch(path)]
        if not paths or odd:
            what = f"{printable(odd[0])} is not" if odd else "no file is"
            raise BenchError(
                f"{self.folder}: {what} SPEAKER/CHAPTER/SPEAKER-CHAPTER-UTTERANCE.flac; "
                "give the folder of a subset of LibriSpeech, or use audio-folder"
            )
        texts: dict[str, str] = {}
        for chapter in dict.fromkeys(Path(path).parent for path in paths):
            texts |= _transcripts(self.folder / chapter / f"{'-'.join(chapter.parts)}.trans.txt")
        return [
            StoredSound(
                path.removesuffix(".flac"), self.folder / path, int(path.split("/")[0]), texts.get(Path(path).stem)
            )
            for path in paths
        ]

    def fit_split(self) -> LibriSpeech | None:
        """The first of ``FITTED_ON`` beside this subset, without the speakers they share; None if there is none."""
        for name in FITTED_ON:
            if name != self.folder.name and (self.folder.parent / name).is_dir():
                fit = LibriSpeech(self.settings, name, str(self.folder.parent / name), language=self.language)
                measured = {file.group for file in self.files}
                fit.files = [file for file in fit.files if file.group not in measured]
                return fit if fit.files else None
        return None


def _subset(root: Path, split: str | None) -> Path:
    """The subset's folder: ``root`` itself unless it holds folders with names of subsets."""
    there = [name for name in SUBSETS if (root / name).is_dir()]
    if not there:
        return root
    if split is None and len(there) > 1 and SUBSETS[0] not in there:
        raise BenchError(f"{root}: holds {', '.join(there)}; give the folder of one of them")
    wanted = split or (there[0] if len(there) == 1 else SUBSETS[0])
    if wanted not in there:
        raise BenchError(f"{root}: has no {wanted}; choose from {', '.join(there)}")
    return root / wanted


def _transcripts(path: Path) -> dict[str, str]:
    """Text of each utterance by its name; nothing where the chapter has no transcripts."""
    try:
        lines = read_stored(path).decode("utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise BenchError(f"{path}: cannot be read: {error}") from error
    texts: dict[str, str] = {}
    for line in filter(str.strip, lines):
        name, _, text = line.partition(" ")
        if texts.setdefault(name, text.strip()) != text.strip():
            raise BenchError(f"{path}: two texts for {name}; keep one")
    return {name: text for name, text in texts.items() if text}
