"""Image files to 8-bit RGB: what is accepted, what is converted and how, what is rejected and why.

Color profiles are ignored and CMYK, YCbCr and Lab are converted by Pillow's formulas, as published
evaluations do. Truncated files are rejected, never filled up.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from bench.datasets.base import BadSample
from bench.machine.files import MOST_BYTES_OF_A_SAMPLE, open_stored

Orientation = Literal["ignore", "apply"]
Alpha = Literal["drop", "white"]

MAX_PIXELS = 178_956_970  # where Pillow stops, too: twice a quarter of a gibibyte in RGB

Image.init()
# No EPS (which runs Ghostscript), no metafiles, no format without a signature (which text may resemble).
FORMATS = tuple(
    name
    for name in ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "QOI", "TIFF", "WEBP")
    if name in Image.OPEN
)

# Written out, since a fingerprint must not depend on what this machine's Pillow knows. Those of formats that are not
# read are among them: such files are images that cannot be measured, which must be reported.
SUFFIXES = frozenset(
    (
        *(".apng", ".avif", ".avifs", ".bmp", ".dib", ".exr", ".gif", ".hdr", ".heic", ".heif", ".ico", ".j2c", ".j2k"),
        *(".jfif", ".jp2", ".jpc", ".jpe", ".jpeg", ".jpf", ".jpg", ".jpx", ".jxl", ".pbm", ".pfm", ".pgm", ".png"),
        *(".pnm", ".ppm", ".psd", ".qoi", ".svg", ".tga", ".tif", ".tiff", ".webp"),
    )
)
"""Endings of the names of image files, in lower case."""

_MODE_NAMES = {
    "1": "bilevel",
    "L": "greyscale",
    "LA": "greyscale",
    "P": "palette",
    "PA": "palette",
    "CMYK": "cmyk",
    "YCbCr": "ycbcr",
    "LAB": "lab",
}
_ANYMAP, _COMMENT = re.compile(rb"P[1-6yYfF]\s"), re.compile(rb"#[^\r\n]*")
_MOST_HEADER, _MOST_COMMENTS = 1 << 16, 1_000
_EXIF_ORIENTATION = 0x0112
_TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_TIFF_BITS, _TIFF_PHOTOMETRIC, _TIFF_SAMPLE_FORMAT = 258, 262, 339
_TIFF_UNSIGNED, _TIFF_WHITE_IS_ZERO = 1, 0


def decode(
    path: Path, *, orientation: Orientation = "ignore", alpha: Alpha = "drop"
) -> tuple[Image.Image, tuple[str, ...]]:
    """The first frame of an image file as an RGB image, and the conversions that took.

    Gray levels of 16 bits become ``round(v / 257)`` (of n bits: ``round(255 v / (2**n - 1))``). Of 16-bit
    colors Pillow keeps the high byte, ``v // 256``, at most one level from the rounded value; that is noted as
    ``16-bit colour``. Without a stated range (floats, signed and 32-bit integers) there is no 8-bit value: rejected.

    Args:
        orientation: whether EXIF's orientation is applied. TIFF's own is part of the format; Pillow always applies it.
        alpha: drop the alpha channel and keep the colors under it, or composite over white.

    Raises:
        BadSample: the file cannot be read, is not an image, is damaged, or does not state the range of its samples.
    """
    with _opened(path) as image:
        first_of_many = bool(getattr(image, "is_animated", False))
        rawmode = _rawmode(image)
        image.load()
        turn = _orientation(image)
    notes = ["first frame"] if first_of_many else []
    deep = _deep_gray(image, alpha)
    if ";16" in rawmode and deep is None:
        notes.append("16-bit colour")
    if deep is not None:
        bits, gray = deep
        notes += ["greyscale", f"{bits}-bit"]
        notes += _alpha_note(image, alpha)
        rgb = gray.convert("RGB")
    else:
        notes += [_MODE_NAMES[image.mode]] if image.mode in _MODE_NAMES else []
        notes += _alpha_note(image, alpha)
        rgb = _rgb(image, alpha)
    if turn in _TRANSPOSITIONS:
        notes.append("exif orientation applied" if orientation == "apply" else "exif orientation ignored")
        if orientation == "apply":
            rgb = rgb.transpose(_TRANSPOSITIONS[turn])
    return rgb, tuple(notes)


def stored_size(path: Path, *, orientation: Orientation = "ignore") -> tuple[int, int]:
    """Width and height that ``decode`` will give, from the header alone where the format allows.

    Raises:
        BadSample: the header cannot be read.
    """
    with _opened(path) as image:
        turned = orientation == "apply" and image.format != "TIFF" and _orientation(image) >= 5
        width, height = image.size
        return (height, width) if turned else (width, height)


@contextmanager
def _opened(path: Path) -> Iterator[ImageFile.ImageFile]:
    """The image in a file, its pixels not yet read; errors in the block become BadSample."""
    # Some libraries set this for the whole process; a truncated image would then end in gray unnoticed.
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        stream = open_stored(path, most=MOST_BYTES_OF_A_SAMPLE)
    except OSError as error:
        raise BadSample(f"cannot be read: {error.strerror}") from error
    with stream:
        if os.fstat(stream.fileno()).st_size == 0:
            raise BadSample("empty file")
        _reject_endless_header(stream)
        try:
            image = Image.open(stream, formats=FORMATS)
            width, height = image.size
            if not 0 < width * height <= MAX_PIXELS:
                raise BadSample(f"{width}x{height} pixels; between 1 and {MAX_PIXELS} are read")
            yield image
        except (BadSample, MemoryError):
            raise
        except UnidentifiedImageError as error:
            raise BadSample(f"not an image, or damaged at its beginning; formats read: {', '.join(FORMATS)}") from error
        except Exception as error:  # on damaged files Pillow raises whatever its parsers stumble over
            raise BadSample(f"cannot be decoded: {error or type(error).__name__}") from error


def _reject_endless_header(stream: IO[bytes]) -> None:
    """Raise BadSample for a portable anymap with so many comments that Pillow would read them for hours."""
    head = stream.read(_MOST_HEADER)
    stream.seek(0)
    if not _ANYMAP.match(head):
        return
    if len(head) == _MOST_HEADER and len(_COMMENT.sub(b" ", head).split(None, 4)) < 4:
        raise BadSample(f"a header of more than {_MOST_HEADER} bytes")
    if head[1:2] in b"123":  # written as text, where comments may stand among the pixels
        comments = sum(block.count(b"#") for block in iter(lambda: stream.read(1 << 20), b""))
        stream.seek(0)
        if comments > _MOST_COMMENTS:
            raise BadSample(f"{comments} comments; at most {_MOST_COMMENTS} are read")


def _rawmode(image: ImageFile.ImageFile) -> str:
    """How the samples are stored, such as ``RGB;16B``; rejects what Pillow would misread or cannot scale."""
    arguments = image.tile[0].args if image.tile else ""
    rawmode = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    rawmode = rawmode if isinstance(rawmode, str) else ""
    if image.format == "TIFF":
        if any(kind != _TIFF_UNSIGNED for kind in _tiff_tag(image, _TIFF_SAMPLE_FORMAT, _TIFF_UNSIGNED)):
            raise BadSample("signed or floating-point samples, whose range the file does not state; store 8 or 16 bits")
        # Pillow takes the bytes of uncompressed planes of 16 bits for planes of 8.
        if len(image.getbands()) > 1 and ";16" not in rawmode and max(_tiff_tag(image, _TIFF_BITS, 8)) > 8:
            raise BadSample("16-bit TIFF in separate planes, which Pillow misreads; store it interleaved")
    if image.mode == "F" or (image.mode == "I" and image.format not in ("PNG", "PPM")):
        raise BadSample("32-bit samples, whose range the file does not state; store 8 or 16 bits")
    return rawmode


def _tiff_tag(image: Image.Image, tag: int, default: int) -> tuple[int, ...]:
    value = image.tag_v2.get(tag, default) if image.format == "TIFF" else default  # type: ignore[attr-defined]
    return value if isinstance(value, tuple) else (value,)


def _orientation(image: Image.Image) -> int:
    """EXIF's orientation, 1 (upright) to 8; 1 if the EXIF block is damaged."""
    try:
        value = image.getexif().get(_EXIF_ORIENTATION, 1)
    except Exception:
        return 1
    return value if value in _TRANSPOSITIONS else 1


