"""Saved states: what is used again, and what is not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.machine.mapped_arrays import Spill
from bench.machine.ranks import ALONE, Ranks
from bench.machine.resume import LAST, Resume, forget
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
    forget(tmp_path / "partial" / "cell")
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
    """Tables whose files are gone."""

    def has(self, state: dict[str, Any]) -> bool:
        return False

    def place(self, view: torch.Tensor) -> None:
        return None

    def view(self, place: list[Any]) -> torch.Tensor:
        raise NotImplementedError


class Whole(Gone):
    """Tables that another rank has lost."""

    def has(self, state: dict[str, Any]) -> bool:
        return True


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


def test_a_changed_byte_is_noticed(tmp_path):
    """What torch.load reads does not change with every byte: it would be another number without an error."""
    resume(tmp_path).save(7, {"counter": Counter()}, None)
    (state,) = (tmp_path / "partial" / "cell").glob("state-*")
    whole = state.read_bytes()
    for place in range(0, len(whole), len(whole) // 8):
        state.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        again = resume(tmp_path)
        assert restored(again)[0] == 0
        resume(tmp_path).save(7, {"counter": Counter()}, None)


@pytest.mark.parametrize("taken", ["state-0-8.pt", LAST])
def test_what_cannot_be_saved_costs_nothing_but_the_saving(tmp_path, taken):
    """A folder in the place of a file stands for a disk that takes no more."""
    first = resume(tmp_path)
    first.save(7, {"counter": Counter()}, None)
    folder = tmp_path / "partial" / "cell"
    if taken == LAST:
        (folder / LAST).unlink()
    (folder / taken).mkdir()
    with pytest.warns(UserWarning, match="cannot be saved"):
        first.save(8, {"counter": Counter()}, None)
    (folder / taken).rmdir()
    if taken == LAST:
        (folder / LAST).write_text("7")
    assert restored(resume(tmp_path))[0] == 7


class AsIfTheOtherLacks(AsIfTwo):
    """One of two ranks, which agree until the other one misses features that its state refers to."""

    lacks = False

    def exchange(self, value: Any) -> list[Any]:
        return [value, value and not self.lacks]


class Rows:
    """The bench's own table of features as the views of a state."""

    def __init__(self, folder: Path) -> None:
        self.spill = Spill(2, files=folder / "partial" / "cell" / "features")
        self.state, self.has, self.restore = self.spill.state, self.spill.has, self.spill.restore

    def place(self, view: torch.Tensor) -> list[Any] | None:
        return list(self.spill.place(view) or ()) or None

    def view(self, place: list[Any]) -> torch.Tensor:
        return self.spill.view(place, (3, 2))


def removed(file: Path) -> None:
    file.unlink()


def shortened(file: Path) -> None:
    os.truncate(file, 8)


def untouched(file: Path) -> None:
    """Another process wrote features of its own beside it, and was killed before it saved anything."""
    Spill(2, files=file.with_name("features")).append(torch.zeros(3, 2))


@pytest.mark.parametrize(("change", "done"), [(removed, 0), (shortened, 0), (untouched, 7)])
def test_features_are_those_that_were_kept_or_the_cell_begins_anew(tmp_path, change, done):
    first, rows, counter = resume(tmp_path), Rows(tmp_path), Counter()
    counter.kept["rows"] = [rows.spill.append(torch.ones(3, 2))]
    first.save(7, {"counter": counter}, rows)
    (file,) = (tmp_path / "partial" / "cell").glob("features.*")
    change(file)
    found = Counter()
    assert resume(tmp_path).restore({"counter": found}, Rows(tmp_path)) == done
    assert not done or torch.equal(found.kept["rows"][0], torch.ones(3, 2))


def test_all_ranks_begin_anew_if_one_misses_its_features(tmp_path):
    ranks = AsIfTheOtherLacks(0, 2)
    resume(tmp_path, ranks=ranks).save(7, {"counter": Counter()}, Rows(tmp_path))
    again = resume(tmp_path, ranks=ranks)
    ranks.lacks = True
    assert again.restore({"counter": Counter()}, Rows(tmp_path)) == 0
