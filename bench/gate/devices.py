"""Identity of devices: speeds and memory compare only between results measured on the same one."""

from __future__ import annotations

from collections.abc import Mapping

from bench.contracts.results import Result

NEAR = 0.03
"""Relative difference of what a system reports about a device (clock, memory) between two starts of one machine."""


def apart(before: Result, after: Result) -> str:
    """Return why the speeds of two results do not compare; empty if nothing speaks against it."""
    places = [_place(result) for result in (before, after)]
    if places[0] != places[1] or None in (before.cost, after.cost):
        return f"measured on different devices: {places[0]} before, {places[1]} after"
    assert before.cost and after.cost
    differing = _differing(before.cost.hardware, after.cost.hardware)
    if before.cost.hardware and after.cost.hardware and differing:
        fields = ", ".join(f"{field} {was} before, {now} after" for field, (was, now) in differing.items())
        return f"measured on different devices named {after.cost.device!r}: {fields}"
    return ""


def unknown(before: Result, after: Result) -> str:
    """Return why it is unknown whether two results come from one device, although the names agree; empty if known.

    Virtual processors are often named by their family, such as "AMD EPYC", which stands for a hundred models.
    """
    for side, result in (("before", before), ("after", after)):
        if result.cost is None or not result.cost.hardware:
            name = result.cost.device if result.cost else "an unknown device"
            return (
                f"{name!r} may name several processors, and the result {side} does not record which; measure it again"
            )
    return ""


def same(before: Result, after: Result) -> bool:
    """Whether two results are known to come from one device, with the same batch size and threads."""
    return not apart(before, after) and not unknown(before, after)


def _place(result: Result) -> str:
    if result.cost is None:
        return "an unknown device"
    threads = result.environment.get("threads")
    used = f", {threads} threads" if threads else ""
    return f"{result.cost.device}{used}, batch size {result.cost.batch_size}"


def _differing(
    before: Mapping[str, str | float], after: Mapping[str, str | float]
) -> dict[str, tuple[str | float, str | float]]:
    """Fields that differ by more than between two starts of one machine, with both values."""
    differing = {}
    for field in sorted(before.keys() | after.keys()):
        was, now = before.get(field, "unknown"), after.get(field, "unknown")
        if isinstance(was, float) and isinstance(now, float):
            differs = abs(was - now) > NEAR * max(abs(was), abs(now))
        else:
            differs = was != now
        if differs:
            differing[field] = (was, now)
    return differing
