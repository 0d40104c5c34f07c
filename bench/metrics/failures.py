"""Errors of metrics on one line: type, place and message."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

from bench.machine.texts import plain

LONGEST = 500
"""Most characters of an error's message that are kept."""


def failure(error: BaseException, module: str, stage: str = "") -> str:
    """Type, place and message of an error, such as ``ValueError in update (mine.py, line 12): too few``.

    Args:
        module: name of the metric's module; the place is the last line of the traceback in it.
        stage: name of the method that was called; empty to leave it out.
    """
    frames = traceback.extract_tb(error.__traceback__)
    source = getattr(sys.modules.get(module), "__file__", None)
    frame = next((frame for frame in reversed(frames) if frame.filename == source), frames[-1] if frames else None)
    place = f" ({Path(frame.filename).name}, line {frame.lineno})" if frame else ""
    message = one_line(str(error))
    return f"{type(error).__name__}{f' in {stage}' if stage else ''}{place}{f': {message}' if message else ''}"


def one_line(text: str) -> str:
    """The text on one line, cut to ``LONGEST`` characters and free of terminal controls."""
    return plain(" ".join(text.split()), LONGEST)
