"""The extractors equal torch-fidelity's and the authors'; features are computed once, and never from a bad file."""

from __future__ import annotations

import os
import pickle
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from efficientnet_lite_pytorch import EfficientNet
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

from bench.errors import BenchError, Unavailable
from bench.machine.mapped_arrays import Spill, mapped
from bench.machine.weights import WeightStore
from bench.measuring import extractors
from bench.measuring.features import FeatureBank
from bench.modalities.image.extractors import shared
from bench.modalities.image.extractors.inception import resize
from bench.modalities.image.levels import to_uint8

pytestmark = pytest.mark.usefixtures("one_thread", "cache")

CPU = torch.device("cpu")
NAME, WEIGHTS = "efficientnet_lite0", "efficientnet-lite0"
Photographs = Callable[[int, int], torch.Tensor]


def far(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).norm() / other.norm())


@pytest.fixture(scope="session")
def lite0() -> Path:
    return WeightStore(offline=True).path("efficientnet-lite0")


@pytest.mark.parametrize("shape", [(64, 64), (299, 299), (300, 137)])
def test_inception_equals_torch_fidelity(inception: Path, photographs: Photographs, shape: tuple[int, int]) -> None:
    images = photographs(3, 300)[..., : shape[0], : shape[1]]
    trusted = FeatureExtractorInceptionV3(
        "inception-v3-compat", ["2048", "logits_unbiased"], feature_extractor_weights_path=str(inception)
    )
    ours = extractors.get("inception").load(inception, CPU)
    with torch.no_grad():
        expected, found = trusted(images), ours(images)
    assert far(found["pool"], expected[0]) < 1e-6
    # This file's classifier cancels what all images share, so that rounding weighs more in its logits.
    assert far(found["logits"], expected[1]) < 1e-5


@pytest.mark.parametrize("shape", [(1, 1), (32, 32), (256, 256), (299, 299), (411, 600)])
def test_resize_equals_tensorflow_bit_for_bit(shape: tuple[int, int]) -> None:
    images = torch.randint(0, 256, (2, 3, *shape), dtype=torch.uint8)
    trusted = interpolate_bilinear_2d_like_tensorflow1x(images.float(), size=(299, 299), align_corners=False)
    assert torch.equal(resize(images, 299), trusted)


def test_efficientnet_equals_its_package_and_knows_a_cat(lite0: Path) -> None:
    from skimage import data

    cat = torch.from_numpy(data.chelsea()[:, 70:370].copy()).permute(2, 0, 1)[None]
    trusted = EfficientNet.from_name("efficientnet-lite0").eval()
    trusted.load_state_dict(torch.load(lite0, weights_only=True))
    normalized = (F.interpolate(cat.float(), (224, 224), mode="bicubic", antialias=True) - 127) / 128
    with torch.no_grad():
        found = extractors.get("efficientnet_lite0").load(lite0, CPU)(cat)["pool"]
        # float32 itself, unfolded, is 1.1e-6 away from float64 here
        assert far(found, trusted.extract_features(normalized).mean((2, 3))) < 3e-6
        assert int(trusted._fc(found).argmax()) in (281, 282, 285)  # tabby, tiger cat, Egyptian cat


@pytest.mark.parametrize("name", ["inception", "efficientnet_lite0"])
def test_features_do_not_depend_on_the_batch(name: str, inception: Path, lite0: Path, photographs: Photographs) -> None:
    network = extractors.get(name).load(inception if name == "inception" else lite0, CPU)
    images = photographs(6, 48)
    with torch.no_grad():
        whole = network(images)
        for size in (1, 4):
            parts = [network(part) for part in images.split(size)]
            for layer, rows in whole.items():
                assert torch.equal(torch.cat([part[layer] for part in parts]), rows), (size, layer)


