"""Progress of a cell, reported by its process to the runner as lines of plain text in a pipe.

A system runs in the process that holds the writing end, and whatever it forks holds it too. So nothing in the pipe is
trusted: what is not such a line is dropped, lines are bounded, and the end of the pipe means nothing.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from multiprocessing.connection import Connection

LONGEST = 512
"""The most bytes of a line; a pipe takes that few whole or not at all."""
MOST = 64 * 1024
"""The most bytes that are read at a time."""
OUT_OF_THE_WAY = 700
"""Number of the descriptor, where there may be so many, so that a system that closes low ones does not hit it."""
_LINE = re.compile(rb"progress (\d{1,15}) (\d{1,15}) ([ -~]{1,100})")


class Sender:
    """The end of the process that measures; a report that cannot be sent at once is dropped."""

    def __init__(self, connection: Connection) -> None:
        self._descriptor = _moved(connection)
        os.set_blocking(self._descriptor, False)
        self._status = os.fstat(self._descriptor)

    def send(self, phase: str, done: int, total: int) -> None:
        """Report how far a phase is: samples done and samples in all."""
        name = phase[:100].encode("ascii", "backslashreplace")[:100]
        with suppress(OSError):
            # A system may have closed it, and opened a file of its own that got the number.
            if os.path.samestat(os.fstat(self._descriptor), self._status):
                # It begins with an end of line, as an incomplete line of another process may precede it.
                os.write(self._descriptor, b"\nprogress %d %d %s\n" % (max(0, done), max(0, total), name))


class Receiver:
    """The end of the runner."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        os.set_blocking(connection.fileno(), False)
        self._rest = b""

    def read(self) -> list[tuple[str, int, int]] | None:
        """The reports that can be read now: phase, samples done, samples in all; None when the pipe has ended."""
        try:
            data = os.read(self.connection.fileno(), MOST)
        except BlockingIOError:
            return []
        if not data:
            return None
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = rest[-LONGEST:]
        matches = (_LINE.fullmatch(line) for line in lines)
        return [(match[3].decode("ascii"), int(match[1]), int(match[2])) for match in matches if match]


def _moved(connection: Connection) -> int:
    """A descriptor of the same pipe with a high number, not inherited by programs; the given one is closed."""
    import fcntl

    try:
        descriptor = fcntl.fcntl(connection.fileno(), fcntl.F_DUPFD_CLOEXEC, OUT_OF_THE_WAY)
    except OSError:  # fewer descriptors are allowed
        descriptor = os.dup(connection.fileno())
    connection.close()
    return descriptor
