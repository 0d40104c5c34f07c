"""The texts that backbones generate from: a file with one per line."""

from __future__ import annotations

from pathlib import Path

from bench.errors import BenchError
from bench.machine.canonical import digest
from bench.machine.files import read_stored


def read_prompts(path: str) -> list[str]:
    """The lines of a text file that are not blank, in order.

    Raises:
        BenchError: there is no such file, it is not UTF-8 text, or it is blank.
    """
    try:
        lines = read_stored(Path(path)).decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise BenchError(f"--prompts {path}: {reason}; give a text file with one prompt per line") from error
    texts = [line.strip() for line in lines if line.strip()]
    if not texts:
        raise BenchError(f"--prompts {path}: all lines are blank; give one prompt per line")
    return texts


def fingerprint(prompts: list[str]) -> str:
    """sha256, in hex, over the texts in order."""
    return digest({"prompts": prompts})


def of_samples(prompts: list[str], first: int, n: int) -> list[str]:
    """The prompts of samples ``first`` to ``first + n - 1``: all in turn, then from the beginning again."""
    return [prompts[index % len(prompts)] for index in range(first, first + n)]
