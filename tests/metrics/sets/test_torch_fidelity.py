"""rFID, KID and IS of folders of PNGs equal torch-fidelity's, from pixels to values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch_fidelity
from PIL import Image
from synthetic import jpeg

from bench.contracts.tokens import Tokens
from bench.measuring.features import FeatureBank
from bench.metrics.base import Batch
from bench.metrics.sets.frechet import RFID
from bench.metrics.sets.inception_score import InceptionScore
from bench.metrics.sets.kernel_distance import KID

N, SUBSET = 16, 10


def test_equal_to_calculate_metrics(
    inception: Path, photographs: Callable[[int, int], torch.Tensor], tmp_path: Path, cache: Path
) -> None:
    originals = photographs(N, 64).permute(0, 2, 3, 1).numpy()
    sides: dict[str, Any] = {"reference": originals, "reconstruction": [jpeg(image, 30) for image in originals]}
    for side, images in sides.items():
        (tmp_path / side).mkdir()
        for number, image in enumerate(images):
            Image.fromarray(image).save(tmp_path / side / f"{number:03}.png")
    expected = torch_fidelity.calculate_metrics(
        input1=str(tmp_path / "reconstruction"),
        input2=str(tmp_path / "reference"),
        cuda=False,
        fid=True,
        isc=True,
        kid=True,
        kid_subset_size=SUBSET,
        feature_extractor_weights_path=str(inception),
        save_cpu_ram=True,
        cache=False,
        verbose=False,
    )
    reference, reconstruction = (
        torch.stack([torch.from_numpy(image.copy()) for image in images]).permute(0, 3, 1, 2) / 255
        for images in sides.values()
    )
    metrics = (RFID(), KID({"subset_size": SUBSET}), InceptionScore())
    bank = FeatureBank({"inception-2015-12-05": inception}, {}, torch.device("cpu"), None, N)
    for index in torch.arange(N).split(10):
        pair = reference[index], reconstruction[index]
        features = bank.batch(index, *pair)
        for metric in metrics:
            metric.update(Batch(index, index, *pair, Tokens(payload=(b"",) * len(index)), features))
    found = {name: estimate for metric in metrics for name, estimate in metric.compute().items()}
    # torch-fidelity takes means and kernels in float32.
    assert found["rfid"].value == pytest.approx(expected["frechet_inception_distance"], rel=1e-4)
    assert found["kid"].value == pytest.approx(expected["kernel_inception_distance_mean"], rel=1e-3)
    assert found["inception_score"].value == pytest.approx(expected["inception_score_mean"], rel=1e-5)
