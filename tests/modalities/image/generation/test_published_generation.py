"""Published backbones under image-generation: what they draw, after which texts, and what is refused before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from synthetic import photographs
from tiny_pretrained import save

from bench.backbones.sampling import Sampling
from bench.cli import main
from bench.contracts.options import Options
from bench.contracts.results import Run
from bench.contracts.system import parse
from bench.contracts.task import Job, Measurement, Request, open_task
from bench.errors import BenchError
from bench.machine.weights import WeightStore
from bench.modalities.image.generation.task import Settings, _Drawn
from bench.modalities.image.levels import to_uint8

SIDE = 8
TEXTS = ["a red cat", "the blue dog sings , a green cat .", "film"]
METRIC: dict[str, Any] = {"generation_kd_efficientnet_lite0": {}}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny checkpoints, a reference, and files of texts good and bad."""
    folder = tmp_path_factory.mktemp("inputs")
    for name in ("amused", "janus"):
        save(name, folder / name)
    np.savez(folder / "real.npz", np.stack(list(photographs(6, SIDE))))
    # Blank lines are no prompts.
    (folder / "texts").write_text("\n\n".join(TEXTS) + "\n", "utf-8")
    (folder / "others").write_text("\n".join(TEXTS[::-1]), "utf-8")
    (folder / "one").write_text(TEXTS[0], "utf-8")
    (folder / "blank").write_text("\n  \n", "utf-8")
    return folder


@pytest.fixture
def planned(inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Job]:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    store = WeightStore({}, offline=True)

    def planned(system: str, prompts: str | None = None, batch_size: int = 4, **drawing: Any) -> Job:
        texts = str(inputs / prompts) if prompts else None
        task = open_task("image-generation")
        settings = {"metrics": METRIC, "drawing": {"images": 5, **drawing}}
        options = Options(data=str(inputs / "real.npz"), prompts=texts, batch_size=batch_size, workers=0)
        request = Request(("own", settings), "real.npz", options, sha256=store.sha256)
        spec = parse(system.format(inputs))
        own = task.for_system(task.protocol(request), spec)
        return Job(spec, own, options, store.resolve(own.weights))

    return planned


def measured(job: Job) -> Measurement:
    found: Measurement = open_task(job.protocol.task).measure(job, lambda *_: None)
    return found


def drawn(job: Job) -> torch.Tensor:
    """The images that the metrics see, uint8 ``[n, 3, height, width]``."""
    source = _Drawn(job, Settings(**job.protocol.settings)).source
    return torch.cat([images for _, images in source.batches(job.options.batch_size, 0)])


@pytest.mark.parametrize(
    ("system", "prompts", "texts"),
    [
        ("amused={}/amused", None, None),
        ("amused={}/amused", "texts", [0, 1, 2, 0, 1]),
        ("janus={}/janus", "texts", [0, 1, 2, 0, 1]),
    ],
)
def test_images_are_drawn_by_number_whatever_the_batch(planned, system, prompts, texts):
    """Each prompt in turn; as the publisher samples, where nothing else is said."""
    job = planned(system, prompts)
    backbone = job.system.backbone()
    conditions = None if texts is None else [TEXTS[text] for text in texts]
    expected = to_uint8(backbone.decode(backbone.generate(5, job.protocol.seed, conditions)))
    found = drawn(planned(system, prompts, batch_size=2))
    # Rounding may depend on the batch, by no more than a level.
    assert (found.int() - expected.int()).abs().max() <= 1
    assert len({image.numpy().tobytes() for image in found}) > 1


def test_what_was_drawn_is_measured(planned):
    job = planned("amused={}/amused")
    found = measured(job)
    assert (found.dataset.n, found.system.tokens, found.system.modality) == (5, "backbone", "image")
    assert found.system.weights == job.system.backbone().weights != {}
    assert found.metrics["kd_efficientnet_lite0"].value is not None
    assert found.metrics["sampling_images_per_second"].n == 5
    assert [book.size for book in found.codebooks] == [32]


def test_a_protocol_says_how_codes_are_drawn(planned):
    """At temperature 0 the same prompt gives the same image each time."""
    by_publisher = drawn(planned("janus={}/janus", "one"))
    likeliest = drawn(planned("janus={}/janus", "one", sampling={"temperature": 0}))
    assert (likeliest == likeliest[:1]).all()
    assert not (by_publisher == by_publisher[:1]).all()
    job = planned("janus={}/janus", "one", sampling={"temperature": 0.5, "top_k": 3, "top_p": 0.9, "guidance": 2})
    backbone = job.system.backbone()
    expected = backbone.decode(backbone.generate(5, 0, TEXTS[:1] * 5, Sampling(0.5, 3, 0.9, 2)))
    assert (drawn(job).int() - to_uint8(expected).int()).abs().max() <= 1


def test_texts_and_sampling_are_in_the_fingerprint(planned):
    jobs = [
        planned("amused={}/amused"),
        planned("amused={}/amused", "texts"),
        planned("amused={}/amused", "others"),
        planned("amused={}/amused", sampling={"top_k": 3}),
        planned("amused={}/amused", images=4),
    ]
    assert len({job.protocol.fingerprint for job in jobs}) == len(jobs)
    assert planned("amused={}/amused", "texts").protocol.fingerprint == jobs[1].protocol.fingerprint


@pytest.mark.parametrize(
    ("system", "prompts", "message"),
    [
        ("janus-pro-1b", None, "generates from text: give --prompts FILE, one text per line"),
        ("emu3-gen", "nowhere", "No such file or directory; give a text file"),
        ("janus-pro-1b", "blank", "all lines are blank"),
        ("janus-pro-1b", "real.npz", "not UTF-8 text"),
        ("musicgen-small", "texts", "generates audio; image-generation takes image"),
    ],
)
def test_what_does_not_fit_is_told_before_anything_is_loaded(planned, system, prompts, message):
    """No such checkpoint is here."""
    with pytest.raises(BenchError, match=message):
        planned(system, prompts)


@pytest.mark.parametrize("changed", ["others", None])
def test_texts_that_changed_since_the_plan_are_told(planned, inputs, changed):
    job = planned("amused={}/amused", "texts")
    with pytest.raises(BenchError, match="changed since the run was planned"):
        measured(replace(job, options=replace(job.options, prompts=changed and str(inputs / changed))))


def test_guidance_without_texts_is_refused(planned):
    with pytest.raises(BenchError, match=r"guidance 3\.0 needs texts: give --prompts FILE"):
        planned("amused-256", sampling={"guidance": 3})


def test_a_finished_backbone_is_kept_until_its_texts_change(bench, tmp_path, inputs):
    (tmp_path / "own.yaml").write_text(f"description: one\nmetrics: {METRIC}\ndrawing: {{images: 4}}\n")
    command = ["run", "--suite", "image-gen", "--protocol", "own.yaml", "--offline", "--no-mlflow", "--out", "out"]
    command += ["--system", f"amused={inputs}/amused", "--reference", f"{inputs}/real.npz"]
    done = bench(*command, "--prompts", inputs / "texts")
    assert "amused" in done.stdout
    assert "kept" in bench(*command, "--prompts", inputs / "texts").stderr
    (result,) = Run(tmp_path / "out").results()
    assert (result.status, result.protocol.settings["drawing"]["prompts"]) == ("ok", 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        plan = CliRunner().invoke(main, [*command, "--prompts", f"{inputs}/others", "--dry-run"])
    assert "to measure" in plan.output
