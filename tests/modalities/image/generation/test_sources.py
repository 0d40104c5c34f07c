"""Images of files and folders: stored any way, streamed, or refused with the way to store them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from bench.errors import BenchError
from bench.modalities.image.generation.overlap import shared_images
from bench.modalities.image.generation.references import open_reference, why_impossible
from bench.modalities.image.generation.samples import sample_specs
from bench.modalities.image.generation.sources import ArraySource

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
    for found_out in (lambda source: source.require_usable(), lambda source: list(source.batches(4, 0))):
        with pytest.raises(BenchError, match=r"000.png is 8x6, 009.png is 9x9.*crop: center, size: 6"):
            found_out(spec.source())
    spec.source(limit=9).require_usable()
    cropped = spec.source({"crop": "center", "size": 6, "resize": "adm"})
    assert {part.shape[1:] for _, part in cropped.batches(4, 0)} == {(3, 6, 6)}


PREPROCESSING: tuple[dict[str, Any], ...] = (
    {"crop": "center", "size": 4},
    {"crop": "center", "size": 16},
    {"crop": "center", "size": 5, "resize": "tensor-bilinear", "antialias": False},
    {"crop": "none", "size": 3, "resize": "pil-lanczos"},
    {"crop": "tiles", "size": 3, "resize": "none", "smaller": "skip"},
)


@pytest.mark.parametrize("preprocessing", PREPROCESSING)
@pytest.mark.parametrize("limit", [None, 5])
def test_an_array_is_preprocessed_like_a_folder(tmp_path: Path, preprocessing, limit) -> None:
    folder, *arrays = (
        sample_specs((str(stored(tmp_path, how)),))[0].source(preprocessing, limit)
        for how in ("folder", "deflated", "npy")
    )
    expected = torch.cat([images for _, images in folder.batches(4, 2)])
    assert expected.shape[2:] != IMAGES.shape[1:3]
    for array in arrays:
        parts = list(array.batches(4, 2))
        assert torch.equal(torch.cat([images for _, images in parts]), expected)
        assert torch.equal(torch.cat([index for index, _ in parts]), torch.arange(len(folder)))
        assert max(len(index) for index, _ in parts) <= 4
        assert len(array) == len(folder)
        assert {what: len(names) for what, names in array.converted.items()} == {
            what: len(names) for what, names in folder.converted.items()
        }
        assert len({array.id(index) for index in range(len(array))}) == len(array)


def test_an_array_of_a_reference_is_preprocessed_or_refused(tmp_path: Path) -> None:
    path = stored(tmp_path, "npz")
    source = open_reference(path.name, str(path), PREPROCESSING[0]).source
    assert {tuple(images.shape[1:]) for _, images in source.batches(4, 0)} == {(3, 4, 4)}
    with pytest.raises(BenchError, match="8x6 is smaller than 7x7, which reference_preprocessing"):
        open_reference(path.name, str(path), {"crop": "center", "size": 7, "resize": "none", "smaller": "skip"})
    np.savez(path, arr_0=IMAGES, **statistics("mu", "sigma"))  # type: ignore[arg-type]
    with pytest.raises(BenchError, match="mu and sigma are of images as they were"):
        open_reference(path.name, str(path), PREPROCESSING[0])


@pytest.mark.parametrize("how", ["npz", "npy", "folder"])
@pytest.mark.parametrize("reference", ["deflated", "folder"])
def test_samples_that_are_the_reference_are_told(tmp_path: Path, how: str, reference: str) -> None:
    (tmp_path / "other").mkdir()
    (spec,) = sample_specs((str(stored(tmp_path, how)),))
    other = stored(tmp_path / "other", reference)
    name = "image-folder" if reference == "folder" else other.name
    for limit in (None, 5):
        assert "reference itself" in shared_images(
            spec.source(limit=limit), open_reference(name, str(other), None).source
        )
    np.savez(tmp_path / "last.npz", np.concatenate([IMAGES[:-1], 255 - IMAGES[-1:]]))
    (changed,) = sample_specs((str(tmp_path / "last.npz"),))
    assert not shared_images(changed.source(), open_reference(name, str(other), None).source)


def test_samples_among_the_files_of_the_reference_are_counted(tmp_path: Path) -> None:
    folder, own = stored(tmp_path, "folder"), tmp_path / "own"
    own.mkdir()
    for number in (9, 4):
        (own / f"{9 - number}.png").write_bytes((folder / f"{number:03}.png").read_bytes())
    Image.fromarray(255 - IMAGES[0]).save(own / "new.png")
    (spec,) = sample_specs((str(own),))
    told = shared_images(spec.source(), open_reference("image-folder", str(folder), None).source)
    assert told.startswith("2 of 3 samples are files of the reference")


def test_a_folder_without_images_is_refused_before_it_is_read(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_text("no image")
    (spec,) = sample_specs((str(tmp_path),))
    with pytest.raises(BenchError, match=r"0 of 2 images can be read.*a.png: not an image"):
        spec.source().require_usable()


@pytest.mark.parametrize("found_out", ["at once", "read"])
def test_a_reference_is_whole_or_refused(tmp_path: Path, found_out: str) -> None:
    folder = stored(tmp_path, "folder")
    data = (folder / "003.png").read_bytes()
    (folder / "003.png").write_bytes(b"" if found_out == "at once" else data[:-40])
    source = open_reference("image-folder", str(folder), None).source
    with pytest.raises(BenchError, match=r"003.png: .*move it out of the folder"):
        source.require_usable() if found_out == "at once" else list(source.batches(4, 0))


def test_conversions_are_noted(tmp_path: Path) -> None:
    folder = stored(tmp_path, "folder")
    Image.fromarray(IMAGES[0]).convert("P").save(folder / "001.png")
    (spec,) = sample_specs((str(folder),))
    source = spec.source()
    list(source.batches(4, 2))
    assert source.converted == {"palette": ["001.png"]}


DIMS = {"mu": (2048,), "sigma": (2048, 2048), "mu_s": (2023,), "sigma_s": (2023, 2023)}


def statistics(*names: str) -> dict[str, np.ndarray]:
    return {name: np.zeros(DIMS[name], np.float32) for name in names if name in DIMS}


@pytest.mark.parametrize(
    ("names", "images", "layers"),
    [
        (("arr_0", "mu", "sigma", "mu_s", "sigma_s"), 11, ("pool", "spatial")),
        (("mu", "sigma"), None, ("pool",)),
        (("arr_0", "labels"), 11, ()),
    ],
)
def test_a_reference_holds_images_statistics_or_both(tmp_path, names, images, layers):
    held = statistics(*names)
    np.savez_compressed(tmp_path / "ref.npz", **{name: held.get(name, IMAGES) for name in names})  # type: ignore[arg-type]
    reference = open_reference("ref.npz", str(tmp_path / "ref.npz"), None)
    assert (reference.source and len(reference.source), reference.layers) == (images, layers)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"mu": np.zeros(3)}, "mu only; it needs mu and sigma"),
        ({"labels": np.zeros(3)}, "mu and sigma; this holds labels"),
        ({"arr_0": IMAGES[:1]}, "at least 2"),
        ({"mu": np.zeros(10), "sigma": np.eye(10)}, r"shapes \[10\] and \[10, 10\]; of the 2048"),
        ({**statistics("sigma"), "mu": np.full(2048, np.nan)}, "mu has values that are not finite"),
        ({**statistics("sigma"), "mu": np.full(2048, "x")}, "mu is <U1"),
        ({**statistics("sigma"), "mu": np.full(2048, -1.0)}, r"mu has negative values \(to -1\)"),
        ({**statistics("mu"), "sigma": -np.eye(2048)}, "a variance on its diagonal is negative: -1;"),
        (
            {**statistics("mu"), "sigma": np.eye(2048) + np.eye(2048, k=1)},
            "sigma is not a covariance: it is not symmetric",
        ),
        (
            {**statistics("mu"), "sigma": np.eye(2048) - np.full((2048, 2048), 1e-3)},
            "in some direction the variance is neg",
        ),
        ({**statistics("mu"), "sigma": np.full((2048, 2048), 1e200)}, "too large to be squared"),
        ({**statistics("mu", "sigma", "mu_s"), "sigma_s": -np.eye(2023)}, "sigma_s is not a covariance"),
    ],
)
def test_a_reference_without_either_is_refused(tmp_path, arrays, message):
    np.savez(tmp_path / "ref.npz", **arrays)
    with pytest.raises(BenchError, match=message):
        open_reference("ref.npz", str(tmp_path / "ref.npz"), None)


def test_covariances_that_may_be_are_let_pass():
    """Of fewer samples than dimensions, computed in float32, and of samples that are all the same."""
    drawn = np.random.default_rng(0).standard_normal((50, 400)).astype(np.float32) * 30
    drawn -= drawn.mean(0)
    single = drawn.T @ drawn / 49
    for covariance in (
        np.cov(drawn, rowvar=False),
        single,
        single.astype(np.float64),
        np.zeros((9, 9)),
        np.ones((9, 9)),
    ):
        assert why_impossible(covariance) == ""


READ = """
import resource, sys
from pathlib import Path
from bench.modalities.image.generation.sources import ArraySource
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
    command: list[Any] = [sys.executable, "-c", READ, tmp_path / "large.npz", tmp_path / "small.npz"]
    grown = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert grown * (1 if sys.platform == "darwin" else 1024) < 20e6
