"""Every kind of image file is converted as stated, or refused with the reason."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageFile, ImageOps, PngImagePlugin

from bench.datasets.base import BadSample
from bench.machine.contents import content_hashes
from bench.modalities.image.datasets.decode import _rgb, decode, stored_size

RANDOM = np.random.default_rng(0)
RGB = RANDOM.integers(0, 256, (20, 30, 3), dtype=np.uint8)
DEEP = RANDOM.integers(0, 65536, (20, 30), dtype=np.uint16)
DEEP[0, :4] = 0, 128, 129, 65535
ALPHA = RANDOM.integers(0, 256, (20, 30), dtype=np.uint8)
PHOTO = Image.fromarray(RGB)
GREY = PHOTO.convert("L")
RGBA = Image.fromarray(np.dstack([RGB, ALPHA]))
LA = Image.merge("LA", (GREY, Image.fromarray(ALPHA)))


def png(
    pixels: np.ndarray, colour_type: int, bits: int = 16, extra: bytes = b"", claimed: tuple[int, int] | None = None
) -> bytes:
    """A PNG written by hand, since Pillow writes no 16-bit colours; its header claims another size if told to."""
    width, height = claimed or pixels.shape[1::-1]
    rows = b"".join(b"\0" + row.astype(">u2" if bits == 16 else "u1").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    parts = chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def stored(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def tiff(pixels: np.ndarray, photometric: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, photometric=photometric, **options)
    return buffer.getvalue()


def reopened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def converted(data: bytes) -> np.ndarray:
    return np.asarray(reopened(data).convert("RGB"))


def grey(levels: np.ndarray) -> np.ndarray:
    return np.repeat(levels.astype(np.uint8)[..., None], 3, axis=2)


def over_white(colours: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    weight = alpha[..., None] / 255
    return np.round(colours * weight + 255 * (1 - weight))


EIGHT_BIT = {
    "rgb png": (stored(PHOTO, "PNG"), ()),
    "rgb jpeg": (stored(PHOTO, "JPEG"), ()),
    "webp": (stored(PHOTO, "WEBP", lossless=True), ()),
    "bmp": (stored(PHOTO, "BMP"), ()),
    "greyscale jpeg": (stored(GREY, "JPEG"), ("greyscale",)),
    "bilevel png": (stored(GREY.convert("1"), "PNG"), ("bilevel",)),
    "palette png": (stored(PHOTO.quantize(16), "PNG"), ("palette",)),
    "cmyk jpeg": (stored(PHOTO.convert("CMYK"), "JPEG"), ("cmyk",)),
    "cmyk tiff": (stored(PHOTO.convert("CMYK"), "TIFF"), ("cmyk",)),
    "lab tiff": (stored(Image.merge("LAB", PHOTO.split()), "TIFF"), ("lab",)),
    "greyscale and alpha": (stored(LA, "PNG"), ("greyscale", "alpha dropped")),
    "rgba": (stored(RGBA, "PNG"), ("alpha dropped",)),
    "palette and one transparent": (stored(PHOTO.quantize(16), "PNG", transparency=3), ("palette", "alpha dropped")),
    "premultiplied": (tiff(np.dstack([RGB // 2, ALPHA | 128]), "rgb", extrasamples=["ASSOCALPHA"]), ("alpha dropped",)),
    "white is zero": (tiff(np.asarray(GREY), "miniswhite"), ("greyscale",)),
}


@pytest.mark.parametrize("data, notes", EIGHT_BIT.values(), ids=EIGHT_BIT)
def test_8_bit_images_become_what_pillow_converts_them_to(tmp_path: Path, data: bytes, notes: tuple[str, ...]) -> None:
    file = tmp_path / "image"
    file.write_bytes(data)
    image, found = decode(file)
    assert (image.mode, found) == ("RGB", notes)
    np.testing.assert_array_equal(np.asarray(image), converted(data))


ROUNDED = grey(np.round(DEEP / 257))
WHITE_KEY = np.where(DEEP == 65535, 255, np.round(DEEP / 257))
PORTABLE = b"P5 30 20 65535\n" + DEEP.astype(">u2").tobytes()
DEEP_GREY = {
    "png": (png(DEEP, 0), ROUNDED, "16-bit"),
    "tiff, little-endian": (tiff(DEEP, "minisblack", byteorder="<"), ROUNDED, "16-bit"),
    "tiff, big-endian": (tiff(DEEP, "minisblack", byteorder=">"), ROUNDED, "16-bit"),
    "tiff, white is zero": (tiff(DEEP, "miniswhite"), 255 - ROUNDED, "16-bit"),
    "pgm": (PORTABLE, ROUNDED, "16-bit"),
}


@pytest.mark.parametrize("data, expected, note", DEEP_GREY.values(), ids=DEEP_GREY)
def test_16_bit_grey_is_scaled_not_clipped(tmp_path: Path, data: bytes, expected: np.ndarray, note: str) -> None:
    file = tmp_path / "image"
    file.write_bytes(data)
    image, notes = decode(file)
    assert notes == ("greyscale", note)
    np.testing.assert_array_equal(np.asarray(image), expected)


@pytest.mark.parametrize("channels, colour_type", [(3, 2), (4, 6)])
def test_of_16_bit_colours_the_high_byte_is_kept(tmp_path: Path, channels: int, colour_type: int) -> None:
    deep = RANDOM.integers(0, 65536, (20, 30, channels), dtype=np.uint16)
    file = tmp_path / "image.png"
    file.write_bytes(png(deep, colour_type))
    image, notes = decode(file)
    assert notes == ("16-bit colour", "alpha dropped")[: channels - 2]
    np.testing.assert_array_equal(np.asarray(image), deep[..., :3] >> 8)
    assert np.abs(np.asarray(image) - np.round(deep[..., :3] / 257)).max() == 1


@pytest.mark.parametrize(
    "data, expected",
    [
        (stored(RGBA, "PNG"), over_white(RGB, ALPHA)),
        (stored(LA, "PNG"), over_white(grey(np.asarray(GREY)), ALPHA)),
        (
            png(RGB, 2, 8, chunk(b"tRNS", struct.pack(">3H", *RGB[0, 0]))),
            over_white(RGB, 255 * (RGB[0, 0] != RGB).any(2)),
        ),
        (png(DEEP, 0, 16, chunk(b"tRNS", struct.pack(">H", 0))), grey(np.where(DEEP == 0, 255, np.round(DEEP / 257)))),
    ],
    ids=["rgba", "grey and alpha", "transparent colour", "transparent 16-bit grey"],
)
def test_alpha_over_white(tmp_path: Path, data: bytes, expected: np.ndarray) -> None:
    file = tmp_path / "image.png"
    file.write_bytes(data)
    image, notes = decode(file, alpha="white")
    assert notes[-1] == "alpha over white"
    np.testing.assert_allclose(np.asarray(image), expected, atol=1)  # Pillow composites in integers


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "MPO"])
def test_the_first_frame_of_an_animation_counts(tmp_path: Path, kind: str) -> None:
    frames = [Image.new("RGB", (30, 20), colour) for colour in ("red", "lime", "blue")]
    file = tmp_path / "moving"
    options = {"lossless": True} if kind == "WEBP" else {}
    frames[0].save(file, kind, save_all=True, append_images=frames[1:], **options)
    image, notes = decode(file)
    assert notes[0] == "first frame"
    np.testing.assert_allclose(np.asarray(image), np.asarray(frames[0]), atol=1)  # MPO holds JPEGs


@pytest.mark.parametrize("turn", range(1, 9))
def test_exif_orientation_is_ignored_or_applied(tmp_path: Path, turn: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    data = stored(PHOTO, "PNG", exif=exif)
    file = tmp_path / "turned.png"
    file.write_bytes(data)
    upright = ImageOps.exif_transpose(reopened(data))
    ignored, notes = decode(file)
    applied, more = decode(file, orientation="apply")
    np.testing.assert_array_equal(np.asarray(ignored), RGB)
    np.testing.assert_array_equal(np.asarray(applied), np.asarray(upright))
    assert stored_size(file, orientation="apply") == upright.size
    assert (notes, more) == (((), ()) if turn == 1 else (("exif orientation ignored",), ("exif orientation applied",)))


@pytest.mark.parametrize("orientation", ["ignore", "apply"])
def test_tiff_orientation_is_applied_once(tmp_path: Path, orientation: Any) -> None:
    file = tmp_path / "turned.tif"
    PHOTO.save(file, tiffinfo={0x0112: 6})
    image, _ = decode(file, orientation=orientation)
    np.testing.assert_array_equal(np.asarray(image), np.rot90(RGB, -1))
    assert stored_size(file, orientation=orientation) == image.size


@pytest.mark.parametrize("profile", ["\n\n\nno hexadecimal", "\n\n\n" + b"Exif\0\0garbage!".hex()])
def test_a_damaged_exif_block_turns_nothing(tmp_path: Path, profile: str) -> None:
    file = tmp_path / "image.png"
    text = PngImagePlugin.PngInfo()
    text.add_text("Raw profile type exif", profile)
    PHOTO.save(file, pnginfo=text)
    assert decode(file, orientation="apply")[0].size == PHOTO.size


REFUSED = {
    "empty": (b"", "empty file"),
    "text": (b"not an image at all\n" * 50, "not an image"),
    "jpeg cut": (stored(PHOTO, "JPEG", quality=95)[:-300], "truncated"),
    "png cut": (stored(PHOTO, "PNG")[:-500], "truncated"),
    "webp cut": (stored(PHOTO, "WEBP")[:-100], "cannot be decoded"),
    "gif cut": (stored(PHOTO, "GIF")[:-200], "truncated"),
    "jpeg header only": (stored(PHOTO, "JPEG")[:25], "cannot be decoded|not an image"),
    "zero-size": (png(np.zeros((0, 5)), 0, 8), "not an image|pixels"),
    "decompression bomb": (png(np.zeros((1, 1)), 0, 8, claimed=(60000, 60000)), "3600000000 pixels"),
    "float tiff": (tiff(DEEP.astype(np.float32), "minisblack"), "range the file does not state"),
    "32-bit tiff": (tiff(DEEP.astype(np.uint32), "minisblack"), "range the file does not state"),
    "signed tiff": (tiff((DEEP // 2).astype(np.int16), "minisblack"), "range the file does not state"),
    "signed bytes": (tiff((DEEP // 512).astype(np.int8), "minisblack"), "range the file does not state"),
    "16-bit planes": (tiff(np.stack([DEEP] * 3), "rgb", planarconfig="separate"), "separate planes"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", "not an image"),
}


@pytest.mark.parametrize("data, reason", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_measured_says_why(tmp_path: Path, data: bytes, reason: str) -> None:
    file = tmp_path / "image.png"
    file.write_bytes(data)
    with pytest.raises(BadSample, match=reason) as refused:
        decode(file)
    assert str(tmp_path) not in str(refused.value), "reasons are the same on every machine"


def test_truncated_files_are_refused_whatever_another_library_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cut.jpg"
    file.write_bytes(REFUSED["jpeg cut"][0])
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(BadSample, match="truncated"):
        decode(file)


def test_bombs_are_refused_whatever_another_library_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "bomb.png"
    file.write_bytes(REFUSED["decompression bomb"][0])
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    with pytest.raises(BadSample, match="60000x60000 pixels"):
        decode(file)


def test_a_mode_without_conversion_is_a_bad_sample() -> None:
    with pytest.raises(BadSample, match="color mode La"):
        _rgb(Image.new("La", (2, 2)), "drop")


def test_missing_files_and_folders_are_bad_samples(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.png", tmp_path):
        with pytest.raises(BadSample, match="cannot be read"):
            decode(path)


@pytest.mark.parametrize(
    "content, message",
    [(b"P6\n" + b"#c\n" * 2_000_000 + b"8 8\n255\n" + bytes(192), "a header of more than 65536 bytes"),
     (b"P3\n8 8\n255\n" + (b"0 " + b"#c\n" * 1_000) * 192, "192000 comments; at most 1000 are read")],
    ids=["header", "pixels"],
)  # fmt: skip
def test_comments_without_end_are_refused_at_once(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.ppm").write_bytes(content)
    for read in (decode, stored_size):
        with pytest.raises(BadSample, match=message):
            read(tmp_path / "a.ppm")


@pytest.mark.parametrize("head", [b"P6\n# one\n# two\n2 1\n# three\n255\n", b"P6 2 1 255 "])
def test_a_few_comments_are_read(tmp_path: Path, head: bytes) -> None:
    (tmp_path / "a.ppm").write_bytes(head + bytes(range(6)))
    assert np.asarray(decode(tmp_path / "a.ppm")[0]).ravel().tolist() == list(range(6))


def test_a_file_that_no_image_can_be_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.png").open("wb") as stream:
        stream.truncate(50 * 2**30)
    with pytest.raises(BadSample, match="has 53687091200 bytes; at most"):
        decode(tmp_path / "a.png")
    assert content_hashes([tmp_path / "a.png"]) == [None]
