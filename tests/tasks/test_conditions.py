"""Probes that are told the class: what it is worth, what they make of it, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from bench.backbones.corpus import Corpus
from bench.contracts.options import Options
from bench.contracts.stats import clustered_mean
from bench.contracts.system import parse
from bench.contracts.task import Job, Request, open_task
from bench.contracts.tokens import Codebook, Tokens
from bench.errors import BenchError
from bench.learning.study import Study

PROBING: Any = open_task("ntp-probe")
CLASSES = ("dark", "stripes")
BUDGET = {"steps": 80, "positions": 256, "learning_rate": 0.01}
PROBE = {"width": 16, "depth": 1, "heads": 1, "views": 1, "repeats": 1, "budget": BUDGET}
TOLD = {**PROBE, "conditions": "class"}
GENERATION = {"samples": 12, "batch": 12}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Dark flat blocks, or blocks of light and dark columns: the first block tells the class."""
    root: Path = tmp_path_factory.mktemp("images")
    generator = np.random.default_rng(0)
    for split, count in (("train", 40), ("val", 12)):
        for label, name in enumerate(CLASSES):
            (root / split / name).mkdir(parents=True)
            for number in range(count):
                grey = generator.integers(20, 90, (2, 2)).repeat(8, 0).repeat(8, 1)
                pixels = grey + label * 150 * (np.arange(16) // 2 % 2)
                Image.fromarray(pixels.astype(np.uint8)).save(root / split / name / f"{number}.png")
    return str(root)


@pytest.fixture
def study(images, tmp_path, monkeypatch) -> Callable[..., Study]:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    torch.set_num_threads(1)

    def study(probe: dict[str, Any] = TOLD, dataset: str = "image-splits", **generation: Any) -> Study:
        settings = {
            "preprocessing": {"size": 16},
            "probe": probe,
            "generation": {**GENERATION, **generation},
            "metrics": {"psnr": {}},
        }
        options = Options(data=images if dataset == "image-splits" else None, batch_size=32, workers=0)
        protocol = PROBING.protocol(Request(("small", settings), dataset, options))
        return Study(PROBING, (), Job(parse("klt-vq@3"), protocol, options), lambda *_: None)

    return study


def drawn(study: Study, backbone: Any, **changed: Any) -> torch.Tensor:
    """The images that a probe generates, uint8 ``[n, 3, 16, 16]``."""
    settings: Any = study.settings
    chosen = settings.generation.model_copy(update=changed)
    return torch.cat([images for _, images in PROBING.drawing.drawn(study, chosen, backbone, 0).batches(1, 0)])


def test_the_class_is_worth_what_it_tells_and_images_are_of_their_class(study):
    nats = {}
    for probe in (PROBE, TOLD):
        told = study(probe)
        (backbone,) = told.probe.train(told.training.corpus)
        verdict = told.probe.verdict([backbone], told.training.corpus, told.evaluated.corpus)
        nats[probe is TOLD] = verdict.nats[0]
    assert verdict.note.endswith("given the class, one of 2")
    # Without it the first of four tokens has to tell which: ln 2 nats an image.
    worth = clustered_mean(nats[False] - nats[True], np.arange(24))
    assert worth.interval[0] > 0
    assert worth.value == pytest.approx(np.log(2), rel=0.3)
    images = drawn(told, backbone)
    contrast = images.float().std(3).mean((1, 2))
    assert (contrast[0::2] < 30).all()
    assert (contrast[1::2] > 60).all()
    assert torch.equal(images, drawn(told, backbone, batch=5))
    assert torch.equal(images, drawn(told, backbone, guidance=1 + 1e-9))
    assert not torch.equal(images, drawn(told, backbone, guidance=4.0))


def test_what_was_told_is_stated_and_no_number_depends_on_the_batch(images, tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    found = []
    for size, batch in ((32, 12), (5, 7)):
        settings = {
            "preprocessing": {"size": 16},
            "probe": {**TOLD, "budget": {**BUDGET, "steps": 5}},
            "generation": {"samples": 12, "batch": batch, "guidance": 2},
            "metrics": {"psnr": {}, "codebook": {}, "sliced_wasserstein": {"directions": 8}},
        }
        protocol = PROBING.protocol(Request(("small", settings), "image-splits", Options(data=images)))
        job = Job(parse("klt-vq@3"), protocol, Options(data=images, batch_size=size, workers=0))
        found.append(PROBING.measure(job, lambda *_: None).metrics)
    one, other = ({name: m for name, m in each.items() if not name.startswith("sampling")} for each in found)
    assert one == other
    for name in ("swd", "sampling_images_per_second"):
        assert "every class in turn, of 2; guidance 2" in found[0][name].note
    assert "given the class, one of 2" in one["bits_per_pixel_model"].note
    assert "class" not in one["psnr"].note


@pytest.mark.parametrize(
    ("probe", "settings", "message"),
    [
        (TOLD, {"dataset": "skimage-photos"}, r"skimage-photos/eval has no classes; choose --dataset image-splits"),
        (PROBE, {"guidance": 2}, "guidance: 2 needs a class-conditional probe; set probe.conditions: class"),
        ({**TOLD, "fit_samples": 1}, {}, "1 of 2 classes, such as stripes, are not among the 1 samples"),
    ],
)
def test_what_cannot_be_told_is_refused(study, probe, settings, message):
    with pytest.raises(BenchError, match=message):
        study(probe, **settings)


def test_fewer_images_than_classes_are_refused(tmp_path):
    for name in ("train/a", "train/b", "train/c", "val/a"):
        (tmp_path / name).mkdir(parents=True)
        Image.new("RGB", (16, 16)).save(tmp_path / name / "x.png")
    settings = {"probe": TOLD, "generation": {"samples": 2}, "metrics": {"psnr": {}}}
    with pytest.raises(BenchError, match=r"generation\.samples: 2 are fewer than the 3 classes"):
        PROBING.protocol(Request(("small", settings), "image-splits", Options(data=str(tmp_path))))


def test_windows_keep_the_class_of_their_sample():
    corpus = Corpus((Codebook(9, "a code"),), 4, classes=3)
    codes = torch.tensor([0, 1, 2])[:, None].expand(3, 10)
    corpus.add(Tokens(codes=(codes,)), [0, 1, 2])
    for examples in (corpus.random(50, torch.Generator().manual_seed(0)), *corpus.windows(100)):
        assert examples.conditions is not None
        assert examples.conditions.tolist() == examples.tokens.codes[0][:, 0].tolist() == examples.numbers
    with pytest.raises(BenchError, match=r"labels \[0, None, 3\] of 3 samples; each needs one of the 3 classes"):
        corpus.add(Tokens(codes=(codes,)), [0, None, 3])
