"""What happens without the optional extras: the remedy is named, and images need none of the packages of sound."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Packages of the extra that the process pretends not to have.
WITHOUT = "import sys; sys.modules.update(dict.fromkeys(['soxr', 'av', 'soundfile', 'jiwer'])); "


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("from bench import registry; registry.load('bench.tokenizers.audio_codecs:AudioCodec')", "ntp-bench[audio]"),
        ("import bench.worker, bench.tasks.image_recon, bench.pool; print('fine')", "fine"),
    ],
)
def test_without_the_packages_of_sound(code: str, expected: str) -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT + code], capture_output=True, text=True)
    assert expected in done.stdout + done.stderr


def test_a_dry_run_says_what_is_missing(bench):
    chosen = ("--suite", "audio-recon", "--protocol", "speech-whisper", "--system", "pcm")
    planned = bench("run", *chosen, "--dry-run", "--offline")
    assert "missing: word_errors: checkpoint hf:openai/whisper-large-v3 is not in the cache" in planned.stdout
