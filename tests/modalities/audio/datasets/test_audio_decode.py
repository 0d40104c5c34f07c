"""Sound files: what is read exactly, what is refused and with which words."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from sound_parts import RATE, cut, save, save_by_ffmpeg, tone

from bench.datasets.base import BadSample
from bench.modalities.audio.datasets import sound_files
from bench.modalities.audio.datasets.sound_files import RAW, decode_sound, stated_seconds

STEREO = tone(1.0, channels=2)


@pytest.mark.parametrize(
    "ending, subtype, step",
    [("wav", "PCM_16", 2**-15), ("flac", "PCM_24", 2**-23), ("wav", "FLOAT", 0), ("aiff", "PCM_16", 2**-15),
     ("au", "PCM_16", 2**-15), ("caf", "PCM_24", 2**-23), ("w64", "PCM_16", 2**-15)],
)  # fmt: skip
def test_lossless_files_give_their_samples(tmp_path: Path, ending: str, subtype: str, step: float) -> None:
    sound = decode_sound(save(tmp_path / f"a.{ending}", STEREO, 44_100, subtype=subtype))
    assert (sound.samples.shape, sound.rate, sound.samples.dtype) == ((2, RATE), 44_100, np.float32)
    np.testing.assert_allclose(sound.samples, STEREO.T, rtol=0, atol=step)


@pytest.mark.parametrize("ending", ["mp3", "ogg"])
def test_lossy_files_keep_their_length_and_time(tmp_path: Path, ending: str) -> None:
    assert error_of(decode_sound(save(tmp_path / f"a.{ending}", STEREO)).samples) < 0.1


@pytest.mark.parametrize(
    "name, codec, rate",
    [("a.m4a", "aac", RATE), ("a.mp4", "aac", RATE), ("a.webm", "libopus", 48_000), ("a.mkv", "flac", RATE),
     ("a.mov", "pcm_s16le", RATE), ("a.mp3", "libmp3lame", RATE), ("a.opus", "libopus", 48_000)],
)  # fmt: skip
def test_containers_read_by_ffmpeg_keep_their_length_and_time(tmp_path: Path, name: str, codec: str, rate: int) -> None:
    stereo = tone(1.0, rate, 2)
    sound = decode_sound(save_by_ffmpeg(tmp_path / name, stereo, codec, rate))
    assert (sound.rate, sound.notes) == (rate, ())
    assert error_of(sound.samples, stereo) < 0.2


def error_of(samples: np.ndarray, stereo: np.ndarray = STEREO) -> float:
    """Energy of the difference against that of the original, without the edges."""
    assert samples.shape == stereo.T.shape
    inside = slice(2000, -2000)
    return float(((samples - stereo.T)[:, inside] ** 2).sum() / (stereo.T[:, inside] ** 2).sum())


@pytest.mark.parametrize("ending", [".g722", ".gsm", ".ulaw", ".alaw", ".sln", ".sln16"])
def test_telephony_files_without_header(tmp_path: Path, ending: str) -> None:
    raw = RAW[ending]
    codec = {".g722": "g722", ".gsm": None, ".ulaw": "pcm_mulaw", ".alaw": "pcm_alaw"}.get(ending, "pcm_s16le")
    path = tmp_path / f"a{ending.upper()}"
    mono = tone(1.0, raw.rate)
    if codec is None:
        save(path, mono, raw.rate, format="RAW", subtype="GSM610")
    else:
        with av.open(str(path), "w", format=raw.format) as container:
            stream = container.add_stream(codec, rate=raw.rate, layout="mono")
            frame = av.AudioFrame.from_ndarray((mono.T * 32768).astype(np.int16), format="s16", layout="mono")
            frame.sample_rate = raw.rate
            container.mux([*stream.encode(frame), *stream.encode(None)])
    sound = decode_sound(path)
    assert sound.rate == raw.rate
    assert sound.samples.shape[1] == pytest.approx(raw.rate, abs=160)
    assert stated_seconds(path.rename(tmp_path / f"a{ending}")) == pytest.approx(sound.samples.shape[1] / raw.rate)
    shift = 22 if ending == ".g722" else 0  # the filter bank's delay, which the coding has and we do not hide
    found, original = sound.samples[0, shift:7600], mono[: 7600 - shift, 0]
    assert np.corrcoef(found, original)[0, 1] > 0.97


@pytest.mark.parametrize("share", [0.3, 0.9])
@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3", "aiff", "au", "caf", "w64", "rf64"])
def test_files_cut_off_are_refused(tmp_path: Path, ending: str, share: float) -> None:
    path = save(tmp_path / f"a.{ending}", tone(3.0, channels=2), format=ending.upper())
    with pytest.raises(BadSample, match="cut off"):
        decode_sound(cut(path, share))


@pytest.mark.parametrize("share", [0.3, 0.9])
@pytest.mark.parametrize("name, codec, options", [
    ("a.m4a", "aac", {}), ("fast.m4a", "aac", {"movflags": "+faststart"}), ("a.mov", "pcm_s16le", {}),
    ("a.mkv", "flac", {}), ("a.webm", "libopus", {}), ("a.opus", "libopus", {}),
])  # fmt: skip
def test_containers_cut_off_are_refused(
    tmp_path: Path, name: str, codec: str, options: dict[str, Any], share: float
) -> None:
    path = save_by_ffmpeg(tmp_path / name, tone(3.0, 48_000, 2), codec, 48_000, **options)
    with pytest.raises(BadSample, match="cut off"):
        decode_sound(cut(path, share))


def test_a_few_bytes_less_than_the_index_lists_are_noticed(tmp_path: Path) -> None:
    path = save_by_ffmpeg(tmp_path / "a.mov", tone(3.0), "pcm_s16le", movflags="+faststart")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(BadSample, match="cut off"):
        decode_sound(path)


@pytest.mark.parametrize("stated", [0xFFFFFFFF, 0x7FFFF000])
def test_a_header_written_before_the_sound_was_known_is_no_lie(tmp_path: Path, stated: int) -> None:
    data = save(tmp_path / "a.wav", STEREO).read_bytes()
    at = data.index(b"data") + 4
    (tmp_path / "a.wav").write_bytes(data[:at] + struct.pack("<I", stated) + data[at + 4 :])
    assert decode_sound(tmp_path / "a.wav").samples.shape == (2, RATE)


@pytest.mark.parametrize(
    ("ending", "field", "stated"),
    [
        ("wav", b"data", struct.pack("<I", 1000)),
        ("wav", b"data", struct.pack("<I", 0)),
        ("aiff", b"SSND", struct.pack(">I", 1008)),
        ("caf", b"data", struct.pack(">q", 1004)),
        ("au", b".snd\0\0\0\x18", struct.pack(">I", 1000)),
        ("rf64", b"ds64\x1c\0\0\0" + struct.pack("<Q", 32096), struct.pack("<Q", 1000)),
        ("mp3", b"Xing\0\0\0\x0f", struct.pack(">I", 5)),
        ("flac", b"\x03\xe8\x00\xf0", struct.pack(">I", 500)),
    ],
)
def test_a_header_that_states_less_than_the_file_holds_is_refused(
    tmp_path: Path, ending: str, field: bytes, stated: bytes
) -> None:
    """Players stop where it says: 31 ms of a second."""
    path = save(tmp_path / f"a.{ending}", tone())
    data = path.read_bytes()
    at = data.index(field) + len(field)
    path.write_bytes(data[:at] + stated + data[at + len(stated) :])
    with pytest.raises(BadSample, match=r"damaged: its header states [\d.]+ .*(more follow|holds 1\.\d+ s)"):
        decode_sound(path)


@pytest.mark.parametrize("ending", ["wav", "mp3", "ogg", "aiff"])
def test_a_second_file_put_behind_the_first_is_noticed(tmp_path: Path, ending: str) -> None:
    path = save(tmp_path / f"a.{ending}", tone())
    path.write_bytes(path.read_bytes() * 2)
    with pytest.raises(BadSample, match=r"its header states|several Ogg files in one"):
        decode_sound(path)


@pytest.mark.parametrize("samples", [16_000, 15_999])
@pytest.mark.parametrize(
    "behind",
    [
        *(b"LIST\x04\0\0\0INFO", b"LIST\xff\0\0\0INFO", b"id3 \x03\0\0\0abc", b"TAG" + bytes(125)),
        *(b"ID3\x04" + bytes(range(200)), bytes(999), b"\0\1"),
    ],
)
def test_what_programs_write_behind_the_sound_is_no_lie(tmp_path: Path, behind: bytes, samples: int) -> None:
    path = save(tmp_path / "a.wav", tone()[:samples], subtype="PCM_U8")
    path.write_bytes(path.read_bytes() + behind)
    assert decode_sound(path).samples.shape == (1, samples)


def test_a_flac_of_unknown_length_is_read_to_its_end(tmp_path: Path) -> None:
    data = bytearray(save(tmp_path / "a.flac", STEREO).read_bytes())
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    (tmp_path / "a.flac").write_bytes(data)
    assert decode_sound(tmp_path / "a.flac").samples.shape == (2, RATE)


@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.flac", "a.m4a", "a.ogg", "a.webm"])
@pytest.mark.parametrize(
    "content, message",
    [(b"", "empty file"), (b"Dear reader, this is no sound.\n" * 300, "not an audio file"),
     (b"#EXTM3U\n#EXTINF:1,\nhttp://localhost/a.aac\n#EXT-X-ENDLIST\n", "not an audio file"),
     (np.random.default_rng(5).bytes(20_000), "not an audio file")],
    ids=["empty", "text", "playlist", "noise"],
)  # fmt: skip
def test_what_is_no_sound_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadSample, match=message):
        decode_sound(tmp_path / name)


@pytest.mark.parametrize(
    "samples, message",
    [(np.zeros((0, 1)), "no samples"), (np.array([0.1, np.nan]), "NaN"), (np.array([0.1, np.inf]), "infinite")],
)
def test_samples_that_cannot_be_measured_are_refused(tmp_path: Path, samples: np.ndarray, message: str) -> None:
    with pytest.raises(BadSample, match=message):
        decode_sound(save(tmp_path / "a.wav", samples, subtype="FLOAT"))


def test_files_without_sound_or_out_of_reach(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width = stream.height = 64
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        container.mux([*stream.encode(frame), *stream.encode(None)])
    with pytest.raises(BadSample, match="no audio track"):
        decode_sound(tmp_path / "a.mp4")
    with pytest.raises(BadSample, match="cannot be read: No such file"):
        decode_sound(tmp_path / "none.wav")


def test_too_much_sound_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sound_files, "MAX_VALUES", 20_000)
    save(tmp_path / "a.wav", STEREO)
    save_by_ffmpeg(tmp_path / "a.m4a", STEREO, "aac")
    for name in ("a.wav", "a.m4a"):
        with pytest.raises(BadSample, match="more than 20000 samples in all channels"):
            decode_sound(tmp_path / name)


def test_a_rate_nobody_records_at_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSample, match="8 Hz, 1 channels"):
        decode_sound(save(tmp_path / "a.wav", tone(), 8))


def test_several_tracks_and_floats_beyond_full_scale_are_noted(tmp_path: Path) -> None:
    two = decode_sound(save_by_ffmpeg(tmp_path / "a.mkv", STEREO, "flac", tracks=2))
    assert (two.notes, two.samples.shape) == (("first of 2 sound tracks",), (2, RATE))
    loud = decode_sound(save(tmp_path / "a.wav", 5 * STEREO, subtype="FLOAT"))
    assert loud.notes == ("beyond full scale",)
    np.testing.assert_array_equal(loud.samples, 5 * STEREO.T)
