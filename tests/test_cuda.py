"""The same numbers on a GPU as on the processor: metrics, tokenizers, a probe, and whole commands.

Skipped where there is no CUDA device. With ``BENCH_TEST_DEVICE=cpu`` everything runs on the processor, which proves
the tests themselves.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch

DEVICE = os.environ.get("BENCH_TEST_DEVICE", "cuda")
if DEVICE.startswith("cuda") and not torch.cuda.is_available():
    pytest.skip("no CUDA device; BENCH_TEST_DEVICE=cpu runs it on the processor", allow_module_level=True)

import yaml  # noqa: E402, I001 - none of it is imported where all is skipped
from audio_checks import RATE, speech  # noqa: E402
from command import run_bench  # noqa: E402
from metric_cases import CASES  # noqa: E402
from tester import Subject  # noqa: E402
from tiny_audio_models import AUDIO_NAMES, TINY_AUDIO, save_audio  # noqa: E402
from tiny_models import TINY, tiny_model  # noqa: E402
from bench import registry  # noqa: E402
from bench.contracts.results import Run  # noqa: E402
from bench.contracts.stats import Estimate  # noqa: E402
from bench.contracts.suite import load_suite  # noqa: E402
from bench.contracts.system import parse  # noqa: E402
from bench.errors import UnknownName  # noqa: E402
from bench.metrics.base import Batch, FeatureSource  # noqa: E402
from bench.modalities.audio.batch import Audio  # noqa: E402
from bench.modalities.image.datasets.skimage_photos import SkimagePhotos  # noqa: E402

RELATIVE, ABSOLUTE = 1e-5, 1e-6
"""How near float32 on one device is to float32 on another."""
IMAGE_NAMES = {
    "AutoencoderKL": "autoencoder-kl",
    "AutoencoderTiny": "autoencoder-tiny",
    "AutoencoderDC": "autoencoder-dc",
    "VQModel": "vq-model",
    "JanusVQVAE": "janus-vq",
    "Emu3VQVAE": "emu3-vq",
}
FITTED = ("klt-vq@8", "klt-rvq@8", "klt-fsq@8", "klt-continuous@8")
PROBE = {
    "description": "a probe of a few steps",
    "preprocessing": {"size": 64},
    "probe": {"width": 32, "depth": 1, "views": 1, "budget": {"steps": 20, "positions": 1024}},
}


@pytest.fixture(autouse=True)
def _room(cache: object) -> Iterator[None]:
    """A cache of its own for every test, and the arithmetic of a cell."""
    products, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
    before = products.allow_tf32, convolutions.allow_tf32, convolutions.deterministic
    products.allow_tf32, convolutions.allow_tf32, convolutions.deterministic = False, False, True
    yield
    products.allow_tf32, convolutions.allow_tf32, convolutions.deterministic = before


@pytest.fixture
def bench(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command of the installed package, wherever it is on the path."""
    return run_bench((sys.executable, "-m", "bench"), tmp_path)


