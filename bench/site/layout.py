"""Shapes in which a plot is drawn, and the positions of its values in them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from bench.site.plots import Plot

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont


@dataclass(frozen=True)
class Frame:
    """The area of a plot, in pixels; a pixel is a point in the files for papers.

    Attributes:
        width, height: of the whole area.
        left, right, top, bottom: margins around the axes.
        text: font size of labels.
    """

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    text: float

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of the axes, in pixels."""
        return self.left, self.top, self.width - self.right, self.height - self.bottom

    def position(self, plot: Plot, x: float, y: float) -> tuple[float, float]:
        """Return the position of a pair of values, in pixels from the left and from the top."""
        left, top, right, bottom = self.box
        return round(left + plot.x.at(x) * (right - left), 2), round(top + (1 - plot.y.at(y)) * (bottom - top), 2)


WIDE = Frame(width=640, height=400, left=58, right=14, top=30, bottom=48, text=11.5)
PAPER = replace(WIDE, text=9)
"""For the files, whose letters have the size of those in a paper's figures."""
NARROW = Frame(width=350, height=370, left=44, right=8, top=30, bottom=48, text=11)
"""For phones, where the wide shape would be unreadably small, or cut."""


@cache
def text_width(text: str, size: float, bold: bool = False) -> float:
    """Return the width of a line of text in pixels, in DejaVu Sans: the files' font, wider than most systems' fonts."""
    return _font(bold).getlength(text) * size / _DRAWN_AT


_DRAWN_AT = 64


@cache
def _font(bold: bool) -> FreeTypeFont:
    from matplotlib import get_data_path
    from PIL import ImageFont

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(f"{get_data_path()}/fonts/ttf/{name}", _DRAWN_AT)
