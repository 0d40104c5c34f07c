"""Texts that others wrote, such as names, messages and paths: bounded, and without effect on a terminal."""

from __future__ import annotations

MESSAGE, TRACEBACK = 2_000, 20_000
"""The most characters that are stored of a message or a reason, and of a traceback."""

_EFFECTIVE = [
    *(point for point in range(0x20) if chr(point) not in "\n\t"),
    *range(0x7F, 0xA0),  # delete, and the second set of control characters, one of which begins commands like ESC [
    *(0x061C, 0x200E, 0x200F, 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A)),  # direction, lines
    *range(0xD800, 0xE000),  # halves of a pair, which no encoding can write
    0xFEFF,
]
_VISIBLE = {point: chr(point).encode("unicode_escape").decode() for point in _EFFECTIVE}


def visible(text: str) -> str:
    r"""The text with escapes such as ``\x1b`` and ``\u202e`` for what controls a terminal or cannot be encoded.

    That includes marks that change the direction of writing. Line feeds and tabs stay, as do the joiners that
    scripts and emoji need.
    """
    return text if text.isprintable() else text.translate(_VISIBLE)


def bounded(text: str, most: int = MESSAGE) -> str:
    """The text, or if it is longer than ``most`` characters, its beginning and end and how much was left out."""
    if len(text) <= most:
        return text
    cut = f" […{len(text) - most} more characters…] "
    return f"{text[: most * 2 // 3]}{cut}{text[-(most // 3) :]}"


def plain(text: str, most: int = MESSAGE) -> str:
    """The text :func:`bounded` and :func:`visible`, as it may be stored and shown."""
    return visible(bounded(text, most))
