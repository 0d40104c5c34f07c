"""Audio files to float samples: what is read, what is noted, what is rejected and why.

libsndfile reads what it knows (wav, flac, ogg, mp3, aiff, au, caf), FFmpeg through PyAV the rest (m4a, webm, the
audio of videos) and telephony's files without a header (g722, gsm, law-coded and plain samples), whose coding
their names give. A file that holds less audio than it states is rejected, never taken for a shorter clip, wherever
the format lets one see it: not in files without a header, nor in plain AAC or MP3 streams. So is one that holds more.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from bench.datasets.base import BadSample
from bench.machine.files import MOST_BYTES_OF_A_SAMPLE, open_stored
from bench.modalities.audio.datasets.sound_headers import reject_uncounted, reject_understated

MAX_VALUES = 2**28
"""Most samples times channels of one file: a gibibyte, an hour and a half of mono at 48 kHz."""
RATES = (1_000, 768_000)
"""Lowest and highest sample rate that is accepted."""


class Raw(NamedTuple):
    """A coding of audio without a header: FFmpeg's name of it, samples and bytes per second."""

    format: str
    rate: int
    bytes_per_second: int


RAW = {
    ".g722": Raw("g722", 16_000, 8_000),
    ".gsm": Raw("gsm", 8_000, 1_650),
    ".ulaw": Raw("mulaw", 8_000, 8_000),
    ".alaw": Raw("alaw", 8_000, 8_000),
    ".sln": Raw("s16le", 8_000, 16_000),
    ".sln16": Raw("s16le", 16_000, 32_000),
}
"""Codings of mono audio by the endings Asterisk gives them."""

EXTENSIONS = frozenset(
    f".{ending}"
    for endings in (
        "3gp aac ac3 aif aifc aiff amr ape au avi caf flac m4a m4b mka mkv mov mp2 mp3 mp4 mpga oga ogg opus rf64",
        "snd spx sph tta w64 wav wave weba webm wma wv",
    )
    for ending in endings.split()
) | frozenset(RAW)
"""Endings, in lower case, of the files that are taken for audio."""

# With a signature of their own: none that a text or another file may resemble.
_SNDFILE_FORMATS = frozenset({"WAV", "WAVEX", "RF64", "W64", "FLAC", "OGG", "MP3", "AIFF", "AU", "CAF", "NIST"})
# None that opens other files or addresses.
_FFMPEG_FORMATS = "aac,ac3,aiff,amr,ape,asf,au,avi,caf,eac3,flac,flv,matroska,mov,mp3,mpeg,mpegts,ogg,tta,w64,wav,wv"
_STATE_DURATION = ("asf", "avi", "matroska", "mov")
_SHORT_SECONDS = 0.1  # what containers' durations may differ from the audio's by: a frame, and their rounding
_MP3_FRAME = 1152
_BLOCK = 2**20

# libsndfile mends a header that states more than the file holds, and says so in its log alone.
_LOGGED_SIZE = {"WAV": "data", "WAVEX": "data", "AIFF": "SSND", "AU": "Data Size", "W64": "riff", "RF64": "Riff size"}
_UNKNOWN_SIZE = 0x7FFFF000  # this and more is what writes a header before the audio is known
_UNKNOWN_FRAMES = 2**62
_PADDING_BYTES = 8

_OGG_PAGE_HEADER = 27
_OGG_LARGEST_PAGE = _OGG_PAGE_HEADER + 255 + 255 * 255
_OGG_ENDS_STREAM = 4


@dataclass(frozen=True)
class Sound:
    """The contents of an audio file.

    Attributes:
        samples: float32 ``[channels, time]``; in [-1, 1] unless the file holds floats beyond it.
        rate: samples per second.
        notes: what a reader should know of the file.
    """

    samples: np.ndarray
    rate: int
    notes: tuple[str, ...] = ()


