"""Codecs of sound: the shared contract, what their bytes are, and that their delay is taken off."""

from __future__ import annotations

import io
import sys
from functools import cache
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from audio_checks import CHECKS, RATE, Check, delay
from pystoi import stoi

from bench.contracts.system import parse
from bench.errors import BenchError, Unavailable
from bench.modalities.audio.batch import Audio
from bench.modalities.audio.datasets.asterisk_prompts import AsteriskPrompts
from bench.modalities.audio.lines.tokenizers import ENTRIES as LINES
from bench.modalities.audio.tokenizers.audio_codecs import FORMATS, AudioCodec, opus_packets, opus_stream
from bench.modalities.audio.tokenizers.codec2 import Codec2

ENTRIES = {entry.name: entry for entry in LINES if entry.tokens == "bytes"}


@cache
def built(text: str) -> Any:
    return parse(text).build()


@cache
def prompt(index: int = 0) -> torch.Tensor:
    """The first seconds of a prompt, ``[1, 40001]`` at most."""
    return AsteriskPrompts().load(index).signal[:, :40001]


@cache
def decoded(text: str, index: int = 0) -> np.ndarray:
    tokenizer = built(text)
    return tokenizer.decode(tokenizer.encode(Audio.of([prompt(index)], RATE))).samples[0, 0].numpy()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", ENTRIES)
def test_contract(name: str, check: Check) -> None:
    check(built(name), ENTRIES[name])


@pytest.mark.parametrize(
    ("text", "most"),
    [
        ("pcm", 0),
        ("opus@6", 1),
        ("opus@24", 1),
        ("opus@24,rate=48000", 1),
        ("mp3@24", 0.2),
        ("mp3@64,rate=44100", 0.2),
        ("aac@24", 0.4),
        ("aac@64,rate=44100", 0.4),
        ("g722", 0.2),
        ("g726@16", 0.4),
        ("g726@24", 0.4),
        ("g726@40", 0.4),
        ("g723.1", 0.5),
        ("amr-nb@4.75", 6),  # its high-pass filter advances the low frequencies
        ("amr-nb@12.2", 6),
    ],
)
def test_delay_is_taken_off(text: str, most: float) -> None:
    assert max(abs(delay(prompt(index)[0].numpy(), decoded(text, index))) for index in range(3)) <= most


@pytest.mark.parametrize("mode", ["3200", "1200", "700C"])
def test_delay_of_codec2_is_taken_off(mode: str) -> None:
    """It keeps no phases, so its delay is where it is understood best, to a few milliseconds."""
    rim, original = 320, prompt()[0].numpy()
    shifts = range(-160, 161, 16)
    middle = original[rim:-rim]
    scores = [stoi(middle, decoded(f"codec2@{mode}")[rim + s : len(original) - rim + s], RATE) for s in shifts]
    assert abs(shifts[int(np.argmax(scores))]) <= 0.005 * RATE


@pytest.mark.parametrize(
    ("text", "overhead"),
    [
        ("pcm", 0),
        ("g722", 0),
        ("g726@24", 0),
        ("g723.1", 0.1),  # 6.3 is rounded: 24 bytes every 30 ms are 6.4
        ("codec2@3200", 0),
        ("codec2@1300", 0.1),  # 52 bits in 7 bytes
        ("amr-nb@12.2", 0.75),  # a byte for each frame's type, and whole bytes
        ("opus@12", 1),
        ("mp3@24", 0),
        ("aac@24", 2),
    ],
)
def test_bytes_are_those_of_the_bitrate(text: str, overhead: float) -> None:
    """But for framing, and some frames more at the ends; on longer clips than these, less."""
    tokenizer = built(text)
    tokens = tokenizer.encode(Audio.of([prompt()], RATE))
    kbps = 8 * len(tokens.payload[0]) / (prompt().shape[1] / RATE) / 1000
    nominal = tokenizer.bitrate / 1000
    assert 0.85 * nominal <= kbps <= 1.04 * nominal + overhead


def test_mp3_is_what_other_decoders_read() -> None:
    tokens = built("mp3@64").encode(Audio.of([prompt()], RATE))
    samples, rate = soundfile.read(io.BytesIO(tokens.payload[0]))
    ours = decoded("mp3@64")
    assert rate == RATE
    theirs = samples[1105 : 1105 + len(ours)]
    np.testing.assert_allclose(theirs, ours[: len(theirs)], atol=1e-3)


def test_opus_framing() -> None:
    """A length byte after the first of each packet, two from 252 on (RFC 6716, 3.2.1 and appendix B)."""
    packets = [bytes([8]) + bytes([number % 256] * size) for number, size in enumerate((0, 1, 251, 252, 255, 1275))]
    stream = opus_stream(packets)
    assert opus_packets(stream) == packets
    assert len(stream) == sum(map(len, packets)) + 3 + 2 * 3
    assert stream[:5] == bytes([8, 0, 8, 1, 1])
    assert opus_stream(packets[4:5])[1:3] == bytes([255, 0])
    with pytest.raises(ValueError, match="code 3"):
        opus_stream([bytes([3, 0])])


@pytest.mark.parametrize("rate", FORMATS["opus"].rates)
def test_opus_delay_is_the_one_its_header_states(rate: int) -> None:
    import av

    context = av.CodecContext.create("libopus", "w")
    AudioCodec("opus", 12, rate)._set(context)
    context.open()
    assert context.extradata is not None
    assert int.from_bytes(context.extradata[10:12], "little") == FORMATS["opus"].delay


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("opus@4", "opus: kbps must be from 6 to 256 at 16000 samples per second, not 4"),
        ("opus@fast", "kbps must be from 6"),
        ("opus@12,rate=44100", "rate must be one of 16000, 8000, 12000, 24000, 48000, not 44100"),
        ("mp3@10", "mp3: kbps must be 8, 16, 24, 32"),
        ("mp3@8,rate=44100", "mp3: kbps must be 32, 40, .* at 44100"),
        ("aac@200", "aac: kbps must be from 8 to 96"),
        ("g722@48", "kbps must be 64"),
        ("amr-nb@5", "kbps must be 4.75, 5.15"),
        ("codec2@999", "mode must be one of 3200, 2400, .* 700C, not 999"),
    ],
)
def test_wrong_bitrates_are_named(text: str, message: str) -> None:
    with pytest.raises(BenchError, match=message):
        parse(text).build()


def test_missing_programs_and_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Unavailable, match=r"no program c2enc .* apt-get install codec2"):
        Codec2()
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(Unavailable, match=r"PyAV cannot be imported .* install .*\[audio\]"):
        AudioCodec("opus", 12)
