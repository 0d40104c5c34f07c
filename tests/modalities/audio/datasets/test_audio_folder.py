"""Any folder of sound: what is found, how it becomes samples, which transcripts it gets, when it counts as changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr
import torch
from sound_parts import RATE, cut, save, save_by_ffmpeg, tone

from bench import registry
from bench.datasets.base import BadSample, Sample
from bench.datasets.loader import ordered
from bench.errors import BenchError
from bench.modalities.audio.datasets.asterisk_prompts import AsteriskPrompts
from bench.modalities.audio.datasets.audio import AudioPreprocessing
from bench.modalities.audio.datasets.audio_folder import AudioFolder


def only(folder: Path, **settings: Any) -> Sample:
    return AudioFolder(settings, data=str(folder)).load(0)


def ids(dataset: AudioFolder) -> list[str]:
    return [dataset.id(index) for index in range(len(dataset))]


def test_the_odd_and_the_damaged_are_named_and_the_others_measured(folder: Path) -> None:
    save(folder / "eight.wav", tone(1, 8_000), 8_000)
    save(folder / "sub" / "studio.flac", tone(1, 48_000, 2), 48_000)
    save(folder / "silence.wav", np.zeros(RATE))
    save(folder / "short.wav", tone(0.1))
    save(folder / "long.wav", np.tile(tone(10), (60, 1)))
    save(folder / "loud.wav", 4 * tone(), subtype="FLOAT")
    save_by_ffmpeg(folder / "a.m4a", tone(1, 44_100, 2), "aac", 44_100)
    save(folder / "lossy.mp3", tone())
    cut(save(folder / "cut.wav", tone(1)), 0.5)
    (folder / "text.wav").write_text("Dear reader, this is no sound.")
    (folder / "empty.wav").touch()
    save(folder / ".hidden.wav", tone())
    (folder / "LICENSE").write_text("yours")
    dataset = AudioFolder(data=str(folder))
    found = {dataset.id(index): sample for index, sample in ordered(dataset, 4, 8)}
    assert list(found) == sorted(found, key=str.encode) == ids(dataset)
    bad = {name: str(sample) for name, sample in found.items() if isinstance(sample, BadSample)}
    assert bad == {
        "cut.wav": "cut off: its header states 32000 bytes, the file holds 15978",
        "empty.wav": "empty file",
        "text.wav": "not an audio file, or damaged or cut off (Invalid data found when processing input)",
    }
    good = {name: sample for name, sample in found.items() if isinstance(sample, Sample)}
    assert {name: (sample.stored, sample.conversions, sample.signal.shape[1]) for name, sample in good.items()} == {
        "a.m4a": ("44100 Hz, 2 channels", ("mixed down to mono", "downsampled"), RATE),
        "eight.wav": ("8000 Hz, 1 channel", ("upsampled",), RATE),
        "long.wav": ("16000 Hz, 1 channel", (), 600 * RATE),
        "lossy.mp3": ("16000 Hz, 1 channel", (), RATE),
        "loud.wav": ("16000 Hz, 1 channel", ("beyond full scale",), RATE),
        "short.wav": ("16000 Hz, 1 channel", (), RATE // 10),
        "silence.wav": ("16000 Hz, 1 channel", ("silent",), RATE),
        "sub/studio.flac": ("48000 Hz, 2 channels", ("mixed down to mono", "downsampled"), RATE),
    }
    for sample in good.values():
        assert (sample.rate, sample.signal.dtype, sample.signal.shape[0]) == (RATE, torch.float32, 1)
        assert (sample.transcript, sample.language) == (None, "")
    assert len({sample.group for sample in good.values()}) == len(good)
    assert [sample.id for sample in dataset] == list(good)


@pytest.mark.parametrize("channels", ["mono", "first", "all"])
@pytest.mark.parametrize("rate", [16_000, 24_000, 44_100])
def test_channels_and_rate_are_as_numpy_and_soxr_make_them(folder: Path, channels: str, rate: int) -> None:
    stereo = tone(0.5, 44_100, 2)
    save(folder / "a.wav", stereo, 44_100, subtype="FLOAT")
    expected = {"mono": stereo.mean(1, keepdims=True), "first": stereo[:, :1], "all": stereo}[channels]
    if rate != 44_100:
        expected = soxr.resample(expected, 44_100, rate, quality="VHQ")
    sample = only(folder, channels=channels, rate=rate)
    np.testing.assert_array_equal(sample.signal.numpy(), expected.T)
    assert sample.conversions == {
        "mono": ("mixed down to mono",), "first": ("first of 2 channels",), "all": (),
    }[channels] + (() if rate == 44_100 else ("downsampled",))  # fmt: skip


def test_channels_that_cancel_out_are_silence(folder: Path) -> None:
    save(folder / "a.wav", tone() * np.array([1, -1], np.float32), subtype="FLOAT")
    assert only(folder).conversions == ("mixed down to mono", "cancelled by mixing", "silent")


def test_clips_too_short_or_too_long(folder: Path) -> None:
    save(folder / "a.wav", tone(2, 8_000), 8_000)
    (folder / "a.txt").write_text("two seconds")
    with pytest.raises(BadSample, match=r"2\.000 s is shorter than 2\.5 s"):
        only(folder, min_seconds=2.5)
    with pytest.raises(BadSample, match=r"2\.000 s is longer than 1\.5 s"):
        only(folder, max_seconds=1.5)
    sample = only(folder, max_seconds=1.5, longer="cut")
    assert (sample.signal.shape[1], sample.conversions, sample.transcript) == (24_000, ("upsampled", "cut"), None)
    whole = only(folder, max_seconds=2)
    assert (whole.signal.shape[1], whole.transcript) == (32_000, "two seconds")
    assert torch.equal(whole.signal[:, :24_000], sample.signal)


def test_less_than_a_sample_is_no_clip(folder: Path) -> None:
    save(folder / "a.wav", tone(1 / 96_000, 96_000), 96_000)
    with pytest.raises(BadSample, match="less than one sample at 16000 Hz"):
        only(folder)


def test_unreadable_files_can_be_fatal(folder: Path) -> None:
    (folder / "a.wav").write_text("no sound")
    with pytest.raises(BenchError, match=r"a\.wav: not an audio file"):
        only(folder, unreadable="error")


@pytest.mark.parametrize(
    "settings, message",
    [({"longer": "cut"}, "needs max_seconds"), ({"max_seconds": 1, "min_seconds": 2}, "leaves no clip"),
     ({"rate": 7}, "rate: 7 is out of range: at least"), ({"channels": "left"}, "channels"), ({"gain": 1}, "gain")],
)  # fmt: skip
def test_settings_that_say_nothing_or_nonsense(folder: Path, settings: dict[str, Any], message: str) -> None:
    save(folder / "a.wav", tone())
    with pytest.raises(BenchError, match=f"preprocessing of audio-folder: .*{message}"):
        AudioFolder(settings, data=str(folder))


def test_every_default_is_written_out(folder: Path) -> None:
    save(folder / "a.wav", tone())
    assert AudioFolder(data=str(folder)).settings == AudioPreprocessing().model_dump() == {
        "rate": 16_000, "resampler": "soxr VHQ", "channels": "mono", "min_seconds": 0.0, "max_seconds": None,
        "longer": "skip", "unreadable": "skip",
    }  # fmt: skip


TABLES = [
    ("transcripts.tsv", "id\ttext\na.wav\tOne, two.\nsub/b\tDrei \"vier\"\nelse.wav\tunused\n"),
    ("transcripts.tsv", "text\tfile\nOne, two.\ta.wav\nDrei \"vier\"\tsub/b.flac\nunused\telse.wav\n"),
    ("transcripts.tsv", "\ufeffa\tOne, two.\r\n./sub/b.flac\tDrei \"vier\"\r\n"),
    ("transcripts.csv", 'path,transcript\na,"One, two."\nsub/b.flac,"Drei ""vier"""\n'),
]  # fmt: skip


