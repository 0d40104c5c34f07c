"""LibriSpeech's layout: subsets, speakers, transcripts."""

from __future__ import annotations

from pathlib import Path

import pytest
from sound_parts import save, tone

from bench.errors import BenchError
from bench.modalities.audio.datasets.librispeech import LibriSpeech

CHAPTERS = {(1089, 134686): 3, (1089, 134691): 1, (121, 121726): 2}


def make(root: Path, chapters: dict[tuple[int, int], int] = CHAPTERS) -> Path:
    for (speaker, chapter), count in chapters.items():
        folder = root / str(speaker) / str(chapter)
        names = [f"{speaker}-{chapter}-{number:04}" for number in range(count)]
        for number, name in enumerate(names):
            save(folder / f"{name}.flac", tone(0.2 + 0.1 * number))
        lines = [f"{name} WORD {name[-1]}\n" for name in names[:2]]
        (folder / f"{speaker}-{chapter}.trans.txt").write_text("".join(lines))
    return root


@pytest.fixture
def subset(folder: Path) -> Path:
    return make(folder / "LibriSpeech" / "test-clean")


@pytest.mark.parametrize("data", ["test-clean", "."])
def test_utterances_speakers_and_transcripts(subset: Path, data: str) -> None:
    dataset = LibriSpeech(data=str(subset.parent / data))
    assert [(sample.id, sample.group, sample.transcript, sample.language) for sample in dataset] == [
        ("1089/134686/1089-134686-0000", 1089, "WORD 0", "en"),
        ("1089/134686/1089-134686-0001", 1089, "WORD 1", "en"),
        ("1089/134686/1089-134686-0002", 1089, None, "en"),
        ("1089/134691/1089-134691-0000", 1089, "WORD 0", "en"),
        ("121/121726/121-121726-0000", 121, "WORD 0", "en"),
        ("121/121726/121-121726-0001", 121, "WORD 1", "en"),
    ]
    assert (dataset.split, len(dataset), dataset.load(1).signal.shape) == ("test-clean", 6, (1, 4800))
    assert dataset.fit_split() is None


def test_a_chapter_without_transcripts(subset: Path) -> None:
    (subset / "121" / "121726" / "121-121726.trans.txt").unlink()
    assert [file.transcript for file in LibriSpeech(data=str(subset)).files[-2:]] == [None, None]


def test_the_fit_split_is_another_subset_without_the_measured_speakers(subset: Path) -> None:
    make(subset.parent / "dev-clean", {(84, 121123): 1, (121, 1): 1})
    make(subset.parent / "test-other", {(367, 130732): 1})
    dataset = LibriSpeech({"rate": 24_000}, data=str(subset))
    fit = dataset.fit_split()
    assert fit is not None
    assert (fit.split, [file.group for file in fit.files], fit.settings["rate"]) == ("dev-clean", [84], 24_000)
    assert fit.fit_split() is None
    make(subset.parent / "train-clean-100", {(103, 1240): 1})
    fit = dataset.fit_split()
    assert fit is not None and fit.split == "train-clean-100"


def test_which_subset_is_meant(subset: Path, folder: Path) -> None:
    other = make(subset.parent / "dev-other", {(116, 288045): 1})
    root = str(subset.parent)
    assert LibriSpeech(data=root).split == "test-clean"
    assert LibriSpeech(data=root, split="dev-other").split == LibriSpeech(data=str(other)).split == "dev-other"
    with pytest.raises(BenchError, match="has no train-clean-100; choose from test-clean, dev-other"):
        LibriSpeech(data=root, split="train-clean-100")
    with pytest.raises(BenchError, match="not 'test-clean'"):
        LibriSpeech(data=str(other), split="test-clean")
    subset.rename(subset.with_name("mine"))
    assert LibriSpeech(data=root).split == "dev-other", "the only one"
    assert LibriSpeech(data=str(subset.with_name("mine"))).split == "all"
    make(subset.parent / "dev-clean", {(84, 121123): 1})
    with pytest.raises(BenchError, match="holds dev-clean, dev-other; give the folder of one"):
        LibriSpeech(data=root)


def test_what_is_no_librispeech(folder: Path) -> None:
    for data, message in ((None, "run with --data PATH"), ("none", "no such folder"), (".", "no file is SPEAKER")):
        with pytest.raises(BenchError, match=message):
            LibriSpeech(data=data and str(folder / data))
    save(folder / "84" / "1" / "84_1_000.flac", tone(0.1))
    with pytest.raises(BenchError, match=r"84/1/84_1_000\.flac is not SPEAKER/CHAPTER/.*audio-folder"):
        LibriSpeech(data=str(folder))


def test_transcripts_decide_the_fingerprint(subset: Path) -> None:
    first = LibriSpeech(data=str(subset)).fingerprint
    assert LibriSpeech(data=str(subset.parent)).fingerprint == first
    table = subset / "121" / "121726" / "121-121726.trans.txt"
    lines = [line for line in table.read_text().splitlines() if not line.startswith("121-121726-0001 ")]
    table.write_text("\n".join([*lines, "121-121726-0001 ANOTHER", ""]))
    assert LibriSpeech(data=str(subset)).fingerprint != first
    table.write_text("\n".join([*lines, "121-121726-0001 ANOTHER", "121-121726-0001 YET ANOTHER"]))
    with pytest.raises(BenchError, match="two texts for 121-121726-0001; keep one"):
        LibriSpeech(data=str(subset))