def decode_sound(path: Path) -> Sound:
    """All audio of a file at its own rate; the first track if there are several.

    Raises:
        BadSample: the file cannot be read, is not audio, is damaged or cut off, states less than it holds, is empty
            or too long, or has samples that are not finite.
    """
    try:
        # Without a buffer, so that the file descriptor stands where the stream does.
        stream = open_stored(path, buffering=0, most=MOST_BYTES_OF_A_SAMPLE)
    except OSError as error:
        raise BadSample(f"cannot be read: {error.strerror}") from error
    with stream:
        if os.fstat(stream.fileno()).st_size == 0:
            raise BadSample("empty file")
        try:
            sound = _decoded(stream, RAW.get(path.suffix.lower()))
        except (BadSample, MemoryError):
            raise
        except Exception as error:  # on damaged files the parsers raise whatever they stumble over
            raise BadSample(f"damaged or cut off; decoding it fails: {error or type(error).__name__}") from error
    if not sound.samples.size:
        raise BadSample("holds no samples")
    if not np.isfinite(sound.samples).all():
        raise BadSample("holds samples that are NaN or infinite")
    if np.abs(sound.samples).max() > 1:
        return Sound(sound.samples, sound.rate, (*sound.notes, "beyond full scale"))
    return sound


def stated_seconds(path: Path) -> float:
    """Duration in seconds by the file's size or header, without decoding it; NaN if neither states it."""
    import soundfile

    raw = RAW.get(path.suffix.lower())
    try:
        return path.stat().st_size / raw.bytes_per_second if raw else float(soundfile.info(os.fsencode(path)).duration)
    except (OSError, soundfile.SoundFileError):
        return float("nan")


def _decoded(stream: IO[bytes], raw: Raw | None) -> Sound:
    if raw:
        return _by_ffmpeg(stream, raw)
    _reject_cut_ogg(stream)
    reject_understated(stream)
    return _by_libsndfile(stream) or _by_ffmpeg(stream, None)


def _by_libsndfile(stream: IO[bytes]) -> Sound | None:
    """None where the format is not one that libsndfile reads well."""
    import soundfile

    stream.seek(0)
    try:
        # By descriptor: libsndfile does not use the name's ending, which need not be text.
        file = soundfile.SoundFile(stream.fileno(), closefd=False)
    except soundfile.LibsndfileError as error:
        if "malformed" in str(error):
            raise BadSample("damaged or cut off at its beginning") from error
        return None
    with file:
        # Of a FLAC that does not state its length soundfile reads one block only.
        if file.format not in _SNDFILE_FORMATS or file.frames >= _UNKNOWN_FRAMES:
            return None
        _reject_odd(file.samplerate, file.channels)
        _reject_cut_header(file.format, file.extra_info)
        _reject_long(file.frames * file.channels)
        blocks: list[np.ndarray] = []
        count = 0
        while not blocks or len(blocks[-1]) == _BLOCK:
            blocks.append(file.read(_BLOCK, dtype="float32", always_2d=True))
            count += len(blocks[-1])
        if file.frames - count > (_MP3_FRAME if file.format == "MP3" else 0):
            raise _cut_off(file.frames / file.samplerate, count / file.samplerate)
        reject_uncounted(stream, file.format, count, file.samplerate)
        return Sound(np.ascontiguousarray(np.concatenate(blocks).T), file.samplerate)


def _by_ffmpeg(stream: IO[bytes], raw: Raw | None) -> Sound:
    import av

    stream.seek(0)
    options = {"format_whitelist": raw.format if raw else _FFMPEG_FORMATS}
    if raw and raw.format != "g722":
        options["sample_rate"] = str(raw.rate)
    try:
        container = av.open(
            _Nameless(stream), format=raw.format if raw else None, options=options, metadata_errors="replace"
        )
    except av.FFmpegError as error:
        raise BadSample(f"not an audio file, or damaged or cut off ({error.strerror})") from error
    with container:
        if not container.streams.audio:
            raise BadSample("holds no audio track")
        track = container.streams.audio[0]
        samples, rate = _track_samples(container, track)
        seconds = samples.shape[1] / rate
        stated = None if raw else _track_seconds(container, track)
        if stated is not None and stated - seconds > _SHORT_SECONDS:
            raise _cut_off(stated, seconds)
        if stated is not None and container.format.name.startswith("mov"):
            # The last frame is filled up; the track's duration states where the audio ends.
            length = round(stated * rate)
            if 0 < samples.shape[1] - length < (track.codec_context.frame_size or 1):
                samples = samples[:, :length]
        tracks = len(container.streams.audio)
        return Sound(samples, rate, (f"first of {tracks} sound tracks",) if tracks > 1 else ())


