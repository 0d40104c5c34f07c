"""Audio codecs as baselines: bytes instead of tokens, through the FFmpeg libraries that PyAV's wheel brings."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import torch

from bench.contracts.tokens import Tokens
from bench.errors import BenchError, Unavailable, UnknownName
from bench.machine.extras import remedy
from bench.modalities.audio.batch import Audio
from bench.modalities.audio.tokenizers.base import AudioTokenizer, resample
from bench.modalities.audio.tokenizers.companding import pcm16

MPEG1 = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
MPEG2 = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)


@dataclass(frozen=True)
class Format:
    """How a codec is run, and what its bytes are.

    Attributes:
        encoder, decoder: FFmpeg's names.
        container: FFmpeg's raw format of the stream, the one that adds least; empty for Opus (``opus_stream``).
        rates: sample rates it takes, the default first.
        kbps: bitrates it has in kbit/s; a pair in a list stands for all between the two.
        delay: samples at ``clock`` by which encoder and decoder are late, as the standard or the library documents.
        clock: sample rate of ``delay`` and of what the decoder puts out; 0 for the stream's own.
        tail: whether that delay has to be appended as silence, because the encoder, told to finish, does not.
        options: options of the encoder.
    """

    encoder: str
    decoder: str
    container: str
    rates: tuple[int, ...]
    kbps: tuple[float, ...] | list[float]
    delay: int
    clock: int = 0
    tail: bool = False
    options: Mapping[str, str] = field(default_factory=dict)


WIDE = (16000, 22050, 24000, 32000, 44100, 48000)

FORMATS: dict[str, Format] = {
    # RFC 7845: what libopus calls its lookahead, 6.5 ms, and Ogg its pre-skip.
    "opus": Format(
        "libopus",
        "libopus",
        "",
        (16000, 8000, 12000, 24000, 48000),
        [6, 256],
        312,
        48000,
        options={"application": "audio", "vbr": "on", "compression_level": "10", "frame_duration": "20"},
    ),
    # LAME's encoder delay of 576 and the decoder's 529 (LAME technical FAQ), which a LAME tag would state.
    "mp3": Format("libmp3lame", "mp3float", "mp3", WIDE, MPEG2, 1105),
    # The priming of one frame that FFmpeg's encoder writes into an MP4 edit list.
    "aac": Format("aac", "aac", "adts", WIDE, [8, 0], 1024),
    # The quadrature mirror filters of 24 taps, in and out (ITU-T G.722).
    "g722": Format("g722", "g722", "g722", (16000,), (64,), 22, tail=True),
    "g726": Format("g726", "g726", "g726", (8000,), (16, 24, 32, 40), 0),
    # Look-ahead of 5 ms (3GPP TS 26.090); its high-pass filter then advances low frequencies by up to 0.3 ms.
    "amr-nb": Format(
        "libopencore_amrnb", "amrnb", "amr", (8000,), (4.75, 5.15, 5.9, 6.7, 7.4, 7.95, 10.2, 12.2), 40, tail=True
    ),
    # Look-ahead of 7.5 ms (ITU-T G.723.1).
    "g723.1": Format("g723_1", "g723_1", "g723_1", (8000,), (6.3,), 60, tail=True),
}


class AudioCodec(AudioTokenizer):
    """A codec at a bitrate, one thread, clip by clip.

    The bytes of a clip are the codec's stream in the leanest form that can be decoded without anything else: MP3's
    frames without tags, AAC in ADTS (7 bytes per frame), AMR in its storage format (RFC 4867, 5), G.722, G.723.1
    and G.726 as they are, Opus packets in self-delimiting framing (RFC 6716, appendix B: a byte or two per packet).
    A container such as Ogg or MP4 adds some hundred bytes per clip, which on clips of seconds would be up to half
    of the rate. Padding to whole frames and what flushes the codec's delay are counted. The delay that the
    codec documents is taken off, as every player does.

    Args:
        codec: one of ``FORMATS``.
        kbps: kilobits per second that the encoder is set to; with a variable rate, bytes differ from it.
        rate: samples per second at which it codes; None takes its default.
    """

    casts = False
    rate: int
    bitrate: float

    def __init__(self, codec: str, kbps: float, rate: int | None = None) -> None:
        if codec not in FORMATS:
            raise UnknownName("codec", codec, FORMATS)
        self.av = _av()
        self.codec, self.format = codec, FORMATS[codec]
        self.rate = self.format.rates[0] if rate is None else rate
        if self.rate not in self.format.rates:
            raise BenchError(f"{codec}: rate must be one of {_listed(self.format.rates)}, not {rate}")
        check_kbps(codec, self.format, self.rate, kbps)
        for name, mode in ((self.format.encoder, "w"), (self.format.decoder, "r")):
            if name not in self.av.codecs_available or not _has(self.av, name, mode):
                raise Unavailable(f"{codec}: this PyAV has no {name}", "run: pip install --upgrade av")
        self.bitrate = 1000.0 * kbps

    def encode_waves(self, waves: Audio) -> Tokens:
        return Tokens(payload=tuple(self._encode(clip[0]) for clip in waves.clips()))

    def decode_waves(self, tokens: Tokens) -> torch.Tensor:
        clips = [torch.from_numpy(self._decode(data)) for data in tokens.payload]
        return Audio.of(clips, self.rate).samples

    def _encode(self, clip: torch.Tensor) -> bytes:
        samples = pcm16(clip)
        if self.format.tail:
            samples = np.concatenate([samples, np.zeros(self.format.delay, np.int16)])
        frame = self.av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = self.rate, 0, Fraction(1, self.rate)
        if not self.format.container:
            context = self.av.CodecContext.create(self.format.encoder, "w")
            self._set(context)
            return opus_stream([bytes(packet) for part in (frame, None) for packet in context.encode(part)])
        sink = io.BytesIO()
        options = {"write_xing": "0", "id3v2_version": "0"} if self.format.container == "mp3" else {}
        with self.av.open(sink, "w", format=self.format.container, options=options) as container:
            stream = container.add_stream(self.format.encoder, rate=self.rate)
            self._set(stream.codec_context)
            for part in (frame, None):
                container.mux(stream.encode(part))
        return sink.getvalue()

    def _set(self, context: Any) -> None:
        context.sample_rate, context.layout = self.rate, "mono"
        context.format = context.codec.audio_formats[0].name
        context.bit_rate = round(self.bitrate)
        context.options = dict(self.format.options)
        context.thread_count = 1
        context.flags |= self.av.codec.context.Flags.bitexact

    def _decode(self, data: bytes) -> np.ndarray:
        """Samples ``[1, time]`` at the codec's rate, its delay taken off."""
        clock = self.format.clock or self.rate
        wave = np.concatenate([_floats(frame) for frame in self._frames(data)])[self.format.delay :]
        return resample(wave[None], clock, self.rate)

    def _frames(self, data: bytes) -> list[Any]:
        if not self.format.container:
            context = self.av.CodecContext.create(self.format.decoder, "r")
            context.sample_rate, context.layout, context.thread_count = self.format.clock, "mono", 1
            packets = [self.av.Packet(packet) for packet in opus_packets(data)]
            return [frame for packet in (*packets, None) for frame in context.decode(packet)]
        options = {}
        if self.codec == "g726":
            options = {"code_size": str(round(self.bitrate / self.format.rates[0]))}
        with self.av.open(io.BytesIO(data), format=_demuxer(self.format.container), options=options) as container:
            stream = container.streams.audio[0]
            stream.codec_context.thread_count = 1
            return list(container.decode(stream))