@pytest.mark.parametrize("name, table", TABLES)
def test_transcripts_of_a_table(folder: Path, name: str, table: str) -> None:
    for path in ("a.wav", "sub/b.flac", "sub/c.wav"):
        save(folder / path, tone(0.1))
    (folder / "a.txt").write_text("a table comes first")
    (folder / name).write_text(table)
    data = AudioFolder(data=str(folder), language="de")
    samples = list(data)
    rows = "1 rows of the table of transcripts match no audio file: else.wav"
    assert data.remarks == ((rows,) if "unused" in table else ())
    assert [(sample.transcript, sample.language) for sample in samples] == [
        ("One, two.", "de"), ('Drei "vier"', "de"), (None, "de"),
    ]  # fmt: skip


def test_transcripts_beside_the_files(folder: Path) -> None:
    for path in ("a.wav", "sub/b.flac", "c.wav"):
        save(folder / path, tone(0.1))
    (folder / "a.txt").write_text("One,\n two.\n")
    (folder / "sub" / "b.txt").write_text("\n")
    assert [sample.transcript for sample in AudioFolder(data=str(folder))] == ["One, two.", None, None]


@pytest.mark.parametrize(
    "files, message",
    [({"transcripts.tsv": b"z.wav\tone\n"}, "names none of the audio files, only 'z.wav'"),
     ({"transcripts.tsv": b"a.wav\tone\na.wav\ttwo\n"}, "line 2 gives 'a.wav' another text"),
     ({"transcripts.tsv": b"a.wav one\n"}, "line 1 has 1 columns"),
     ({"transcripts.csv": b"a.wav,one, two\n"}, "line 1 has 3 columns"),
     ({"transcripts.tsv": b"", "transcripts.csv": b""}, r"has transcripts\.tsv and transcripts\.csv; keep one"),
     ({"transcripts.csv": b'a.wav,"one\nb.wav,two\nc.wav,three\n'}, "line 1: a quotation mark opens a text"),
     ({"transcripts.csv": b'b.wav,two\na.wav,"one\nc.wav,"three"\n'}, "line 2: a quotation mark opens a text"),
     ({"transcripts.csv": b"a.wav," + b"o" * 131_073}, "line 1: field larger than field limit"),
     ({"transcripts.tsv": b"a\tone\na.wav\ttwo\n"}, r"a\.wav has different texts under a\.wav and a; keep one"),
     ({"transcripts.tsv": b"path\twords\na.wav\tone\n"}, "unknown column 'words'; call the columns path and text"),
     ({"a.txt": b"\xff\xfe"}, r"a\.txt: not UTF-8")],
)  # fmt: skip
def test_transcripts_that_cannot_be_right(folder: Path, files: dict[str, bytes], message: str) -> None:
    save(folder / "a.wav", tone(0.1))
    for name, content in files.items():
        (folder / name).write_bytes(content)
    with pytest.raises(BenchError, match=message):
        AudioFolder(data=str(folder))