def _deep_gray(image: Image.Image, alpha: Alpha) -> tuple[int, Image.Image] | None:
    """Bits and 8-bit version of a gray image with more than 8 bits; None if it is none.

    Pillow's own conversion clips at 255 instead of scaling.
    """
    if not image.mode.startswith("I"):
        return None
    bits = _tiff_tag(image, _TIFF_BITS, 16)[0]
    peak = 2**bits - 1
    values = np.asarray(image).astype(np.uint32)
    scaled = (values * 510 + peak) // (2 * peak)
    if image.format == "TIFF" and _tiff_tag(image, _TIFF_PHOTOMETRIC, 1)[0] == _TIFF_WHITE_IS_ZERO:
        scaled = 255 - scaled  # Pillow inverts such images of 8 bits only
    if alpha == "white" and "transparency" in image.info:
        scaled[values == image.info["transparency"]] = 255
    return bits, Image.fromarray(scaled.astype(np.uint8))


def _alpha_note(image: Image.Image, alpha: Alpha) -> list[str]:
    if not image.has_transparency_data:
        return []
    return ["alpha over white" if alpha == "white" else "alpha dropped"]


def _rgb(image: Image.Image, alpha: Alpha) -> Image.Image:
    try:
        if not image.has_transparency_data:
            return image.convert("RGB")
        layers = image.convert("RGBA")
        if alpha == "white":
            layers = Image.alpha_composite(Image.new("RGBA", layers.size, "white"), layers)
        return layers.convert("RGB")
    except ValueError as error:
        raise BadSample(f"color mode {image.mode} has no conversion to RGB; store RGB") from error
