"""The audio sections of ``bench doctor``: packages of Debian or Ubuntu, and recognizers."""

from __future__ import annotations

import shutil

from bench import registry
from bench.errors import BenchError, Unavailable, with_remedy
from bench.machine.extras import remedy

Section = tuple[str, list[tuple[str, str]]]
"""A title, and the name and state of each item under it."""


def report() -> list[Section]:
    """The sections of audio; uses no network, and imports packages of the optional extra only if they are installed."""
    return [("Debian packages, for audio-recon", [*_prompts(), _codec2()]), ("recognizers", _recognizers())]


def _prompts() -> list[tuple[str, str]]:
    """The prompts of every language."""
    try:
        from bench.modalities.audio.datasets.asterisk_prompts import VOICES, AsteriskPrompts, install_command
    except ImportError as error:
        return [("asterisk-prompts", _unreadable(error))]
    states = []
    for language in VOICES:
        try:
            state = f"{len(AsteriskPrompts(split='all', language=language))} prompts"
        except BenchError:
            state = f"missing; on Debian or Ubuntu run: {install_command(language)}"
        except ImportError as error:
            state = _unreadable(error)
        states.append((f"asterisk-prompts@{language}", state))
    return states


def _unreadable(error: ImportError) -> str:
    return with_remedy(f"cannot be read ({error})", remedy(error.name or ""))


def _codec2() -> tuple[str, str]:
    program = shutil.which("c2enc") and shutil.which("c2dec")
    return "codec2", program or "missing; run: apt-get install codec2"


def _recognizers() -> list[tuple[str, str]]:
    states = []
    for name in registry.entries("recognizers"):
        if name == "transcripts":
            continue
        try:
            from bench.modalities.audio.recognizers.base import build

            source = build(name)
            source.describe()
            state = f"present: {source.label}"
        except Unavailable as error:
            state = f"missing; {error.remedy or error.cause}"
        except (BenchError, ImportError) as error:
            state = f"not loadable: {error}"
        states.append((name, state))
    return states
