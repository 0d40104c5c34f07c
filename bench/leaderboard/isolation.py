"""Isolation of faulty results: one that cannot be shown is left out with its reason, and the others are shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from bench.errors import BenchError
from bench.leaderboard.reasons import brief, clean

Item = TypeVar("Item")
Faulty = TypeVar("Faulty", covariant=True)
Shown = TypeVar("Shown")


@dataclass(frozen=True)
class Fault(Generic[Faulty]):
    """An item that could not be shown as it is.

    Attributes:
        item: the item itself.
        error: what was raised when it was shown.
        reduced: whether a part of it is shown nevertheless.
    """

    item: Faulty
    error: Exception
    reduced: bool = False

    @property
    def reason(self) -> str:
        """The error on one line, without control characters."""
        if isinstance(self.error, BenchError):
            return clean(str(self.error))
        return clean(brief(f"{type(self.error).__name__}: {self.error}"))


def isolated(
    items: Sequence[Item],
    show: Callable[[Sequence[Item]], Shown],
    reduced: Callable[[Item], Item | None] = lambda _: None,
    fatal: tuple[type[Exception], ...] = (),
) -> tuple[Shown, list[Fault[Item]]]:
    """Show all items that ``show`` can show, and return its output and a fault for each of the others.

    ``show`` is called once if nothing is wrong. Otherwise faulty items are searched for by bisection, so that a single
    one among many makes it a few times as slow.

    Args:
        items: what to show.
        show: turns items into output, or raises.
        reduced: the part of a faulty item that may be tried instead of the whole; None if there is none.
        fatal: errors that are not an item's fault, such as a full disk; they are raised.

    Raises:
        Exception: the first error of ``show``, if it can show none of the items.
    """

    def tried(some: Sequence[Item]) -> tuple[Shown | None, Exception | None]:
        try:
            return show(some), None
        except fatal:
            raise
        except Exception as error:  # whatever it is, the other items are shown
            return None, error

    def searched(some: Sequence[Item], error: Exception) -> tuple[list[Item], list[Fault[Item]]]:
        """The items that can be shown, out of some that cannot be shown together."""
        if len(some) == 1:
            part = reduced(some[0])
            if part is not None and tried([part])[1] is None:
                return [part], [Fault(some[0], error, reduced=True)]
            return [], [Fault(some[0], error)]
        kept, faults = [], []
        for half in (some[: len(some) // 2], some[len(some) // 2 :]):
            _, failure = tried(half)
            sound, faulty = searched(half, failure) if failure else (list(half), [])
            kept += sound
            faults += faulty
        return kept, faults

    def clash(some: Sequence[Item], error: Exception) -> tuple[int, Exception]:
        """The first item that cannot be shown together with those before it."""
        sound, faulty = 0, len(some)
        while faulty - sound > 1:
            middle = (sound + faulty) // 2
            _, failure = tried(some[:middle])
            if failure:
                faulty, error = middle, failure
            else:
                sound = middle
        return faulty - 1, error

    shown, first = tried(items)
    if first is None:
        return shown, []  # type: ignore[return-value]  # without an error it is what show returned
    kept, faults = searched(items, first) if items else ([], [])
    while kept:
        shown, error = tried(kept)
        if error is None:
            return shown, faults  # type: ignore[return-value]
        index, error = clash(kept, error)
        faults.append(Fault(kept.pop(index), error))
    raise first