class _Nameless:
    """A stream by its contents alone: FFmpeg takes anything called .flac for FLAC."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.read, self.seek, self.tell = stream.read, stream.seek, stream.tell


def _track_samples(container: Any, track: Any) -> tuple[np.ndarray, int]:
    """float32 ``[channels, time]`` and the rate of what comes out, which a header may understate.

    BadSample where FFmpeg marks a part as damaged.
    """
    import av

    to_float = av.AudioResampler(format="fltp")
    blocks: list[np.ndarray] = []
    count, rate, channels = 0, 0, 0
    for packet in container.demux(track):
        if packet.is_corrupt:
            raise BadSample(f"damaged or cut off after {count / rate if rate else 0:.3f} s")
        for frame in packet.decode():
            if not rate:
                rate, channels = frame.sample_rate, frame.layout.nb_channels
                _reject_odd(rate, channels)
            if (frame.sample_rate, frame.layout.nb_channels) != (rate, channels):
                raise BadSample("changes its sample rate or channels midway")
            blocks += [part.to_ndarray() for part in to_float.resample(frame)]
            count += frame.samples
            _reject_long(count * channels)
    if not blocks:
        raise BadSample("holds no samples")
    return np.ascontiguousarray(np.concatenate(blocks, axis=1), dtype=np.float32), rate


def _track_seconds(container: Any, track: Any) -> float | None:
    """Seconds of the track as the container states them; None if it states none, or guesses from the size."""
    if not container.format.name.startswith(_STATE_DURATION):
        return None
    if track.duration is not None:
        return float(track.duration * track.time_base)
    if duration := re.fullmatch(r"(\d+):(\d+):([\d.]+)", track.metadata.get("DURATION", "")):
        hours, minutes, seconds = duration.groups()
        return 3600 * int(hours) + 60 * int(minutes) + float(seconds)
    only = len(container.streams) == 1 and container.duration is not None
    return container.duration / 1_000_000 if only else None


def _reject_cut_header(format_name: str, log: str) -> None:
    key = _LOGGED_SIZE.get(format_name)
    logged = re.search(rf"^\s*{key}\s*: (\d+) \(should be (\d+)\)", log, re.MULTILINE) if key else None
    if logged:
        stated, held = int(logged[1]), int(logged[2])
        if held + _PADDING_BYTES < stated < _UNKNOWN_SIZE:
            raise BadSample(f"cut off: its header states {stated} bytes, the file holds {held}")


def _reject_cut_ogg(stream: IO[bytes]) -> None:
    """An Ogg file ends with a whole page that is marked as the stream's last."""
    stream.seek(0)
    if stream.read(4) != b"OggS":
        return
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - _OGG_LARGEST_PAGE))
    end = stream.read()
    at = end.rfind(b"OggS")
    page = end[at:] if at >= 0 else b""
    segments = page[_OGG_PAGE_HEADER - 1] if len(page) >= _OGG_PAGE_HEADER else 0
    whole = _OGG_PAGE_HEADER + segments + sum(page[_OGG_PAGE_HEADER : _OGG_PAGE_HEADER + segments])
    if len(page) < whole or not page[5] & _OGG_ENDS_STREAM:
        raise BadSample("cut off: its last Ogg page does not end the stream")


def _reject_odd(rate: int, channels: int) -> None:
    if not RATES[0] <= rate <= RATES[1] or channels < 1:
        raise BadSample(f"{rate} Hz, {channels} channels; between {RATES[0]} and {RATES[1]} Hz are read")


def _reject_long(values: int) -> None:
    if values > MAX_VALUES:
        raise BadSample(f"more than {MAX_VALUES} samples in all channels; cut it into clips")


def _cut_off(stated: float, held: float) -> BadSample:
    return BadSample(f"cut off: its header states {stated:.3f} s, the file holds {held:.3f} s")