def test_the_fingerprint_is_of_paths_contents_and_transcripts(folder: Path) -> None:
    def fingerprint(language: str = "") -> str:
        return AudioFolder(data=str(folder), language=language).fingerprint

    save(folder / "a.wav", tone(0.1))
    seen = [fingerprint(), fingerprint("en")]
    assert fingerprint() == seen[0]
    (folder / "a.txt").write_text("one")
    seen.append(fingerprint())
    save(folder / "a.wav", tone(0.2))
    seen.append(fingerprint())
    (folder / "a.wav").rename(folder / "b.wav")
    seen.append(fingerprint())
    assert len(set(seen)) == 5


@pytest.mark.parametrize(
    "data, message",
    [(None, "--data PATH"), ("nothing", "no such folder; give a folder"), ("notes.txt", "is a file"),
     (".", "no audio files in this folder")],
)  # fmt: skip
def test_data_that_is_no_folder_of_sound(folder: Path, data: str | None, message: str) -> None:
    (folder / "notes.txt").write_text("no sound")
    with pytest.raises(BenchError, match=message):
        AudioFolder(data=None if data is None else str(folder / data))
    save(folder / "a.wav", tone(0.1))
    with pytest.raises(BenchError, match="no split 'test'; choose from all"):
        AudioFolder(data=str(folder), split="test")


def test_fit_split_is_the_same_for_every_folder_and_disjoint(folder: Path) -> None:
    save(folder / "a.wav", tone(0.1))
    fit = AudioFolder({"rate": 24_000}, data=str(folder)).fit_split()
    assert (fit.name, fit.split, fit.settings["rate"]) == ("asterisk-prompts", "fit", 24_000)
    prompt = AsteriskPrompts(split="fit").files[0].path
    (folder / "mine.g722").write_bytes(prompt.read_bytes())
    with pytest.raises(BenchError, match=r"fitted on mine\.g722"):
        AudioFolder(data=str(folder)).fit_split()


@pytest.mark.parametrize("name", ["asterisk-prompts", "librispeech", "audio-folder"])
def test_registered(name: str) -> None:
    entry = registry.get("datasets", name)
    kind = registry.load(entry.target)
    assert (kind.name, kind.modality, entry.modality) == (name, "audio", "audio")
    assert isinstance(kind.defaults, AudioPreprocessing)
    assert entry.license and entry.positional