@pytest.mark.parametrize("name", ["inception_spatial", "efficientnet_lite0"])
def test_a_gpus_layout_and_batches_give_the_same_features(
    name: str, inception: Path, lite0: Path, photographs: Photographs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And NaN for an image that is not finite, which a GPU is not asked about beforehand."""
    weights = lite0 if name == NAME else inception
    images = photographs(3, 48).float() / 255
    with torch.no_grad():
        expected = extractors.get(name).load(weights, CPU)(images)
        gpus = replace(shared.SERVING["cuda"], step=2)
        monkeypatch.setitem(shared.SERVING, "cpu", gpus)
        images[1, 0, 0, 0] = torch.nan
        found = extractors.get(name).load(weights, CPU)(images)
    for layer, rows in expected.items():
        assert far(found[layer][::2], rows[::2]) < 1e-5, layer
        assert found[layer][1].isnan().all()


def test_grey_levels_survive_the_way_through_floats() -> None:
    levels = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_uint8(levels.float() / 255), levels)
    assert to_uint8(torch.tensor([-0.2, 1.7])).tolist() == [0, 255]
    with pytest.raises(FloatingPointError, match="NaN"):
        to_uint8(torch.tensor([float("nan")]))


class Malicious:
    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, ("ran",)


def test_weights_files_that_are_none(lite0: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("not weights")
    (tmp_path / "code").write_bytes(pickle.dumps(Malicious()))
    torch.save([1, 2], tmp_path / "list")
    for file in (lite0, *(tmp_path / name for name in ("empty", "text", "code", "list", "absent"))):
        with pytest.raises(BenchError, match="InceptionV3"):
            extractors.get("inception").load(file, CPU)
    assert not (tmp_path / "ran").exists()


class Pass:
    """One pass over references and reconstructions in batches of two."""

    def __init__(self, weights: Path, references: torch.Tensor, key: object = "photographs", sha256: str = "0") -> None:
        self.bank = FeatureBank({WEIGHTS: weights}, {WEIGHTS: sha256}, CPU, {"data": key}, len(references))
        self.references = references.float() / 255

    def run(self, samples: range | None = None, complete: bool = True) -> torch.Tensor:
        """The reference's pool features as the metrics get them."""
        rows = []
        for index in torch.tensor(list(samples or range(len(self.references)))).split(2):
            images = self.references[index]
            source = self.bank.batch(index, images, 1 - images)
            reference, reconstruction = source.get(NAME)
            assert source.get(NAME)[0]["pool"] is reference["pool"], "computed twice"
            assert not torch.equal(reference["pool"], reconstruction["pool"])
            rows.append(reference["pool"])
        self.bank.finish(complete)
        return torch.cat(rows)


@pytest.fixture
def sets(photographs: Photographs) -> tuple[torch.Tensor, torch.Tensor]:
    images = photographs(8, 32)
    return images[:4], images[4:]


def test_reference_is_computed_once_a_protocol(
    lite0: Path, sets: tuple[torch.Tensor, torch.Tensor], cache: Path
) -> None:
    one, other = sets
    first = Pass(lite0, one).run()
    # Other images under the same key give the first's features: they were not looked at.
    assert torch.equal(Pass(lite0, other).run(), first)
    truth = Pass(lite0, other, key="other photographs").run()
    assert not torch.equal(truth, first)
    assert torch.equal(Pass(lite0, other, sha256="1").run(), truth)
    assert len(list((cache / "references").iterdir())) == 3


def test_an_incomplete_pass_leaves_no_reference(
    lite0: Path, sets: tuple[torch.Tensor, torch.Tensor], cache: Path
) -> None:
    Pass(lite0, sets[0]).run(range(2), complete=False)
    assert not (cache / "references").exists()
    assert not list((cache / "scratch").iterdir())


def test_a_sample_that_was_unreadable_is_computed_when_it_is_there(
    lite0: Path, sets: tuple[torch.Tensor, torch.Tensor], cache: Path
) -> None:
    one, other = sets
    Pass(lite0, one).run(range(2))
    mixed = Pass(lite0, other).run()
    expected = torch.cat([Pass(lite0, one, "a").run()[:2], Pass(lite0, other, "b").run()[2:]])
    assert torch.equal(mixed, expected)
    assert torch.equal(Pass(lite0, one).run(), expected), "the missing samples were not added"


@pytest.mark.parametrize("damage", ["flipped", "cut", "longer", "empty", "mask"])
def test_a_damaged_reference_is_not_trusted(
    damage: str, lite0: Path, sets: tuple[torch.Tensor, torch.Tensor], cache: Path
) -> None:
    one, other = sets
    Pass(lite0, one).run()
    (file,) = (cache / "references").iterdir()
    data = bytearray(file.read_bytes())
    if damage == "flipped":
        data[5] ^= 1
    if damage == "mask":
        data[-33] ^= 1
    file.write_bytes({"cut": data[:-1], "longer": data + b"0", "empty": b""}.get(damage, data))  # type: ignore[arg-type]
    assert torch.equal(Pass(lite0, other).run(), Pass(lite0, other, key="afresh").run())
    assert torch.equal(Pass(lite0, one).run(), Pass(lite0, other).run()), "it was not written again"


def test_a_cache_that_cannot_be_written_costs_nothing_but_a_warning(
    lite0: Path, sets: tuple[torch.Tensor, torch.Tensor], cache: Path
) -> None:
    cache.mkdir()
    (cache / "references").write_text("a file where the folder should be")
    with pytest.warns(UserWarning, match="not cached"):
        assert len(Pass(lite0, sets[0]).run()) == 4


def test_missing_weights_are_named_before_anything_is_computed() -> None:
    bank = FeatureBank({}, {}, CPU, None, 1)
    with pytest.raises(Unavailable, match="bench fetch inception-2015-12-05"):
        bank.require("inception")


PILE = """
import ctypes
from pathlib import Path
import torch
from bench.machine.mapped_arrays import Spill

def anonymous():
    ctypes.CDLL("libc.so.6").malloc_trim(0)  # what was freed is not held
    return int(Path("/proc/self/status").read_text().split("RssAnon:")[1].split()[0]) * 1024

spill, rows = Spill(2048), torch.ones(1024, 2048)
spill.append(rows * 2)
before = anonymous()
kept = [spill.append(rows * number) for number in range(40)]
assert anonymous() - before < 0.1 * 40 * rows.nbytes, (anonymous() - before) / rows.nbytes
assert all(float(part.mean()) == number for number, part in enumerate(kept))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="counts pages as Linux does")
def test_rows_do_not_pile_up_in_memory(cache: Path) -> None:
    """In a process of its own: what earlier tests freed comes and goes."""
    done = subprocess.run([sys.executable, "-c", PILE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_full_disk_is_named_before_it_is_written_to() -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limits[1]))
    try:
        with pytest.raises(BenchError, match="BENCH_CACHE"):
            mapped((1024, 2048))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_only_rows_and_columns_have_a_place(tmp_path: Path) -> None:
    """Of anything else the place would give back other numbers."""
    spill = Spill(6, files=tmp_path / "rows")
    rows = spill.append(torch.arange(24.0).reshape(4, 6))
    part = rows[1:3, 2:5]
    place = spill.place(part)
    assert place == (0, 1, 2)
    assert torch.equal(spill.view(place, part.shape), part)
    assert [spill.place(other) for other in (rows[::2], rows[:, ::2], rows.T, rows[1], rows.view(torch.int32))] == [
        None
    ] * 5
