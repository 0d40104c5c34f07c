"""Names of systems in addresses and on pages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bench.machine.canonical import digest

if TYPE_CHECKING:
    from markupsafe import Markup


def slug(text: str, *identity: Any) -> str:
    """Return a file name for any text: its harmless characters, and a hash of the text and what identifies it."""
    words = re.sub(r"[^A-Za-z0-9.@+_-]+", "-", text)[-60:].strip("-.") or "x"
    return f"{words}-{digest([text, *identity])[:8]}"


def breakable(name: str) -> Markup:
    """Return a name as HTML that may break behind the signs between the arguments of a system."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"([@=,])(?=\w)", r"\1<wbr>", str(escape(name))))  # it is escaped
