"""What cannot be shown is found, however many there are and whatever they clash with."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bench.errors import BenchError
from bench.leaderboard.isolation import isolated


class Shown:
    """Shows numbers, but not the faulty ones, nor those that clash together; counts what it was asked."""

    def __init__(self, faulty: frozenset[int] = frozenset(), clashing: frozenset[int] = frozenset()) -> None:
        self.faulty, self.clashing = faulty, clashing
        self.asked = 0

    def __call__(self, items: Sequence[int]) -> tuple[int, ...]:
        self.asked += len(items)
        if wrong := self.faulty.intersection(items):
            raise KeyError(min(wrong))
        if len(self.clashing.intersection(items)) > 1:
            raise BenchError("clash")
        return tuple(items)


def test_nothing_is_shown_twice_while_nothing_is_wrong() -> None:
    show = Shown()
    assert isolated(range(1000), show) == (tuple(range(1000)), [])
    assert show.asked == 1000


@pytest.mark.parametrize("faulty", [{0}, {999}, {3, 4, 500}, set(range(0, 1000, 7))])
def test_the_faulty_are_left_out_in_order(faulty: set[int]) -> None:
    show = Shown(faulty)  # type: ignore[arg-type]
    shown, faults = isolated(range(1000), show)
    assert shown == tuple(i for i in range(1000) if i not in faulty)
    assert [(fault.item, fault.reason, fault.reduced) for fault in faults] == [
        (i, f"KeyError: {i}", False) for i in sorted(faulty)
    ]
    assert show.asked < 1000 * (4 if len(faulty) == 1 else 20)


def test_of_those_that_clash_the_first_is_shown() -> None:
    shown, faults = isolated(range(100), Shown({7}, {3, 50, 80}))  # type: ignore[arg-type]
    assert shown == tuple(i for i in range(100) if i not in {7, 50, 80})
    assert [(fault.item, fault.reason) for fault in faults] == [(7, "KeyError: 7"), (50, "clash"), (80, "clash")]


def test_a_part_is_shown_where_there_is_one() -> None:
    shown, faults = isolated([1, 2, 3], Shown({1, 2}), lambda item: -item if item == 2 else None)  # type: ignore[arg-type]
    assert shown == (-2, 3)
    assert [(fault.item, fault.reduced) for fault in faults] == [(1, False), (2, True)]


def test_what_is_wrong_with_all_or_with_none_of_them_is_raised() -> None:
    with pytest.raises(KeyError):
        isolated([1, 2], Shown({1, 2}))  # type: ignore[arg-type]
    with pytest.raises(BenchError, match="clash"):
        isolated(range(5), Shown(clashing={1, 2}), fatal=(BenchError,))  # type: ignore[arg-type]
