"""Published backbones under token-modelling: their own likelihood, of the right tokens after the right texts."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from click.testing import CliRunner
from PIL import Image
from places import SYSTEMS
from synthetic import photographs
from tiny_pretrained import save

from bench.cli import main
from bench.contracts.options import Options
from bench.contracts.results import Run
from bench.contracts.system import BackboneSpec, parse
from bench.contracts.task import Job, Measurement, Request, open_task
from bench.errors import BenchError
from bench.modalities.audio.batch import Audio

SIDE = 8
RATE = 16_000
SECONDS = (0.3, 0.13, 0.2)
TEXTS = ["a red cat", "the blue dog sings , a green cat .", "a", "film", "the best dog"]
IMAGES = {"preprocessing": {"size": SIDE}}
CHOKING = f"{SYSTEMS}/choking.py"


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny checkpoints, images of one size and of two, a file among them that is none, and clips of sound."""
    folder = tmp_path_factory.mktemp("inputs")
    for name in ("amused", "janus", "musicgen"):
        save(name, folder / name)
    for name in ("images", "mixed", "black", "sounds"):
        (folder / name).mkdir()
    for number, image in enumerate(photographs(4, SIDE, seed=1)):
        # In the order of the names the third is no image.
        Image.fromarray(image).save(folder / "images" / f"{number + (number > 1)}.png")
        Image.fromarray(image).save(folder / "mixed" / f"{number}.png")
    (folder / "images" / "2.png").write_bytes(b"no image")
    wide = next(photographs(1, 2 * SIDE, seed=1))
    Image.fromarray(wide).save(folder / "mixed" / "wide.png")
    Image.fromarray(0 * wide[:SIDE, :SIDE]).save(folder / "mixed" / "black.png")
    for number in range(3):
        Image.fromarray(0 * wide[:SIDE, :SIDE]).save(folder / "black" / f"{number}.png")
    noise = np.random.default_rng(0)
    for number, seconds in enumerate(SECONDS):
        soundfile.write(
            folder / "sounds" / f"{number}.wav", 0.3 * noise.uniform(-1, 1, round(seconds * RATE)), RATE, "FLOAT"
        )
    (folder / "texts").write_text("\n".join(TEXTS), "utf-8")
    (folder / "other").write_text("\n".join(TEXTS[::-1]), "utf-8")
    return folder