def on_device(value: Any) -> Any:
    """A signal, tokens or features with all their tensors on the device."""
    if isinstance(value, torch.Tensor):
        return value.to(DEVICE)
    if isinstance(value, tuple):
        return tuple(map(on_device, value))
    if isinstance(value, Mapping):
        return {name: on_device(part) for name, part in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        made = [field.name for field in fields(value) if field.init]
        return replace(value, **{name: on_device(getattr(value, name)) for name in made})
    return value


class OnDevice(FeatureSource):
    """Features that a network on the device gave."""

    def __init__(self, source: FeatureSource) -> None:
        self.source = source

    def get(self, extractor: str) -> tuple[Mapping[str, torch.Tensor], Mapping[str, torch.Tensor]]:
        features: tuple[Mapping[str, torch.Tensor], Mapping[str, torch.Tensor]] = on_device(self.source.get(extractor))
        return features


def moved(batch: Batch) -> Batch:
    """A batch as the loop makes it on the device."""
    moving = {name: on_device(getattr(batch, name)) for name in ("reference", "reconstruction", "tokens")}
    return replace(batch, **moving, features=batch.features and OnDevice(batch.features))


def compare(found: Mapping[str, Estimate], expected: Mapping[str, Estimate]) -> None:
    assert found.keys() == expected.keys()
    for name, estimate in expected.items():
        assert found[name].value == pytest.approx(estimate.value, rel=RELATIVE, abs=ABSOLUTE), name
        assert found[name].unavailable == estimate.unavailable


@pytest.mark.parametrize("name", CASES)
def test_metrics(name: str, weight_files: dict[str, Path]) -> None:
    kind = registry.load(registry.get("metrics", name.partition(" ")[0]).target)
    subject = Subject(kind, CASES[name], weight_files)
    half = len(subject.data) // 2
    compare(
        subject.after(map(moved, subject.data.batches(half))).compute(),
        subject.after(subject.data.batches(half)).compute(),
    )


def test_every_class_of_tokenizers_has_a_tiny_model() -> None:
    assert IMAGE_NAMES.keys() == TINY.keys()
    assert AUDIO_NAMES.keys() == TINY_AUDIO.keys()


def check_tokenizer(tokenizer: Any, signal: Any) -> None:
    """The tokens are those of the processor, but for ties, and the same tokens become the same signal."""
    tokens = tokenizer.encode(signal)
    decoded = tokenizer.decode(tokens)
    tokenizer.to(torch.device(DEVICE), torch.float32)
    there = tokenizer.encode(on_device(signal))
    for codes, expected in zip(there.codes, tokens.codes, strict=True):
        assert codes.device.type == torch.device(DEVICE).type
        assert (codes.cpu() == expected).double().mean() > 0.95
    if tokens.latents is not None:
        torch.testing.assert_close(there.latents.cpu(), tokens.latents, rtol=1e-4, atol=1e-4)
    again = tokenizer.decode(on_device(tokens))
    sides = [value.samples if isinstance(value, Audio) else value for value in (again, decoded)]
    assert sides[0].device.type == torch.device(DEVICE).type
    torch.testing.assert_close(sides[0].cpu(), sides[1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", TINY)
def test_image_tokenizers(name: str, tmp_path: Path) -> None:
    tiny_model(name).save_pretrained(tmp_path)
    images = torch.stack([SkimagePhotos({}).load(index).signal[:, :64, :64] for index in range(2)]).float() / 255
    check_tokenizer(parse(f"{IMAGE_NAMES[name]}={tmp_path}").build(), images)


@pytest.mark.parametrize("name", TINY_AUDIO)
def test_audio_tokenizers(name: str, tmp_path: Path) -> None:
    save_audio(name, tmp_path)
    check_tokenizer(parse(f"{AUDIO_NAMES[name]}={tmp_path}").build(), Audio.of([speech()[2]], RATE))


def measured(
    bench: Callable[..., Any], folder: Path, arguments: Sequence[object], device: str
) -> dict[str, dict[str, Estimate]]:
    """The estimates of a run by system and name."""
    out = f"on-{device.replace(':', '-')}"
    common = ("--offline", "--no-mlflow", "--device", device, "--out", out)
    bench("run", *arguments, *common)
    return {result.system.name: result.metrics for result in Run(folder / out).results()}


def compare_runs(bench: Callable[..., Any], folder: Path, *arguments: object, rel: float, abs: float) -> None:
    """Run a command on both devices, and compare what does not depend on the device."""
    on_cpu = measured(bench, folder, arguments, "cpu")
    there = measured(bench, folder, arguments, DEVICE) if DEVICE != "cpu" else on_cpu
    assert on_cpu and there.keys() == on_cpu.keys()
    for system, estimates in on_cpu.items():
        for name, estimate in estimates.items():
            if estimate.value is not None and not estimate.device_bound:
                assert there[system][name].value == pytest.approx(estimate.value, rel=rel, abs=abs), (system, name)


def test_the_command(bench: Callable[..., Any], tmp_path: Path) -> None:
    tiny_model("AutoencoderKL").save_pretrained(tmp_path / "kl")
    systems = [f"--system={spec}" for spec in (*FITTED, "jpeg@10", f"autoencoder-kl={tmp_path / 'kl'}")]
    compare_runs(bench, tmp_path, "--suite", "image-recon", "--limit", 6, *systems, rel=1e-3, abs=1e-4)


def test_a_probe(bench: Callable[..., Any], tmp_path: Path) -> None:
    """Training adds up roundings, so that its numbers are near only after few steps."""
    (tmp_path / "probe.yaml").write_text(yaml.safe_dump(PROBE))
    arguments = ("--suite", "token-modelling", "--protocol", tmp_path / "probe.yaml", "--limit", 12)
    compare_runs(bench, tmp_path, *arguments, "--system", "klt-vq@6", rel=0.05, abs=0.05)


def test_the_throughput_suite(bench: Callable[..., Any], tmp_path: Path) -> None:
    try:
        load_suite("throughput")
    except UnknownName:
        pytest.skip("no suite throughput")
    results = measured(bench, tmp_path, ("--suite", "throughput", "--system", "klt-vq@8"), DEVICE)
    assert results["klt-vq@8"]
