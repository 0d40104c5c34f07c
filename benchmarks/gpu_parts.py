"""What ``gpu.py`` measures within a process: features, a bare autoencoder, and set metrics on given features.

    python benchmarks/gpu_parts.py features --device cuda --weights inception.pth ...

Each prints a JSON object.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

DIM, CLASSES, SPATIAL, LATENT, PART = 2048, 1008, 2023, 256, 500
NEEDED = ("inception", "inception_spatial")
"""The extractors whose features the set metrics are given."""


@click.group()
def main() -> None:
    """Measure one part in this process."""


def _waited(device: str) -> Callable[[], None]:
    import torch

    return torch.cuda.synchronize if device.startswith("cuda") else lambda: None


def _plain() -> None:
    import torch

    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False


def _seconds(work: Callable[[], Any], wait: Callable[[], None]) -> float:
    wait()
    start = time.perf_counter()
    work()
    wait()
    return time.perf_counter() - start


def _in_turns(works: Sequence[Callable[[], Any]], wait: Callable[[], None], rounds: int) -> list[float]:
    """The median seconds of each, warmed up, in turns so that other load falls on all."""
    took: list[list[float]] = [[] for _ in works]
    for turn in range(rounds + 1):
        for work, seconds in zip(works, took, strict=True):
            if turn:
                seconds.append(_seconds(work, wait))
            else:
                work()
    return [statistics.median(seconds) for seconds in took]


@main.command()
@click.option("--device", required=True)
@click.option("--weights", required=True, type=click.Path(path_type=Path))
@click.option("--batch", required=True, type=int)
@click.option("--side", required=True, type=int)
@click.option("--rounds", default=5)
@click.option("--batches", default=4)
def features(device: str, weights: Path, batch: int, side: int, rounds: int, batches: int) -> None:
    """Images per second through this package's Inception and torch-fidelity's, both with the same weights."""
    import torch
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    from bench.modalities.image.extractors.inception import load

    _plain()
    wait = _waited(device)
    ours = load(weights, torch.device(device))
    theirs = FeatureExtractorInceptionV3("theirs", ["2048", "logits_unbiased"], str(weights)).to(device).eval()
    images = torch.randint(0, 256, (batch, 3, side, side), dtype=torch.uint8, device=device)

    def of(network: Callable[[torch.Tensor], Any]) -> Callable[[], None]:
        def work() -> None:
            with torch.no_grad():
                for _ in range(batches):
                    network(images)

        return work

    mine, reference = _in_turns((of(ours), of(theirs)), wait, rounds)
    click.echo(json.dumps({"ours": batch * batches / mine, "theirs": batch * batches / reference}))


@main.command()
@click.option("--device", required=True)
@click.option("--weights", required=True, type=click.Path(path_type=Path))
@click.option("--checkpoint", required=True, type=click.Path(path_type=Path))
@click.option("--batch", required=True, type=int)
@click.option("--side", required=True, type=int)
@click.option("--rounds", default=5)
def bare(device: str, weights: Path, checkpoint: Path, batch: int, side: int, rounds: int) -> None:
    """Seconds per image of encoding, decoding and the features of original and reconstruction; nothing else."""
    import torch
    from diffusers import AutoencoderTiny

    from bench.modalities.image.extractors.inception import load

    _plain()
    wait = _waited(device)
    network = load(weights, torch.device(device))
    model = AutoencoderTiny.from_pretrained(checkpoint).to(device).eval()
    images = torch.rand(batch, 3, side, side, device=device)

    def work() -> None:
        with torch.no_grad():
            decoded = model.decode(model.encode(images * 2 - 1).latents).sample
            for side_ in (images, (decoded / 2 + 0.5).clamp(0, 1)):
                network(side_)

    (seconds,) = _in_turns((work,), wait, rounds)
    click.echo(json.dumps({"seconds": seconds / batch}))


def _rows(count: int, spread: float, device: str) -> Any:
    """Features as a network gives them: correlated, rectified, float32 ``[count, 2048]``."""
    import torch

    generator = torch.Generator().manual_seed(int(100 * spread))
    mix = 0.05 * torch.randn(LATENT, DIM, generator=generator.manual_seed(0))
    generator.manual_seed(int(100 * spread))
    parts = []
    for start in range(0, count, PART):
        size = min(PART, count - start)
        rows = torch.randn(size, LATENT, generator=generator) @ mix
        parts.append((rows + spread * torch.randn(size, DIM, generator=generator)).relu().to(device))
    return torch.cat(parts)


@main.command()
@click.option("--device", required=True)
@click.option("--rows", required=True, type=int)
@click.option("--whose", required=True, type=click.Choice(("ours", "theirs")))
@click.option("--kid-subset", required=True, type=int)
def sets(device: str, rows: int, whose: str, kid_subset: int) -> None:
    """Seconds that the set metrics take on the same features: all defaults here, or FID, IS, KID and PRC there."""
    samples, references = _rows(rows, 0.35, device), _rows(rows, 0.3, device)
    measure = _ours if whose == "ours" else _theirs
    click.echo(json.dumps(measure(samples, references, device, kid_subset)))


def _ours(samples: Any, references: Any, device: str, kid_subset: int) -> dict[str, Any]:
    import torch

    from bench import registry
    from bench.contracts.tokens import Tokens
    from bench.metrics.base import Batch, FeatureSource, ReferenceSource

    def layers(rows: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"pool": rows, "logits": rows[:, :CLASSES], "spatial": rows[:, :SPATIAL]}

    class Drawn(FeatureSource):
        def __init__(self, rows: torch.Tensor) -> None:
            self.rows = layers(rows)

        def get(self, extractor: str) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
            return self.rows, self.rows

    stored = layers(references.cpu())

    class References(ReferenceSource):
        def statistics(self, extractor: str, layer: str) -> None:
            return None

        def rows(self, extractor: str, layer: str) -> torch.Tensor:
            return stored[layer]

    names = registry.modality("image").metrics["generation"]
    classes = {name: registry.load(registry.get("metrics", name).target) for name in names}
    chosen = {name: kind for name, kind in classes.items() if getattr(kind, "extractor", "") in NEEDED}
    values, took = dict[str, float | None](), dict[str, float]()
    for name, kind in chosen.items():
        start = time.perf_counter()
        metric = kind({"subset_size": kid_subset} if "subset_size" in kind.Settings.model_fields else {})
        for index in torch.arange(len(samples)).split(PART):
            rows = samples[index[0] : index[-1] + 1]
            nothing, tokens = rows[:, :0], Tokens(payload=(b"",) * len(index))
            batch = Batch(index, index, nothing, nothing, tokens, Drawn(rows), References(), total=len(samples))
            metric.update(batch)
        values |= {key: estimate.value for key, estimate in metric.compute().items()}
        took[name] = time.perf_counter() - start
    return {"seconds": sum(took.values()), "each": took, "values": values}


def _theirs(samples: Any, references: Any, device: str, kid_subset: int) -> dict[str, Any]:
    import torch
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
    from torch_fidelity.metric_isc import isc_features_to_metric
    from torch_fidelity.metric_kid import kid_features_to_metric
    from torch_fidelity.metric_prc import prc_features_to_metric

    wait, took = _waited(device), dict[str, float]()
    both = [rows.cpu() for rows in (samples, references)]

    def fid() -> Any:
        return fid_statistics_to_metric(*map(fid_features_to_statistics, both), verbose=False)

    def kid() -> Any:
        return kid_features_to_metric(*both, kid_subset_size=kid_subset, verbose=False)

    def prc() -> Any:
        return prc_features_to_metric(samples, references, save_cpu_ram=True, verbose=False)

    values: dict[str, float] = {}
    works: dict[str, Callable[[], Any]] = {
        "fid": fid,
        "isc": lambda: isc_features_to_metric(both[0][:, :CLASSES]),
        "kid": kid,
        "prc": prc,
    }
    with torch.no_grad():
        for name, work in works.items():
            took[name] = _seconds(lambda work=work: values.update(work()), wait)  # type: ignore[misc]
    return {"seconds": sum(took.values()), "each": took, "values": values}


if __name__ == "__main__":
    main()
