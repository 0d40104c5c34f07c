"""Bottlenecks trained in the autoencoders of the modalities, as users train them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from places import SYSTEMS

from bench import registry
from bench.contracts.options import Options
from bench.contracts.system import parse
from bench.contracts.task import Job, Measurement, Request, open_task
from bench.errors import BenchError

OWN = SYSTEMS / "own_bottleneck.py"
WRONG = SYSTEMS / "wrong_bottlenecks.py"
STUDY: dict[str, Any] = {
    "schedule": {"steps": 12},
    "batch": 4,
    "looks": 3,
    "looked_at": 8,
    "fit_samples": 4,
    "repeats": 2,
}
METRICS: dict[str, Any] = {"codebook": {}}
SHORT = {"study": STUDY, "metrics": METRICS}
DATA = {"image": "skimage-photos", "audio": "asterisk-prompts"}
OFFERED = [face for face in registry.entries("modalities") if registry.modality(face).autoencoder]


@pytest.fixture(autouse=True)
def _own_cache(cache: Path) -> None:
    """Checkpoints lie in the cache."""


def study(system: str, modality: str = "image") -> Measurement:
    task, options = open_task(f"{modality}-bottleneck-study"), Options(limit=2, workers=0)
    protocol = task.protocol(Request(("own", dict(SHORT)), DATA[modality], options))
    spec = parse(system)
    return task.measure(Job(spec, task.for_system(protocol, spec), options), lambda *_: None)


@pytest.mark.parametrize("modality", OFFERED)
@pytest.mark.parametrize("system", ["trained-vq@4", "trained-continuous", f"{OWN}:Signs"], ids=["vq", "latents", "own"])
def test_it_is_trained_on_every_modality(modality: str, system: str) -> None:
    measured = study(system, modality)
    seen = measured.trainings
    assert seen is not None
    assert (seen.seeds, seen.steps) == ([0, 1], [4, 8, 12])
    assert all(len(row) == 3 for rows in seen.curves.values() for row in rows)
    losses = seen.curves["loss"]
    assert losses[0] != losses[1]
    assert measured.metrics["training_steps_per_second"].value
    if system == "trained-continuous":
        assert measured.metrics["codebook_utilization"].unavailable
        return
    assert measured.codebooks[0].size == 16
    ends = seen.ends["codebook_utilization"]
    assert measured.metrics["codebook_utilization"].value == pytest.approx(sum(ends) / 2)  # type: ignore[arg-type]
    assert "mean of 2 trainings" in measured.metrics["codebook_utilization"].method
    assert {"utilization", "perplexity", "dead_codes", "quantization_error"} <= seen.curves.keys()


def test_seeds_reproduce_a_training_to_the_last_digit() -> None:
    one, other = (study("trained-vq@4,remedy=kmeans-start") for _ in range(2))
    assert one.trainings == other.trainings.model_copy(update={"ends": one.trainings.ends})  # type: ignore[union-attr]
    first, again = (
        {name: value for name, value in each.trainings.ends.items() if "per_second" not in name}  # type: ignore[union-attr]
        for each in (one, other)
    )
    assert first == again


def test_a_killed_study_goes_on_where_it_was(bench, tmp_path: Path) -> None:
    """Killed in the midst of its second training, it repeats one step and ends with the curves of one that was not."""
    (tmp_path / "short.yaml").write_text(json.dumps({"description": "short", **SHORT}))

    def run(name: str, **how: Any) -> dict[str, Any]:
        arguments = ("--protocol", "short.yaml", "--limit", 2, "--dataset", "skimage-photos", "--out", name)
        system = ("--system", f"{OWN}:Killed", "--checkpoint-every", "0.001", "--no-mlflow")
        bench("run", "--suite", "collapse", *system, *arguments, STEPS_NOTED_IN=str(tmp_path / f"{name}.txt"), **how)
        (file,) = (tmp_path / name / "results").glob("*.json")
        return json.loads(file.read_text())  # type: ignore[no-any-return]

    whole, failed = run("whole"), run("killed", code=3, KILLED_AT="18")
    assert "killed by SIGKILL" in failed["errors"][0]["message"]
    killed = run("killed")
    assert killed["trainings"]["curves"] == whole["trainings"]["curves"]
    assert killed["metrics"]["codebook_entropy"] == whole["metrics"]["codebook_entropy"]
    assert [len((tmp_path / f"{name}.txt").read_text()) for name in ("whole", "killed")] == [24, 25]
    assert not list((tmp_path / "cache" / "training").glob("*"))


@pytest.mark.parametrize(
    ("system", "told"),
    [
        ("trained-vq@bits=40", "bits of a token must be"),
        ("trained-vq@remedy=reset-all", "no remedy is called 'reset-all'"),
        ("trained-vq@colour=red", "colour"),
        ("trained-vq@width=4", "width is set by the bench; trained-vq takes: bits"),
        ("trained-vq@remedy=low-dim@dim=4", "dim is set by the bench; low-dim takes: dims"),
        ("trained-vq@remedy=entropy@tau=1", "'tau'; entropy takes: weight, temperature"),
        ("trained-vq@remedy=", "no remedy is named; all names: bench list remedies"),
        ("trained-vq@commitment=1e-3", "1e-3 is text to YAML, write 0.001"),
        (f"trained-vq@remedy={OWN}:Signs", "missing a required argument"),
        (f"trained-vq@estimator={WRONG}:NotAnEstimator", "NotAnEstimator is not a bench.quantizers.estimators"),
        (f"trained-vq@remedy={WRONG}:NotARemedy", "NotARemedy is not a bench.quantizers.remedies"),
    ],
)
def test_wrong_choices_are_named_before_anything_is_trained(system: str, told: str) -> None:
    with pytest.raises(BenchError, match=told):
        study(system)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("OneSize", "sizes is 16; give a tuple"),
        ("OfAudio", "is a bottleneck of audio, not of image"),
        ("HalfTheGrid", r"encode gives int64 \[16, 4, 8\] as codes of level 0 .* or state in spans"),
        ("FromOne", "encode gives codes from 1 to 16 in level 0, whose size is 16"),
        ("Halves", "encode gives float32 .* give int64"),
        ("TooNarrow", r"decode gives float32 \[16, 8, 8, 3\] as latents; give float32 \[16, 8, 8, 16\]"),
        ("ATuple", "forward gives a tuple; give a bench.quantizers.trained.base.Coded"),
        ("NoLoss", "forward gives a NoneType as loss"),
        ("NoLevels", "forward gives 0 levels of codes"),
    ],
)
def test_what_is_wrong_in_a_class_of_ones_own_is_named(name: str, told: str) -> None:
    with pytest.raises(BenchError, match=told):
        study(f"{WRONG}:{name}")


def test_a_class_that_is_not_a_bottleneck_is_told_what_to_be() -> None:
    with pytest.raises(BenchError, match="a bottleneck is a subclass of"):
        parse(f"{WRONG}:NotABottleneck").check()


def test_an_error_in_a_remedy_of_ones_own_is_left_to_the_cell() -> None:
    task = open_task("image-bottleneck-study")
    protocol = task.protocol(Request(("own", SHORT), DATA["image"], Options(limit=2)))
    spec = parse(f"trained-vq@remedy={WRONG}:Raises")
    assert task.for_system(protocol, spec) == protocol
    with pytest.raises(ZeroDivisionError):
        task.measure(Job(spec, protocol, Options(limit=2, workers=0)), lambda *_: None)


def test_another_dtype_is_refused() -> None:
    task = open_task("image-bottleneck-study")
    with pytest.raises(BenchError, match="trains in float32"):
        task.protocol(Request(("own", SHORT), DATA["image"], Options(dtype="bfloat16")))
