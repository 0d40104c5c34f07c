"""Any folder of images: what is found, in which order, how it is cut, and when it counts as changed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bench.datasets.base import BadSample, Limited
from bench.datasets.loader import ordered
from bench.errors import BenchError
from bench.machine import file_hashes
from bench.modalities.image.datasets.decode import FORMATS, SUFFIXES
from bench.modalities.image.datasets.image_folder import ImageFolder
from bench.modalities.image.datasets.images import ImagePreprocessing
from bench.modalities.image.datasets.skimage_photos import SkimagePhotos

RANDOM = np.random.default_rng(1)
TILES = {"crop": "tiles", "size": 32, "resize": "none", "smaller": "skip"}
SMALL = {"size": 32}


def save(path: Path, width: int = 40, height: int = 36) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = RANDOM.integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, "PNG")
    return pixels


def ids(dataset: ImageFolder) -> list[str]:
    return [dataset.id(index) for index in range(len(dataset))]


def test_every_visible_file_in_the_order_of_its_path(folder: Path) -> None:
    names = ["b.png", "B.png", "a/z.png", "a-b.png", "a/a.png", "with space/ünï.png", "x.png/inside.png", "图.png"]
    for name in [*names, ".hidden.png", ".git/hidden.png", "a/.DS_Store"]:
        save(folder / name)
    (folder / "notes.png").write_text("no image")
    os.mkfifo(folder / "pipe.png")
    dataset = ImageFolder(SMALL, data=str(folder))
    assert ids(dataset) == sorted([*names, "notes.png"], key=str.encode)
    assert [dataset.files[index].group for index in range(len(dataset))] == list(range(len(dataset)))
    found = dict(ordered(dataset, 2, 4))
    bad = {dataset.id(index): str(sample) for index, sample in found.items() if isinstance(sample, BadSample)}
    assert list(bad) == ["notes.png"]
    assert "not an image" in bad["notes.png"]
    assert [sample.id for sample in dataset] == [name for name in ids(dataset) if name != "notes.png"]


def test_names_that_are_no_utf8_can_be_stored(folder: Path) -> None:
    save(folder / "fine.png")
    shutil.copy(os.fsencode(folder / "fine.png"), os.fsencode(folder) + b"/\xff.png")
    dataset = ImageFolder(SMALL, data=str(folder))
    assert ids(dataset) == ["fine.png", "\\xff.png"]
    assert dataset.load(1).signal.shape == (3, 32, 32)
    assert len(dataset.fingerprint) == 64


def test_links_are_followed_and_loops_end(folder: Path, tmp_path: Path) -> None:
    save(tmp_path / "elsewhere" / "far.png")
    save(folder / "own" / "near.png")
    (folder / "a-link").symlink_to(tmp_path / "elsewhere")
    (folder / "a-link-to-own").symlink_to(folder / "own")
    (folder / "own" / "loop").symlink_to(folder)
    (folder / "gone.png").symlink_to(tmp_path / "nothing")
    (folder / "self.png").symlink_to(folder / "self.png")
    dataset = ImageFolder(SMALL, data=str(folder))
    assert ids(dataset) == ["a-link/far.png", "gone.png", "own/near.png", "self.png"]
    for index in (1, 3):
        with pytest.raises(BadSample, match="cannot be read"):
            dataset.load(index)
    assert dataset.hashes[1] is None


def test_of_many_links_to_a_folder_the_first_counts(folder: Path, tmp_path: Path) -> None:
    for target in "12345":
        save(tmp_path / target / "far.png")
        for name in "dbac":
            (folder / f"{target}{name}").symlink_to(tmp_path / target)
    assert ids(ImageFolder(SMALL, data=str(folder))) == [f"{target}a/far.png" for target in "12345"]


@pytest.mark.parametrize(
    "data, message",
    [
        (None, "--data PATH"),
        ("nothing", "no such folder; give a folder"),
        ("file.png", "is a file; give a folder"),
        ("images", "no image files in this folder"),
    ],
)
def test_wrong_folders(folder: Path, tmp_path: Path, data: str | None, message: str) -> None:
    save(tmp_path / "file.png")
    save(folder / ".only-hidden.png")
    with pytest.raises(BenchError, match=message):
        ImageFolder(data=data and str(tmp_path / data))


@pytest.fixture
def locked() -> Iterator[Path]:
    """A folder with a subfolder that may not be read, as seen by somebody who is not root."""
    root = Path(tempfile.mkdtemp())
    root.chmod(0o755)
    (root / "locked").mkdir(mode=0o000)
    save(root / "image.png")
    (root / "image.png").chmod(0o000)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield root
    os.seteuid(user)
    (root / "locked").chmod(0o700)
    shutil.rmtree(root)


def test_what_may_not_be_read_is_not_passed_over(locked: Path) -> None:
    with pytest.raises(BenchError, match="locked: Permission denied; make it readable"):
        ImageFolder(SMALL, data=str(locked))
    with pytest.raises(BenchError, match="inside: Permission denied; make it readable"):
        ImageFolder(SMALL, data=str(locked / "locked" / "inside"))


def test_a_file_that_may_not_be_read_is_named(locked: Path) -> None:
    user = os.geteuid()
    os.seteuid(os.getuid())
    (locked / "locked").chmod(0o755)
    os.seteuid(user)
    with pytest.raises(BadSample, match="Permission denied"):
        ImageFolder(SMALL, data=str(locked)).load(0)


def test_wrong_settings(folder: Path) -> None:
    save(folder / "a.png")
    for settings, message in [
        ({"crop": "middle"}, "crop: 'middle' is not 'tiles', 'center' or 'none'"),
        ({"sise": 3}, "sise: no such setting; did you mean size"),
        ({"size": 0}, "size: "),
        ({"resize": "none"}, "'upscale' needs a kernel"),
        ({"crop": "tiles", "smaller": "skip"}, "native resolution"),
        ({"antialias": False}, "tensor-bilinear"),
    ]:
        with pytest.raises(BenchError, match=message):
            ImageFolder(settings, data=str(folder))  # type: ignore[arg-type]
    with pytest.raises(BenchError, match="no split 'val'; choose from all"):
        ImageFolder(split="val", data=str(folder))


def test_tiles_cover_the_image_and_bad_files_are_one_sample(folder: Path) -> None:
    large, exact = save(folder / "large.png", 100, 70), save(folder / "exact.png", 32, 32)
    save(folder / "small.png", 31, 90)
    (folder / "zero.png").write_bytes(b"")
    dataset = ImageFolder(TILES, data=str(folder))
    tiles = [f"large.png#x{x}y{y}" for y in (0, 32) for x in (0, 32, 64)]
    assert ids(dataset) == ["exact.png#x0y0", *tiles, "small.png", "zero.png"]
    assert torch.equal(dataset.load(0).signal, torch.from_numpy(exact).permute(2, 0, 1))
    assert torch.equal(dataset.load(5).signal, torch.from_numpy(large[32:64, 32:64]).permute(2, 0, 1).contiguous())
    assert dataset.load(0).group != dataset.load(1).group == dataset.load(6).group
    with pytest.raises(BadSample, match="31x90 is smaller than 32x32"):
        dataset.load(7)
    with pytest.raises(BadSample, match="empty file"):
        dataset.load(8)


def test_a_photograph_is_decoded_once_for_its_tiles_and_not_kept_for_long(folder: Path) -> None:
    for name in "abcde":
        save(folder / f"{name}.png", 64, 32)
    dataset = ImageFolder(TILES, data=str(folder))
    dataset.load(0)
    (folder / "a.png").unlink()
    assert dataset.load(1).id == "a.png#x32y0"
    for index in range(2, len(dataset)):
        dataset.load(index)
    with pytest.raises(BadSample, match="No such file"):
        dataset.load(1)


def test_small_images_are_enlarged_if_the_protocol_says_so(folder: Path) -> None:
    save(folder / "small.png", 16, 45)
    dataset = ImageFolder({**TILES, "resize": "pil-bicubic", "smaller": "upscale"}, data=str(folder))
    assert ids(dataset) == ["small.png#x0y0", "small.png#x0y32"]
    sample = dataset.load(1)
    assert (tuple(sample.signal.shape), sample.conversions) == ((3, 32, 32), ("upscaled",))
    center = ImageFolder(SMALL, data=str(folder)).load(0)
    assert (tuple(center.signal.shape), center.conversions) == ((3, 32, 32), ("upscaled",))
    with pytest.raises(BadSample, match="smaller than 32x32"):
        ImageFolder({**SMALL, "smaller": "skip"}, data=str(folder)).load(0)


def test_a_line_is_one_bad_sample_not_thousands_of_tiles(folder: Path) -> None:
    save(folder / "line.png", 1, 9000)
    dataset = ImageFolder({**TILES, "size": 256, "resize": "adm", "smaller": "upscale"}, data=str(folder))
    assert ids(dataset) == ["line.png"]
    with pytest.raises(BadSample, match="would become 256x2304000"):
        dataset.load(0)


def test_whole_images(folder: Path) -> None:
    pixels = save(folder / "a.png", 41, 37)
    whole = ImageFolder({"crop": "none", "resize": "none", "smaller": "skip", "size": 1}, data=str(folder))
    assert torch.equal(whole.load(0).signal, torch.from_numpy(pixels).permute(2, 0, 1).contiguous())
    resized = ImageFolder({"crop": "none", "size": 74}, data=str(folder))
    assert resized.load(0).signal.shape == (3, 74, 82)


def test_unreadable_files_can_be_fatal(folder: Path) -> None:
    (folder / "bad.png").write_text("no image")
    with pytest.raises(BenchError, match=r"bad\.png: not an image"):
        ImageFolder({"unreadable": "error"}, data=str(folder)).load(0)


def test_a_file_that_shrank_since_its_header_was_read_is_not_padded(folder: Path) -> None:
    save(folder / "a.png", 96, 96)
    dataset = ImageFolder(TILES, data=str(folder))
    assert len(dataset) == 9
    save(folder / "a.png", 40, 40)
    with pytest.raises(BadSample, match="disagree on the size"):
        dataset.load(8)


def test_the_default_is_guided_diffusions() -> None:
    assert ImageFolder.defaults == ImagePreprocessing(crop="center", size=256, resize="adm", smaller="upscale")


def fingerprint(folder: Path) -> str:
    return ImageFolder(SMALL, data=str(folder)).fingerprint


def test_the_fingerprint_is_of_paths_and_contents(folder: Path, tmp_path: Path) -> None:
    save(folder / "a.png")
    save(folder / "sub" / "b.png")
    first = fingerprint(folder)
    assert fingerprint(folder) == first
    assert fingerprint(Path(shutil.copytree(folder, tmp_path / "copy"))) == first, "wherever the folder lies"
    (folder / "sub" / "b.png").rename(folder / "sub" / "c.png")
    renamed = fingerprint(folder)
    save(folder / "a.png")
    changed = fingerprint(folder)
    save(folder / "added.png")
    assert len({first, renamed, changed, fingerprint(folder)}) == 4


def test_what_is_no_image_by_its_name_is_no_sample(folder: Path) -> None:
    save(folder / "a.JPEG")
    (folder / "broken.png").write_text("no image")
    first = fingerprint(folder)
    for name in ("readme.txt", "LICENSE", "labels.csv", "sub.png.json"):
        (folder / name).write_text("no image")
    assert fingerprint(folder) == first
    assert ids(ImageFolder(SMALL, data=str(folder))) == ["a.JPEG", "broken.png"]


def test_every_format_that_is_read_has_its_names() -> None:
    assert {suffix for suffix, name in Image.registered_extensions().items() if name in FORMATS} <= SUFFIXES


def test_remembered_hashes_spare_the_reading(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = folder / "a.png"
    file.write_bytes(b"one")
    first = fingerprint(folder)
    file_hashes.remember({file: (file_hashes.Stamp.of(file), "0" * 64)})
    assert fingerprint(folder) != first, "the store was used"


def test_fit_split_is_the_same_for_every_folder_and_disjoint(folder: Path) -> None:
    save(folder / "a.png")
    fit = ImageFolder(SMALL, data=str(folder)).fit_split()
    assert (fit.name, fit.split, len(fit)) == ("skimage-photos", "fit", 15)
    coffee = next(file.path for file in SkimagePhotos(split="fit").files if file.id == "coffee")
    shutil.copy(coffee, folder / "my-coffee.png")
    with pytest.raises(BenchError, match=r"fitted on my-coffee\.png"):
        ImageFolder(SMALL, data=str(folder)).fit_split()


def test_limit(folder: Path) -> None:
    for name in "abc":
        save(folder / f"{name}.png")
    whole = ImageFolder(SMALL, data=str(folder))
    first = Limited(whole, 2)
    assert (len(first), first.id(1), first.name, first.split) == (2, "b.png", "image-folder", "all")
    assert torch.equal(first.load(1).signal, whole.load(1).signal)
    assert (first.fingerprint, first.settings) == (whole.fingerprint, whole.settings)
    assert len(Limited(whole, 9)) == 3
    with pytest.raises(IndexError):
        first.load(2)
    with pytest.raises(BenchError, match="limit 0"):
        Limited(whole, 0)
