"""Any folder of audio files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from bench.datasets.base import Dataset
from bench.errors import BenchError
from bench.machine.folders import files_below, printable
from bench.modalities.audio.datasets.asterisk_prompts import AsteriskPrompts
from bench.modalities.audio.datasets.audio import AudioDataset, AudioPreprocessing, StoredSound
from bench.modalities.audio.datasets.sound_files import EXTENSIONS
from bench.modalities.audio.datasets.transcript_table import transcripts_of

SURPLUS_NAMED = 5


class AudioFolder(AudioDataset):
    """All audio files below a folder, in the order of their paths; each file is an independent unit.

    A file is taken for audio by its name's ending (``EXTENSIONS``); if it is not, it is counted and named. The
    order is that of the paths' bytes, whatever the locale. Hidden files and folders (``.name``) are left out.
    Links are followed; each folder is read once, so loops end.

    Transcripts are optional: the folder's ``transcripts.tsv`` (or ``.csv``) of two columns, the file's path with or
    without its ending and its text, under a header ``id``, ``text`` or none; or else ``NAME.txt`` beside each file.

    Args:
        data: the folder.
        language: ISO 639-1 code of the transcripts (``en``); empty if unknown.
    """

    name = "audio-folder"
    splits = ("all",)
    defaults = AudioPreprocessing()

    def find(self) -> Sequence[StoredSound]:
        if not self.data:
            raise BenchError(f"{self.name} needs a folder; run with --data PATH")
        self.root = root = Path(self.data).expanduser().absolute()
        try:
            if not root.is_dir():
                kind = "is a file" if root.exists() else "no such folder"
                raise BenchError(f"{root}: {kind}; give a folder of audio files")
        except PermissionError as error:
            raise BenchError(f"{root}: {error.strerror}; make it readable") from error
        paths = [path for path in files_below(root) if Path(path).suffix.lower() in EXTENSIONS]
        if not paths:
            raise BenchError(
                f"{root}: no audio files in this folder or below it; hidden files are left out, and those whose "
                f"names do not end in {' '.join(sorted(EXTENSIONS))}"
            )
        paths.sort(key=os.fsencode)
        texts, surplus = transcripts_of(root, paths)
        if surplus:
            named = ", ".join(surplus[:SURPLUS_NAMED]) + (" and others" if len(surplus) > SURPLUS_NAMED else "")
            self.remarks = (f"{len(surplus)} rows of the table of transcripts match no audio file: {named}",)
        return [
            StoredSound(printable(path), root / path, group, text)
            for group, (path, text) in enumerate(zip(paths, texts, strict=True))
        ]

    def fit_split(self) -> Dataset:
        """The fit split of asterisk-prompts at this protocol's rate: what is fitted is the same for every folder.

        Raises:
            BenchError: the prompts are not installed, or the folder holds one of them.
        """
        fit = AsteriskPrompts({"rate": self.preprocessing.rate}, "fit")
        fitted = set(fit.hashes)
        both = [file.id for file, sha256 in zip(self.files, self.hashes, strict=True) if sha256 and sha256 in fitted]
        if both:
            raise BenchError(
                f"{self.data}: tokenizers are fitted on {', '.join(both)} ({fit.name}, split {fit.split}), so they "
                "cannot be measured here; move these files out of the folder"
            )
        return fit