def check_kbps(codec: str, format: Format, rate: int, kbps: object) -> None:
    """Raise BenchError, with the choices, unless the codec has a bitrate at a sample rate."""
    allowed = format.kbps
    if codec == "mp3" and rate >= 32000:
        allowed = MPEG1
    if codec == "aac":
        allowed = [format.kbps[0], 6 * rate / 1000]  # 6144 bits per frame of 1024 samples (ISO/IEC 14496-3)
    number = isinstance(kbps, int | float) and not isinstance(kbps, bool)
    if isinstance(allowed, list):
        fits, what = number and allowed[0] <= kbps <= allowed[1], f"from {allowed[0]:g} to {allowed[1]:g}"  # type: ignore[operator]
    else:
        fits, what = number and kbps in allowed, _listed(allowed)
    if not fits:
        raise BenchError(f"{codec}: kbps must be {what} at {rate} samples per second, not {kbps!r}")


def opus_stream(packets: list[bytes]) -> bytes:
    """Packets of one Opus frame each, in self-delimiting framing (RFC 6716, appendix B)."""
    out = bytearray()
    for packet in packets:
        if packet[0] & 3:
            raise ValueError(f"an Opus packet of code {packet[0] & 3}, not of a single frame")
        size = len(packet) - 1
        out += packet[:1]
        # RFC 6716, 3.2.1: up to 251 in one byte, more as first + 4·second.
        out += bytes([size]) if size < 252 else bytes([252 + size % 4, (size - 252 - size % 4) // 4])
        out += packet[1:]
    return bytes(out)


def opus_packets(stream: bytes) -> list[bytes]:
    """The packets of a stream from ``opus_stream``."""
    packets, at = [], 0
    while at < len(stream):
        size, body = stream[at + 1], at + 2
        if size >= 252:
            size, body = size + 4 * stream[body], body + 1
        packets.append(stream[at : at + 1] + stream[body : body + size])
        at = body + size
    return packets


def _floats(frame: Any) -> np.ndarray:
    """Samples of a mono frame as float32 ``[time]``."""
    samples: np.ndarray = frame.to_ndarray().reshape(-1)
    if samples.dtype.kind == "f":
        return samples.astype(np.float32)
    return (samples / np.float32(2 ** (8 * samples.dtype.itemsize - 1))).astype(np.float32)


def _demuxer(container: str) -> str:
    return {"adts": "aac"}.get(container, container)


def _listed(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def _has(av: Any, name: str, mode: str) -> bool:
    try:
        av.codec.Codec(name, mode)
    except ValueError:
        return False
    return True


def _av() -> Any:
    try:
        import av
        import av.codec.context
    except ImportError as error:
        raise Unavailable(f"PyAV cannot be imported ({error})", remedy("av")) from error
    return av
