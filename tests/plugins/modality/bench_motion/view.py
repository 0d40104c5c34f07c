"""How motions are shown on the site: the path of the joints as a line."""

from __future__ import annotations

from bench.errors import BenchError
from bench.modalities.view import Side, View


class MotionView(View):
    """A line through the positions, the first joint to the right and the second one up."""

    suffixes = (".csv",)

    def side(self, data: bytes) -> Side:
        """The ``points`` of an SVG polyline in a box of 200 by 200."""
        try:
            steps = [tuple(map(float, line.split(","))) for line in data.decode().split()]
        except ValueError as error:
            raise BenchError(f"not a table of numbers: {error}") from error
        return Side({"points": " ".join(f"{100 + 95 * x:.1f},{100 - 95 * y:.1f}" for x, y in steps)})
