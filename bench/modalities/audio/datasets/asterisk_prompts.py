"""The recorded prompts of Asterisk's core sounds, as Debian packages them: real speech with transcripts."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.machine.contents import content_hashes
from bench.modalities.audio.datasets.audio import AudioDataset, AudioPreprocessing, StoredSound
from bench.modalities.audio.datasets.sound_files import stated_seconds

VOICES = {
    "en": "en_US_f_Allison",
    "es": "es_MX_f_Allison",
    "fr": "fr_CA_f_June",
    "it": "it_IT_m_Carlo",
    "ru": "ru_RU_f_IvrvoiceRU",
}
"""Folder of each language's only speaker, below Asterisk's sounds."""
ENCODINGS = (".sln16", ".g722", ".wav", ".sln", ".ulaw", ".alaw", ".gsm")
"""Endings of the prompts, best first; the first that is present is taken for all prompts."""
PACKAGED = ".g722"

EVAL_SECONDS = (2.0, 6.0)
EVAL_WORDS = 4
EVAL_SHARE = 6  # one in so many

_WORD = re.compile(r"\w+(?:['’]\w+)*")
_NOT_WORDS = re.compile(r"[][()<>{}*#]")


class AsteriskPrompts(AudioDataset):
    """Telephone prompts, each read once in a studio; one speaker per language, so nothing here speaks for voices.

    Debian has them in G.722: 16 kHz at 64 kbit/s, a lossy coding whose band ends at 7 kHz. What was lost there is
    lost in the reference already.

    A prompt is *spoken* if the list of transcripts gives it one text, with letters, and without brackets, ``*``
    or ``#``: brackets mark tones, silence, noises and notes on the recording, and the two signs stand for words
    that the list does not write. Other prompts are left out, as is a recording whose bytes an earlier prompt has.

    Splits:
        eval: spoken prompts of 2 to 6 s and at least 4 words, without digits (which may be read in several
            ways), of each wording one; of these a sixth, those whose name's sha256 is divisible by 6. A prompt
            more or less leaves the others where they are.
        fit: spoken prompts whose wording is none of eval's.
        all: every spoken prompt.

    Args:
        data: a folder with ``core-sounds-LL.txt`` or ``core-sounds-LL.txt.gz`` (lines ``NAME: TEXT``; ``;``
            begins a comment) and below it ``NAME.ENDING``, as Asterisk's archives unpack; or one in which
            Debian's packages are unpacked (``usr/share/...``). Endings: ``ENCODINGS``. Without it, the installed
            packages.
        language: ``en``, ``es`` (Mexico), ``fr`` (Canada), ``it`` or ``ru``.

    Raises:
        BenchError: there is no such language, or the prompts or their transcripts are missing.
    """

    name = "asterisk-prompts"
    splits = ("eval", "fit", "all")
    defaults = AudioPreprocessing()

    def __init__(
        self,
        settings: Mapping[str, Any] | None = None,
        split: str | None = None,
        data: str | None = None,
        *,
        language: str = "en",
    ) -> None:
        if language not in VOICES:
            raise BenchError(f"{self.name} has no language {language!r}; choose from {', '.join(VOICES)}")
        super().__init__(settings, split, data, language=language)

    def find(self) -> Sequence[StoredSound]:
        transcripts, folder = self._places()
        texts = read_transcripts(transcripts)
        ending = self._ending(folder, texts)
        self.root = folder
        spoken = [
            StoredSound(name, path, 0, text)
            for name, text in sorted(texts.items())
            if is_spoken(text) and (path := folder / f"{name}{ending}").is_file()
        ]
        spoken = _distinct(spoken, content_hashes([prompt.path for prompt in spoken]))
        # Numbered before the split is taken: a prompt's group is the same in all of them.
        spoken = [StoredSound(one.id, one.path, group, one.transcript) for group, one in enumerate(spoken)]
        if self.split == "all":
            return spoken
        chosen = _eval(spoken)
        if self.split == "eval":
            return chosen
        wordings = {_wording(prompt) for prompt in chosen}
        return [prompt for prompt in spoken if _wording(prompt) not in wordings]

    def fit_split(self) -> AsteriskPrompts | None:
        """The spoken prompts outside the split, under the same preprocessing; None if it leaves none."""
        if self.split != "eval":
            return None
        return AsteriskPrompts(self.settings, "fit", self.data, language=self.language)

    def _places(self) -> tuple[Path, Path]:
        """Paths of the list of transcripts and of the folder of prompts."""
        root = Path(self.data).expanduser().absolute() if self.data else Path("/")
        if self.data and not root.is_dir():
            raise BenchError(f"{root}: {'is a file' if root.exists() else 'no such folder'}", self._remedy())
        share = root / "usr" / "share"
        folders = [(share / "doc" / f"asterisk-core-sounds-{self.language}", share / "asterisk" / "sounds")]
        if self.data:
            folders.insert(0, (root, root))
        for documents, sounds in folders:
            for name in (f"core-sounds-{self.language}.txt", f"core-sounds-{self.language}.txt.gz"):
                if (documents / name).is_file():
                    return documents / name, sounds if sounds == root else sounds / VOICES[self.language]
        where = " or ".join(str(documents) for documents, _ in folders)
        raise BenchError(
            f"{self.name}: no core-sounds-{self.language}.txt or core-sounds-{self.language}.txt.gz in {where}",
            self._remedy(),
        )

    def _ending(self, folder: Path, names: Iterable[str]) -> str:
        names = list(names)
        endings = ENCODINGS if self.data else (PACKAGED,)
        for ending in endings:
            if any((folder / f"{name}{ending}").is_file() for name in names):
                return ending
        raise BenchError(f"{self.name}: no prompts ({', '.join(endings)}) in {folder}", self._remedy())

    def _remedy(self) -> str:
        return (
            f"on Debian or Ubuntu run: {install_command(self.language)}; elsewhere unpack them, or Asterisk's archive "
            "of the core sounds, into a folder and give it with --data PATH"
        )


def install_command(language: str) -> str:
    """The command that installs the prompts of a language on Debian or Ubuntu."""
    return f"apt-get install asterisk-core-sounds-{language} asterisk-core-sounds-{language}-{PACKAGED[1:]}"


def read_transcripts(path: Path) -> dict[str, str]:
    """Text of each prompt by its name; empty for a name that is listed with different texts.

    Raises:
        BenchError: the file cannot be read.
    """
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        lines = data.decode("utf-8-sig").splitlines()
    except (OSError, EOFError, ValueError) as error:
        raise BenchError(f"{path}: cannot be read: {error}") from error
    texts: dict[str, str] = {}
    for line in lines:
        name, colon, text = line.partition(":")
        if line.startswith(";") or not colon:
            continue
        name, text = name.strip(), text.strip()
        texts[name] = text if texts.get(name, text) == text else ""
    return texts


def is_spoken(text: str) -> bool:
    """Whether a text is what is said and nothing else."""
    return bool(_WORD.search(text)) and not _NOT_WORDS.search(text)


def _distinct(prompts: Sequence[StoredSound], hashes: Sequence[str | None]) -> list[StoredSound]:
    first: dict[str, str] = {}
    for prompt, content in zip(prompts, hashes, strict=True):
        if content:
            first.setdefault(content, prompt.id)
    return [
        prompt
        for prompt, content in zip(prompts, hashes, strict=True)
        if content is None or first[content] == prompt.id
    ]


def _eval(spoken: Sequence[StoredSound]) -> list[StoredSound]:
    chosen: dict[str, StoredSound] = {}
    for prompt in spoken:
        text = prompt.transcript or ""
        drawn = int(sha256(prompt.id.encode()).hexdigest(), 16) % EVAL_SHARE == 0
        if not drawn or len(_WORD.findall(text)) < EVAL_WORDS or re.search(r"\d", text):
            continue
        if EVAL_SECONDS[0] <= stated_seconds(prompt.path) <= EVAL_SECONDS[1]:
            chosen.setdefault(_wording(prompt), prompt)
    return list(chosen.values())


def _wording(prompt: StoredSound) -> str:
    return " ".join(_WORD.findall((prompt.transcript or "").lower()))
