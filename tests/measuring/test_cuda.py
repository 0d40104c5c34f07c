"""The same command on CUDA gives the same numbers; skipped where there is no such device."""

from __future__ import annotations

import pytest
import torch

from bench.contracts.results import Run

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
TIMED = {"encode_images_per_second", "decode_images_per_second", "peak_memory"}


def test_cuda_measures_what_the_cpu_measures(bench, tmp_path):
    from diffusers import AutoencoderKL

    torch.manual_seed(0)
    AutoencoderKL(block_out_channels=(32, 32), norm_num_groups=8).save_pretrained(tmp_path / "tiny")
    systems = ("--system=klt-vq@8", "--system=jpeg@10", f"--system=autoencoder-kl={tmp_path / 'tiny'}")
    for device in ("cpu", "cuda"):
        bench(
            *("run", "--suite", "image-recon", "--limit", 6, "--offline", "--no-mlflow"),
            *systems,
            "--device",
            device,
            "--out",
            device,
        )
    on_cpu, on_cuda = ({r.system.name: r for r in Run(tmp_path / device).results()} for device in ("cpu", "cuda"))
    for name, expected in on_cpu.items():
        assert on_cuda[name].fingerprint == expected.fingerprint
        for metric, estimate in expected.metrics.items():
            if metric not in TIMED and estimate.value is not None:
                got = on_cuda[name].metrics[metric].value
                assert got == pytest.approx(estimate.value, rel=1e-3, abs=1e-4), (name, metric)
