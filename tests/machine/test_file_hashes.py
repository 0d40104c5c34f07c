"""Hashes of files are remembered while the files stay as they were, and nothing else is believed."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import sqlite3
import time
from pathlib import Path

import pytest

from bench.machine import file_hashes
from bench.machine.contents import content_hashes
from bench.machine.file_hashes import file_sha256, verify
from bench.machine.weights import cache_dir


@pytest.fixture
def reads(cache: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were read; every file counts as large, and as unchanged for long enough."""
    read: list[Path] = []

    def sha256_file(path: Path) -> str:
        read.append(path)
        return hashlib.sha256(path.read_bytes()).hexdigest()

    monkeypatch.setattr(file_hashes, "sha256_file", sha256_file)
    monkeypatch.setattr(file_hashes, "LARGE", 0)
    monkeypatch.setattr(file_hashes, "SETTLED_NS", 0)
    return read


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "weights.bin"
    path.write_bytes(b"one")
    time.sleep(0.02)
    return path


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_file_is_read_once(file: Path, reads: list[Path]) -> None:
    hashes = [file_sha256(file), *content_hashes([file, file.with_name("none")])]
    assert hashes == [sha256(b"one"), sha256(b"one"), None]
    assert reads == [file]


def test_a_change_is_seen_although_size_and_time_are_set_back(file: Path, reads: list[Path]) -> None:
    file_sha256(file)
    times = file.stat().st_mtime_ns, file.stat().st_mtime_ns
    file.write_bytes(b"two")
    os.utime(file, ns=times)
    assert file_sha256(file) == sha256(b"two")


def test_another_file_with_its_size_and_times_is_read(file: Path, reads: list[Path]) -> None:
    stamp, known = file_hashes.Stamp.of(file), sha256(b"one")
    other = stamp._replace(inode=stamp.inode + 1)
    assert file_hashes.look_or_read(file, stamp, (other, "wrong")) == (stamp, known, True)


def test_a_file_of_this_moment_is_not_remembered(
    file: Path, reads: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It could change again before the clock of the file system moves on."""
    monkeypatch.setattr(file_hashes, "SETTLED_NS", 10**12)
    assert [file_sha256(file), file_sha256(file)] == [sha256(b"one")] * 2
    assert len(reads) == 2


def test_a_file_that_changes_while_it_is_read_is_not_remembered(
    file: Path, reads: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def changing(path: Path) -> str:
        path.write_bytes(b"two")
        return sha256(b"one")

    with monkeypatch.context() as patch:
        patch.setattr(file_hashes, "sha256_file", changing)
        file_sha256(file)
    time.sleep(0.02)
    assert file_sha256(file) == sha256(b"two")


@pytest.mark.parametrize("damage", ["entry", "store", "locked"])
def test_what_is_damaged_is_not_believed(file: Path, reads: list[Path], damage: str) -> None:
    file_sha256(file)
    store = cache_dir() / file_hashes.STORE
    with sqlite3.connect(store) as connection:
        if damage == "entry":
            connection.execute("UPDATE hashes SET sha256 = replace(sha256, '7692c3ad3540', '000000000000')")
    connection.close()
    if damage == "store":
        store.write_bytes(b"not a database" * 1000)
    if damage == "locked":
        store.unlink()
        store.mkdir()
    assert file_sha256(file) == sha256(b"one")
    assert len(reads) == 2
    assert file_sha256(file) == sha256(b"one")
    assert len(reads) == (3 if damage == "locked" else 2), "it was mended"


def test_files_can_be_hashed_again(file: Path, reads: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    file_sha256(file)
    assert list(verify()) == [(file, True)]
    stamp = file_hashes.Stamp.of(file)
    file_hashes.remember({file: (stamp, "f" * 64)})  # as if the contents had changed and the stamp had not
    assert file_sha256(file) == "f" * 64
    with monkeypatch.context() as patch:
        patch.setenv(file_hashes.REHASH, "1")
        assert file_sha256(file) == sha256(b"one")
    file_hashes.remember({file: (stamp, "f" * 64)})
    assert list(verify()) == [(file, False)]
    assert file_sha256(file) == sha256(b"one")
    file.unlink()
    assert list(verify()) == [(file, None)]
    assert list(verify()) == []


def _remember(folder: Path, part: int) -> None:
    for number in range(10):
        file_hashes.remember({folder / f"{part}-{number}": (file_hashes.Stamp(1, 2, 3, number), "a" * 64)})


def test_processes_share_the_store(tmp_path: Path, cache: Path) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_remember, args=(tmp_path, part)) for part in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    paths = [tmp_path / f"{part}-{number}" for part in range(4) for number in range(10)]
    assert len(file_hashes.remembered(paths)) == 40