@pytest.fixture
def planned(inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Job]:
    """The job of a system; ``{}`` in its name is the folder of the inputs."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))

    def planned(
        system: str,
        settings: dict[str, Any] = IMAGES,
        data: str = "images",
        prompts: str | None = None,
        batch_size: int = 3,
        task: str = "token-modelling",
    ) -> Job:
        texts = str(inputs / prompts) if prompts else None
        dataset = "audio-folder" if data == "sounds" else "image-folder"
        found = open_task(task)
        options = Options(data=str(inputs / data), prompts=texts, batch_size=batch_size, workers=0)
        request = Request(("own", settings), dataset, options)
        spec = parse(system.format(inputs))
        own = found.for_system(found.protocol(request), spec)
        return Job(spec, own, options)

    return planned


def measured(job: Job) -> Measurement:
    found: Measurement = open_task(job.protocol.task).measure(job, lambda *_: None)
    return found


def expected(job: Job, signals: list[Any], texts: list[str] | None) -> tuple[list[float], list[int]]:
    """Nats and tokens of each signal, alone."""
    assert isinstance(job.system, BackboneSpec)
    backbone = job.system.backbone()
    tokens = [backbone.encode(signal) for signal in signals]
    conditions = [None] * len(signals) if texts is None else [[text] for text in texts]
    nats = [-float(backbone.log_likelihood(one, text)) for one, text in zip(tokens, conditions, strict=True)]
    return nats, [int(one.counts) for one in tokens]


@pytest.mark.parametrize(
    ("system", "settings", "prompts", "texts", "told"),
    [
        ("amused={}/amused", {}, None, None, "without condition; upper bound of the negative log-likelihood"),
        ("amused={}/amused", {}, "texts", [0, 1, 3, 4], "each sample after a text of its own; upper bound"),
        ("janus={}/janus", {"condition": TEXTS[1]}, None, [1] * 4, f"every sample after the text '{TEXTS[1]}'"),
        ("janus={}/janus", {}, "texts", [0, 1, 3, 4], "each sample after a text of its own"),
    ],
)
def test_images_cost_what_the_backbone_says(planned, inputs, system, settings, prompts, texts, told):
    """The third sample cannot be read, and keeps its text."""
    job = planned(system, {**IMAGES, **settings}, prompts=prompts)
    found = measured(job)
    arrays = [np.array(Image.open(inputs / "images" / f"{number}.png")) for number in (0, 1, 3, 4)]
    signals = [torch.from_numpy(array).permute(2, 0, 1)[None].float() / 255 for array in arrays]
    nats, counts = expected(job, signals, None if texts is None else [TEXTS[text] for text in texts])
    metrics = found.metrics
    assert metrics["nll"].value == pytest.approx(sum(nats) / sum(counts), rel=1e-5)
    assert metrics["token_perplexity"].value == pytest.approx(math.exp(sum(nats) / sum(counts)), rel=1e-4)
    pixels = SIDE * SIDE * len(nats)
    assert metrics["bits_per_pixel_model"].value == pytest.approx(sum(nats) / math.log(2) / pixels, rel=1e-5)
    assert metrics["bits_per_pixel"].value == pytest.approx(math.log2(32) * sum(counts) / pixels)
    assert metrics["nll"].interval
    assert metrics["nll"].note == f"pretrained model, trained by its authors; {metrics['nll'].note.split('; ', 1)[1]}"
    assert told in metrics["nll"].note
    assert found.samples["nll"] == pytest.approx([one / count for one, count in zip(nats, counts, strict=True)])
    assert (found.dataset.n, list(found.dataset.skipped)) == (4, ["2.png"])
    assert (found.system.tokens, set(found.system.weights)) == ("backbone", set(job.system.backbone().weights))
    assert [book.size for book in found.codebooks] == [32]


def test_sound_of_any_length_counts_with_its_true_length(planned, inputs):
    # The tiny window is 0.2 s: of the clips one is longer, one shorter.
    job = planned("musicgen@path={}/musicgen,seconds=0.2", {}, "sounds", task="audio-token-modelling")
    found = measured(job)
    clips = [soundfile.read(inputs / "sounds" / f"{number}.wav", dtype="float32")[0] for number in range(3)]
    nats, counts = expected(job, [Audio.of([torch.from_numpy(clip)[None]], RATE) for clip in clips], None)
    assert len(set(counts)) == 3
    assert found.metrics["nll"].value == pytest.approx(sum(nats) / sum(counts), rel=1e-4)
    kilobits = sum(nats) / math.log(2) / sum(SECONDS) / 1000
    assert found.metrics["bitrate_model"].value == pytest.approx(kilobits, rel=1e-4)
    assert "1 of 3 clips are longer than the 0.2 s that it is set to" in found.metrics["nll"].note
    assert found.metrics["bitrate_entropy"].value < found.metrics["bitrate"].value


def test_a_protocol_holds_what_shapes_the_number_and_no_more(planned):
    def fingerprint(system: str, settings: dict[str, Any] | None = None, prompts: str | None = None) -> str:
        return planned(system, {**IMAGES, **(settings or {})}, prompts=prompts).protocol.fingerprint

    backbone, tokenizer = "amused={}/amused", "klt-fsq@8"
    probe, condition = {"probe": {"width": 32}}, {"condition": "a cat"}
    assert fingerprint(backbone) == fingerprint(backbone, probe) != fingerprint(tokenizer)
    assert fingerprint(tokenizer) == fingerprint(tokenizer, condition) != fingerprint(tokenizer, probe)
    assert fingerprint(tokenizer) == fingerprint(tokenizer, prompts="texts")
    given = [(condition, None), ({"condition": ""}, None), (None, "texts"), (None, "other")]
    assert len({fingerprint(backbone), *(fingerprint(backbone, *one) for one in given)}) == 5


@pytest.mark.parametrize(
    ("system", "settings", "others", "message"),
    [
        ("janus-pro-1b", {}, {}, "set condition: TEXT, one for all samples"),
        ("emu3-gen", {}, {"data": "mixed", "prompts": "texts"}, "5 texts for 6 samples of image-folder"),
        ("amused-256", {"condition": "a"}, {"prompts": "texts"}, "leave out either it or --prompts"),
        ("amused-256", {}, {"prompts": "nowhere"}, "give a text file"),
        ("musicgen-small", {}, {}, "generates audio; token-modelling takes image"),
        (f"{SYSTEMS}/no_backbone.py:Generates", {}, {}, "Generates is not a bench.backbones.pretrained"),
        ("klt-fsq@8", {"condition": 3}, {}, "condition"),
    ],
)
def test_what_does_not_fit_is_told_before_anything_is_loaded(planned, system, settings, others, message):
    """No such checkpoint is here."""
    with pytest.raises(BenchError, match=message):
        planned(system, {**IMAGES, **settings}, **others)


def test_a_changed_file_of_texts_is_told(planned, inputs):
    job = planned("amused={}/amused", prompts="texts")
    with pytest.raises(BenchError, match="changed since the run was planned"):
        measured(replace(job, options=replace(job.options, prompts=str(inputs / "other"))))


def test_images_of_another_size_are_refused_with_the_remedy(planned):
    with pytest.raises(ValueError, match=r"16x16 pixels, but amused is set to 8x8 .* preprocessing: {size: 8}"):
        measured(planned("amused={}/amused", {"preprocessing": {"size": 16}}))


WHOLE = {"preprocessing": {"crop": "none", "resize": "none", "smaller": "skip", "size": 8}}
UNTRAINED = {**IMAGES, "probe": {"views": 1, "budget": {"steps": 0}, "fit_samples": 4}}


@pytest.mark.parametrize("batch_size", [1, 6])
@pytest.mark.parametrize(
    ("system", "settings", "failed"),
    [
        (f"{CHOKING}:Backbone@path={{}}/amused", WHOLE, {"black.png": "nothing to be seen", "wide.png": "16x16"}),
        (f"{CHOKING}:Tokenizer", UNTRAINED, {"black.png": "nothing to be seen"}),
    ],
    ids=["backbone", "tokenizer"],
)
def test_a_sample_that_fails_costs_itself(planned, batch_size, system, settings, failed):
    found = measured(planned(system, settings, "mixed", batch_size=batch_size))
    assert found.dataset.failed.keys() == failed.keys()
    for name, reason in failed.items():
        assert reason in found.dataset.failed[name]
    assert found.dataset.n == len(found.samples["nll"]) == 6 - len(failed)
    assert found.metrics["nll"].n == 6 - len(failed)


@pytest.mark.parametrize("system", [f"{CHOKING}:Backbone@path={{}}/amused", f"{CHOKING}:Tokenizer"])
def test_one_that_manages_nothing_fails_the_cell(planned, system):
    settings = IMAGES if "Backbone" in system else UNTRAINED
    with pytest.raises(RuntimeError, match="nothing to be seen"):
        measured(planned(system, settings, "black"))


def test_the_command_measures_a_backbone(bench, tmp_path, inputs):
    (tmp_path / "own.yaml").write_text("description: small\npreprocessing: {size: 8}\nprobe: {budget: {steps: 0}}\n")
    command = ("run", "--suite", "token-modelling", "--protocol", "own.yaml", "--offline", "--no-mlflow")
    shown = bench(*command, "--system", f"amused={inputs}/amused", "--data", inputs / "images").stdout
    (result,) = Run(tmp_path / "runs" / "token-modelling").results()
    assert (result.status, result.dataset.n, "probe" in result.protocol.settings) == ("ok", 4, False)
    assert "without condition" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--system", "amused={}/amused", "--reference", "{}/images"), "--reference has no generated images"),
        (("--system", "amused={}/amused", "--prompts", "{}/images"), "is a folder, not a file; give a text file"),
        (("--prompts", "{}/texts"), "--prompts are only for pretrained backbones"),
    ],
)
def test_options_without_effect_are_refused(inputs, tmp_path, arguments, message):
    command = ["run", "--suite", "token-modelling", "--offline", "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(main, [*command, *(argument.format(inputs) for argument in arguments)])
    assert done.exit_code == 2
    assert message in done.output.replace("\n", " ")
