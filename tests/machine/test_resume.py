"""Saved states: what is used again, and what is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from bench.machine.ranks import ALONE, Ranks
from bench.machine.resume import LAST, Resume
from bench.machine.watch import state_of


class Counter:
    """Counts, and keeps tensors, texts, bytes and nested lists."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {"n": 0, "rows": [torch.arange(3)], "names": {"a": ["b"]}, "raw": {b"k": ("x", 1)}}

    def state(self) -> dict[str, Any]:
        return self.kept

    def restore(self, state: dict[str, Any]) -> None:
        self.kept = state


def resume(folder: Path, key: str = "key", read: Path | None = None, ranks: Ranks = ALONE) -> Resume:
    return Resume(
        folder / "partial" / "cell", key, 0.0, lambda: {str(read): state_of(str(read))} if read else {}, ranks
    )


def restored(again: Resume) -> tuple[int, Counter]:
    counter = Counter()
    return again.restore({"counter": counter}, None), counter


def test_the_last_state_is_used_again(tmp_path):
    counter, first = Counter(), resume(tmp_path)
    for done in (1, 2, 3):
        counter.kept["n"] = done * 10
        first.after(done, {"counter": counter}, None)
    assert len(list((tmp_path / "partial" / "cell").glob("state-*"))) == 1
    done, found = restored(resume(tmp_path))
    assert (done, found.kept["n"], found.kept["names"], found.kept["raw"]) == (3, 30, {"a": ["b"]}, {b"k": ("x", 1)})
    assert torch.equal(found.kept["rows"][0], torch.arange(3))
    resume(tmp_path).clear()
    assert not (tmp_path / "partial").exists()


def damage(folder: Path) -> Resume:
    (state,) = (folder / "partial" / "cell").glob("state-*")
    state.write_bytes(state.read_bytes()[:-200])
    return resume(folder)


def unfinished(folder: Path) -> Resume:
    (folder / "partial" / "cell" / LAST).unlink()
    return resume(folder)


def another_file(folder: Path) -> Resume:
    (folder / "weights").write_text("others")
    return resume(folder, read=folder / "weights")


class Gone(Counter):
    """Tables whose files are no longer there."""

    def restore(self, state: dict[str, Any]) -> None:
        raise ValueError("gone")

    def place(self, view: torch.Tensor) -> None:
        return None

    def view(self, place: list[Any]) -> torch.Tensor:
        raise NotImplementedError


class Whole(Gone):
    """Tables that another rank has lost."""

    def restore(self, state: dict[str, Any]) -> None:
        self.kept = state


class Disagreeing(Ranks):
    """One of two ranks, of which the other gives its own answers: how far its state is, and what follows."""

    def __init__(self, *others: Any) -> None:
        super().__init__(0, 2)
        self.others = list(others)

    def exchange(self, value: Any) -> list[Any]:
        return [value, self.others.pop(0) if self.others else value]


@pytest.mark.parametrize(
    ("tables", "others"), [(Gone, (2, True)), (Whole, (2, False)), (Whole, (1, None, True)), (Whole, (None, None))]
)
def test_ranks_begin_anew_together(tmp_path, tables, others):
    """A rank that went on alone would not go through as many steps as the others, and all would wait for ever."""
    resume(tmp_path, ranks=AsIfTwo(0, 2)).save(2, {"counter": Counter()}, Whole())
    again = resume(tmp_path, ranks=Disagreeing(*others))
    assert again.restore({"counter": Counter()}, tables()) == 0


class AsIfTwo(Ranks):
    """One of two ranks, of which the other always agrees."""

    def exchange(self, value: Any) -> list[Any]:
        return [value, value]


def two_ranks(folder: Path) -> Resume:
    return resume(folder, ranks=AsIfTwo(0, 2))


@pytest.mark.parametrize(
    "again",
    [damage, unfinished, another_file, lambda folder: resume(folder, "changed"), two_ranks],
)
def test_any_other_begins_anew(tmp_path, again):
    (tmp_path / "weights").write_text("of the system")
    resume(tmp_path, read=tmp_path / "weights").save(7, {"counter": Counter()}, None)
    assert restored(resume(tmp_path, read=tmp_path / "weights"))[0] == 7
    later = again(tmp_path)
    assert restored(later)[0] == 0
    assert not (tmp_path / "partial" / "cell").exists()
