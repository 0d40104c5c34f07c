"""Audio files whose headers state less than they hold: players stop where the header says, and so would a benchmark.

The containers of plain samples (WAV, AIFF, AU, CAF) state the bytes of audio, and all that follows has to be parts of
the container too, or one of the tags that other programs append. Ogg files may not begin again. What FLAC and MP3
streams hold is counted frame by frame.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import IO

from bench.datasets.base import BadSample

_TAGS = (b"TAG", b"ID3", b"APETAGEX", b"LYRICSBEGIN")
_FEW_BYTES = 8
"""Bytes that a program may leave after the last part: less than a sample of all channels."""
_CONTAINERS = (b"RIFF", b"RIFX", b"RF64", b"FORM")
_LARGE_SIZES = b"ds64"
_MAY_BE_CUT = frozenset({b"data", b"SSND", b"LIST", b"id3 ", b"ID3 ", b"bext", b"iXML", b"JUNK", b"PEAK", b"fact"})
"""Parts that are what they say even where the file ends before them."""
_LARGEST_SIZE = 0x7FFFF000  # this and more is what writes a header before the audio is known
_OGG_HEADER, _OGG_BEGINS_STREAM = 27, 2
_COUNTED = {"FLAC": "flac", "MP3": "mp3"}
# What an encoder adds before and after the audio, as LAME states it in two numbers of 12 bits, and a frame.
_SLACK = {"FLAC": 0, "MP3": 2 * 4096 + 1152}


def reject_understated(stream: IO[bytes]) -> None:
    """Raise BadSample if a container holds more audio than its header states; leaves the stream anywhere."""
    stream.seek(0)
    head = stream.read(32)
    size = os.fstat(stream.fileno()).st_size
    if head[:4] in (b"RIFF", b"RIFX", b"RF64") and head[8:12] == b"WAVE":
        _check_parts(stream, 12, ">4sI" if head[:4] == b"RIFX" else "<4sI", b"data", size)
    elif head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        _check_parts(stream, 12, ">4sI", b"SSND", size)
    elif head[:4] == b"caff":
        _check_parts(stream, 8, ">4sq", b"data", size)
    elif head[:4] == b".snd" and len(head) == 32:
        start, stated = struct.unpack(">II", head[4:12])
        if stated < _LARGEST_SIZE:
            _reject_rest(stream, start + stated, size, stated)
    elif head[:4] == b"OggS":
        _reject_second_ogg(stream, size)


def reject_uncounted(stream: IO[bytes], format_name: str, count: int, rate: int) -> None:
    """Raise BadSample if a FLAC or MP3 stream has more than the ``count`` samples that were read from it."""
    if format_name not in _COUNTED:
        return
    held = _counted(stream, _COUNTED[format_name], rate)
    if held - count > _SLACK[format_name]:
        raise BadSample(f"damaged: its header states {count / rate:.3f} s, the file holds {held / rate:.3f} s")


def _check_parts(stream: IO[bytes], start: int, layout: str, sound: bytes, size: int) -> None:
    """Follow the parts of a container to its end; one of them is the audio."""
    at, stated, large = start, None, 0
    while size - at > _FEW_BYTES:
        part = _part(stream, at, layout, size)
        if part is None and stated is not None and stated % 2:  # some write no byte after a part of odd length
            part = _part(stream, at - 1, layout, size)
        if part is None or (stated is not None and part[0] in (sound, *_CONTAINERS)):
            break
        name, length, inside = part
        if name == _LARGE_SIZES:
            stream.seek(inside)
            large = struct.unpack("<QQ", stream.read(16).ljust(16, b"\0"))[1]
        if name == sound:
            length = large or length
            if not 0 <= length < max(_LARGEST_SIZE, large + 1) or inside + length > size:
                return  # it goes on to the end
            stated = length
        at = inside + length + length % 2
    if stated is not None:
        _reject_rest(stream, at, size, stated)


def _part(stream: IO[bytes], at: int, layout: str, size: int) -> tuple[bytes, int, int] | None:
    """Name, length and beginning of the part whose header is at a place; None if there is none."""
    stream.seek(at)
    header = stream.read(struct.calcsize(layout))
    if len(header) < struct.calcsize(layout):
        return None
    name, length = struct.unpack(layout, header)
    inside = at + len(header)
    whole = length <= size - inside or name in _MAY_BE_CUT
    return (name, length, inside) if whole and all(32 <= char < 127 for char in name) else None


def _reject_rest(stream: IO[bytes], at: int, size: int, stated: int) -> None:
    """Raise BadSample if anything but tags and padding follows from there on."""
    stream.seek(at)
    if size - at <= _FEW_BYTES or stream.read(16).startswith(_TAGS):
        return
    stream.seek(at)
    while block := stream.read(1 << 20):
        if any(block):
            raise BadSample(
                f"damaged: its header states {stated} bytes of audio, but {size - at} more follow, unaccounted for"
            )


def _reject_second_ogg(stream: IO[bytes], size: int) -> None:
    """All streams of an Ogg file begin before any goes on; one that begins later is a second file, put behind."""
    began = False
    for flags in _ogg_pages(stream, size):
        begins = bool(flags & _OGG_BEGINS_STREAM)
        if begins and began:
            raise BadSample("several Ogg files in one, of which only the first would be read; cut it into clips")
        began = began or not begins


def _ogg_pages(stream: IO[bytes], size: int) -> Iterator[int]:
    """The flags of each page, as far as pages follow one another."""
    at = 0
    while at + _OGG_HEADER <= size:
        stream.seek(at)
        header = stream.read(_OGG_HEADER)
        if header[:4] != b"OggS":
            return
        lengths = stream.read(header[-1])
        yield header[5]
        at += _OGG_HEADER + len(lengths) + sum(lengths)


def _counted(stream: IO[bytes], container: str, rate: int) -> int:
    """Samples in the frames of a stream, without decoding them; 0 where FFmpeg does not know."""
    import av

    stream.seek(0)
    try:
        with av.open(stream, format=container, metadata_errors="replace") as opened:
            track = opened.streams.audio[0]
            ticks = sum(packet.duration or 0 for packet in opened.demux(track))
            return round(ticks * track.time_base * rate) if track.time_base else 0
    except (av.FFmpegError, IndexError):
        return 0
