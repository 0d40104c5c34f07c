"""Content hashes of files, remembered between runs, so that hundreds of gigabytes are read once.

A hash is believed if all of this holds, and otherwise the file is read again:

- The file has the path, size, modification time, change time and inode that it had when it was read. A program can set
  the modification time back, but not the change time.
- These had not moved while it was read, and were at least two seconds old by then: a file that changes again within
  the clock's tick would look unchanged.
- The entry carries its own checksum, so that a damaged one is not taken for another hash.

``BENCH_REHASH=1`` reads every file again, and ``bench doctor --files`` compares what is remembered with the files. The
store is one SQLite file in the cache folder, which several processes may use at once; if it cannot be used, files are
read, and if it is not a store, it is replaced.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from bench.machine.canonical import sha256_file

REHASH = "BENCH_REHASH"
"""Environment variable that has every file read again."""
STORE = "file-hashes.sqlite"
SETTLED_NS = 2_000_000_000
"""How long a file must not have changed before it was read, for its hash to be remembered."""
LARGE = 4 * 2**20
"""Bytes from which on a file is read more slowly than its hash is looked up, with much to spare."""
WAIT_SECONDS = 5.0
"""The longest that another process is waited for."""
AT_ONCE = 500
"""Paths in one question to the store."""
_TABLE = """CREATE TABLE IF NOT EXISTS hashes (
    path BLOB PRIMARY KEY, size INTEGER, modified INTEGER, changed INTEGER, inode INTEGER, sha256 TEXT, checksum BLOB
) WITHOUT ROWID"""


class Stamp(NamedTuple):
    """What shows that a file has not changed: its size in bytes, its times in nanoseconds, and its inode."""

    size: int
    modified: int
    changed: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> Stamp:
        """The stamp of a file as it is now; OSError if there is none."""
        status = os.stat(path)  # noqa: PTH116 - of fifty thousand files, this is half as slow
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)

    def is_settled(self, now: int) -> bool:
        """Whether the file had not changed for long enough at a time in nanoseconds."""
        return max(self.modified, self.changed) < now - SETTLED_NS


Known = tuple[Stamp, str]
"""A stamp, and the sha256 of a file that had it."""


def file_sha256(path: Path) -> str:
    """sha256 of a file's bytes, in hex, remembered if the file is large.

    Raises:
        OSError: it cannot be read, or is not a stored file.
    """
    place = path.absolute()
    stamp = Stamp.of(place)
    if stamp.size < LARGE:
        return sha256_file(place)
    stamp, sha256, is_new = look_or_read(place, stamp, remembered([place]).get(place))
    if is_new:
        remember({place: (stamp, sha256)})
    return sha256


def look_or_read(path: Path, stamp: Stamp, known: Known | None) -> tuple[Stamp, str, bool]:
    """A file's stamp and hash, and whether it was read and the hash may be remembered.

    Args:
        stamp: its stamp of this moment.
        known: what is known of the file.

    Raises:
        OSError: it cannot be read, or is not a stored file.
    """
    if known is not None and known[0] == stamp:
        return *known, False
    now = time.time_ns()
    sha256 = sha256_file(path)
    return stamp, sha256, stamp.is_settled(now) and Stamp.of(path) == stamp


def remembered(paths: Sequence[Path]) -> dict[Path, Known]:
    """What is remembered of files, by their absolute paths; without those that are not, and damaged entries."""
    if os.environ.get(REHASH, "") not in ("", "0"):
        return {}
    known: dict[Path, Known] = {}
    with suppress(sqlite3.Error, OSError), _store() as store:
        for start in range(0, len(paths), AT_ONCE):
            part = {os.fsencode(path): path for path in paths[start : start + AT_ONCE]}
            marks = ",".join("?" * len(part))
            for row in store.execute(f"SELECT * FROM hashes WHERE path IN ({marks})", list(part)):
                if row[-1] == _checksum(row[:-1]):
                    known[part[row[0]]] = Stamp(*row[1:5]), row[5]
    return known


def remember(hashes: Mapping[Path, Known]) -> None:
    """Keep the hashes of files, by their absolute paths; a store that cannot be written only costs time."""
    rows = [(os.fsencode(path), *stamp, sha256) for path, (stamp, sha256) in hashes.items()]
    with suppress(sqlite3.Error, OSError), _store() as store, store:
        store.executemany(
            "INSERT OR REPLACE INTO hashes VALUES (?, ?, ?, ?, ?, ?, ?)", [(*row, _checksum(row)) for row in rows]
        )


def verify() -> Iterator[tuple[Path, bool | None]]:
    """Yield each remembered file, and whether it still has the hash that would be believed.

    None where nothing would be believed, since the file has changed or is gone. Wrong entries are forgotten.
    """
    paths: list[Path] = []
    with suppress(sqlite3.Error, OSError), _store() as store:
        paths = [Path(os.fsdecode(path)) for (path,) in store.execute("SELECT path FROM hashes ORDER BY path")]
    for path in paths:
        known = remembered([path]).get(path)
        holds: bool | None = None
        with suppress(OSError):
            if known is not None and known[0] == Stamp.of(path):
                holds = sha256_file(path) == known[1]
        if not holds:
            _forget([path])
        yield path, holds


def _forget(paths: Iterable[Path]) -> None:
    with suppress(sqlite3.Error, OSError), _store() as store, store:
        store.executemany("DELETE FROM hashes WHERE path = ?", [(os.fsencode(path),) for path in paths])


def _checksum(row: tuple[bytes | int | str, ...]) -> bytes:
    return hashlib.blake2b(repr(row).encode(), digest_size=16).digest()


@contextmanager
def _store() -> Iterator[sqlite3.Connection]:
    """The store, opened; what is there and is not one is replaced."""
    from bench.machine.weights import cache_dir  # which hashes files by this module

    place = cache_dir() / STORE
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        store = _opened(place)
    except sqlite3.OperationalError:  # locked, or not to be written
        raise
    except sqlite3.DatabaseError:
        place.unlink(missing_ok=True)
        store = _opened(place)
    with closing(store):
        yield store


def _opened(place: Path) -> sqlite3.Connection:
    store = sqlite3.connect(place, timeout=WAIT_SECONDS)
    try:
        store.execute(_TABLE)
    except sqlite3.Error:
        store.close()
        raise
    return store
