"""Images of files and folders: stored any way, streamed, or refused with the way to store them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bench.errors import BenchError
from bench.generation.references import open_reference
from bench.generation.samples import sample_specs
from bench.generation.sources import ArraySource

IMAGES = np.random.default_rng(0).integers(0, 256, (11, 6, 8, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))


def stored(tmp_path: Path, how: str) -> Path:
    path = tmp_path / ("images.npy" if how == "npy" else "images.npz")
    if how == "npy":
        np.save(path, IMAGES)
    elif how == "folder":
        path = tmp_path / "folder"
        path.mkdir()
        for number, image in enumerate(IMAGES):
            Image.fromarray(image).save(path / f"{number:03}.png")
    else:
        {"npz": np.savez, "deflated": np.savez_compressed}[how](path, IMAGES)
    return path


@pytest.mark.parametrize("how", ["npz", "deflated", "npy", "folder"])
@pytest.mark.parametrize(("limit", "expected"), [(None, 11), (5, 5), (99, 11)])
def test_the_images_come_as_they_are_stored(tmp_path: Path, how: str, limit: int | None, expected: int) -> None:
    (spec,) = sample_specs((str(stored(tmp_path, how)),))
    source = spec.source(limit=limit)
    parts = list(source.batches(4, 2))
    assert torch.equal(torch.cat([index for index, _ in parts]), torch.arange(expected))
    images = torch.cat([part for _, part in parts])
    assert np.array_equal(images.permute(0, 2, 3, 1).numpy(), IMAGES[:expected])
    assert len(source) == expected
    assert spec.identity() == spec.identity()


def test_the_contents_are_the_identity(tmp_path: Path) -> None:
    one, moved, other = tmp_path / "a" / "s.npz", tmp_path / "b" / "s.npz", tmp_path / "t.npz"
    for path, images in ((one, IMAGES), (moved, IMAGES), (other, IMAGES[::-1])):
        path.parent.mkdir(exist_ok=True)
        np.savez(path, images)
    specs = sample_specs((str(one), str(moved), str(other)))
    assert [spec.text for spec in specs] == ["a/s.npz", "b/s.npz", f"{tmp_path.name}/t.npz"]
    assert specs[0].identity() == specs[1].identity() != specs[2].identity()


FLOATS = IMAGES / 255


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": IMAGES}, "no arr_0; it holds images"),
        ({"arr_0": FLOATS}, r"float64; store uint8 .* 0 to 0.9.*: save \(array \* 255\)"),
        ({"arr_0": FLOATS * 2 - 1}, r"-1 to 0.9.*: save \(\(array \+ 1\) \* 127.5\)"),
        ({"arr_0": FLOATS.astype(np.float32) * 255}, r"float32; .* 0 to 24.: save array.round\(\)"),
        ({"arr_0": FLOATS * np.nan}, "float64; .*not finite"),
        ({"arr_0": FLOATS * 9 - 4}, r"the first image has -4 to 4.*\d$"),
        ({"arr_0": IMAGES.astype(np.int64)}, r"arr_0 is int64; store uint8 .* 0 to 24.: save array.astype"),
        ({"arr_0": IMAGES.astype("U3")}, "0 to 255$"),
        ({"arr_0": IMAGES.transpose(0, 3, 1, 2).copy()}, r"channels first; save array.transpose\(0, 2, 3, 1\)"),
        ({"arr_0": IMAGES[..., :2]}, r"shape \[11, 6, 8, 2\]"),
        ({"arr_0": IMAGES[0]}, r"shape \[6, 8, 3\]"),
        ({"arr_0": np.asfortranarray(IMAGES)}, "ascontiguousarray"),
        ({"arr_0": np.array([{}])}, "is object"),
        ({"arr_0": IMAGES[:, :0]}, "without pixels"),
    ],
)
def test_other_arrays_are_refused_with_the_way_to_store_them(tmp_path, arrays, message):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(BenchError, match=message):
        ArraySource(tmp_path / "x.npz")


@pytest.mark.parametrize("how", ["npz", "deflated", "npy"])
def test_a_damaged_file_is_named(tmp_path: Path, how: str) -> None:
    path = stored(tmp_path, how)
    data = bytearray(path.read_bytes())
    if how == "npy":
        data[10:30] = b" " * 20
    else:
        data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(BenchError, match=path.name):
        list(ArraySource(path).batches(4, 0))
    path.write_bytes(b"not an array at all")
    with pytest.raises(BenchError, match=r"not an (.npz file|array)"):
        ArraySource(path)


@pytest.mark.parametrize("how", ["npz", "npy"])
def test_a_file_cut_short_is_told_when_it_is_opened(tmp_path: Path, how: str) -> None:
    path = stored(tmp_path, how)
    path.write_bytes(path.read_bytes()[:-700])
    with pytest.raises(BenchError, match="cut short"):
        ArraySource(path)


@pytest.mark.parametrize(
    ("paths", "message"), [(("nowhere.npz",), "no such file"), ((__file__,), "give an .npz with arr_0")]
)
def test_paths_that_are_no_samples(paths, message):
    with pytest.raises(BenchError, match=message):
        sample_specs(paths)


def test_images_of_different_sizes_are_refused(tmp_path: Path) -> None:
    folder = stored(tmp_path, "folder")
    Image.new("RGB", (9, 9)).save(folder / "009.png")
    (spec,) = sample_specs((str(folder),))
    for found_out in (lambda source: source.refuse_unusable(), lambda source: list(source.batches(4, 0))):
        with pytest.raises(BenchError, match=r"000.png is 8x6, 009.png is 9x9.*crop: center, size: 6"):
            found_out(spec.source())
    spec.source(limit=9).refuse_unusable()
    cropped = spec.source({"crop": "center", "size": 6, "resize": "adm"})
    assert {part.shape[1:] for _, part in cropped.batches(4, 0)} == {(3, 6, 6)}


def test_a_folder_without_images_is_refused_before_it_is_read(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("no image")
    (spec,) = sample_specs((str(tmp_path),))
    with pytest.raises(BenchError, match=r"0 of 2 images can be read.*a.txt: not an image"):
        spec.source().refuse_unusable()


@pytest.mark.parametrize("found_out", ["at once", "read"])
def test_a_reference_is_whole_or_refused(tmp_path: Path, found_out: str) -> None:
    folder = stored(tmp_path, "folder")
    data = (folder / "003.png").read_bytes()
    (folder / "003.png").write_bytes(b"" if found_out == "at once" else data[:-40])
    source = open_reference("image-folder", str(folder), None).source
    with pytest.raises(BenchError, match=r"003.png: .*move it out of the folder"):
        source.refuse_unusable() if found_out == "at once" else list(source.batches(4, 0))


def test_conversions_are_noted(tmp_path: Path) -> None:
    folder = stored(tmp_path, "folder")
    Image.fromarray(IMAGES[0]).convert("P").save(folder / "001.png")
    (spec,) = sample_specs((str(folder),))
    source = spec.source()
    list(source.batches(4, 2))
    assert source.converted == {"palette": ["001.png"]}


@pytest.mark.parametrize(
    ("names", "images", "layers"),
    [
        (("arr_0", "mu", "sigma", "mu_s", "sigma_s"), 11, ("pool", "spatial")),
        (("mu", "sigma"), None, ("pool",)),
        (("arr_0", "labels"), 11, ()),
    ],
)
def test_a_reference_holds_images_statistics_or_both(tmp_path, names, images, layers):
    np.savez(tmp_path / "ref.npz", **{name: IMAGES if name == "arr_0" else np.zeros(3) for name in names})
    reference = open_reference("ref.npz", str(tmp_path / "ref.npz"), None)
    assert (reference.source and len(reference.source), reference.layers) == (images, layers)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"mu": np.zeros(3)}, "mu alone; it needs mu and sigma"),
        ({"labels": np.zeros(3)}, "mu and sigma; this holds labels"),
        ({"arr_0": IMAGES[:1]}, "at least 2"),
    ],
)
def test_a_reference_without_either_is_refused(tmp_path, arrays, message):
    np.savez(tmp_path / "ref.npz", **arrays)
    with pytest.raises(BenchError, match=message):
        open_reference("ref.npz", str(tmp_path / "ref.npz"), None)


READ = """
import resource, sys
from pathlib import Path
from bench.generation.sources import ArraySource
next(iter(ArraySource(Path(sys.argv[2])).batches(8, 0)))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert sum(len(part) for _, part in ArraySource(Path(sys.argv[1])).batches(8, 0)) == 3000
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_stays_flat(tmp_path: Path) -> None:
    """147 MB of images, deflated, take the memory of a batch."""
    zeros = np.zeros((3000, 128, 128, 3), np.uint8)
    np.savez_compressed(tmp_path / "large.npz", zeros)
    np.savez(tmp_path / "small.npz", zeros[:8])
    assert zeros.nbytes > 140e6
    command = [sys.executable, "-c", READ, tmp_path / "large.npz", tmp_path / "small.npz"]
    grown = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert grown * (1 if sys.platform == "darwin" else 1024) < 20e6
