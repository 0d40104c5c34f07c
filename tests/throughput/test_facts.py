"""What is known of a system and its device without timing: size, arithmetic, peaks, quality."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from bench.contracts.sweep import SweepRow
from bench.contracts.tokens import Tokens
from bench.errors import Unavailable
from bench.throughput.nvml import Nvml, reasons
from bench.throughput.peaks import peak_flops
from bench.throughput.quality import code_agreement, latents_apart, psnr
from bench.throughput.size import flops_of, modules_of, parameters_of
from bench.throughput.state import flags
from bench.throughput.usage import trouble


def test_operations_of_a_layer_by_hand():
    layer = nn.Linear(3, 5)
    # Two per multiply and add: 2 · 7 · 3 · 5.
    assert flops_of(lambda: layer(torch.ones(7, 3))) == 210
    assert flops_of(lambda: sorted([3, 1])) == 0


def test_parameters_are_counted_once_wherever_they_are_held():
    class Holder:
        def __init__(self) -> None:
            self.layer = nn.Linear(3, 5)
            self.whole = nn.Sequential(self.layer, nn.Linear(5, 1))
            self.again = {"same": [self.layer]}

    assert parameters_of(Holder()) == 20 + 6
    assert len(modules_of(Holder())) == 1
    assert modules_of(object()) == []


@pytest.mark.parametrize(
    ("device", "dtype", "peak"),
    [
        ("NVIDIA H100 80GB HBM3", "bfloat16", 989.5),
        ("NVIDIA A100-SXM4-80GB", "tf32", 156),
        ("NVIDIA A100 80GB PCIe", "float32", 19.5),
        ("NVIDIA GeForce RTX 4090", "float16", 165.2),
        ("Tesla T4", "float16", 65),
    ],
)
def test_peaks_are_those_of_the_data_sheets(device, dtype, peak):
    assert peak_flops(device, dtype) == (peak * 1e12, "")


@pytest.mark.parametrize(
    ("device", "dtype", "why"),
    [
        ("NVIDIA H100 80GB HBM3 MIG 1g.10gb", "float32", "MIG 1g.10gb is not in the table of devices"),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", "float32", "Laptop GPU is not in the table of devices"),
        ("Tesla T4", "bfloat16", "Tesla T4 has no units for bfloat16"),
        ("", "float32", "the peak of a processor depends on its clock"),
    ],
)
def test_an_unknown_peak_is_a_reason(device, dtype, why):
    peak, reason = peak_flops(device, dtype)
    assert peak is None
    assert why in reason


def test_quality_by_hand():
    zeros = torch.zeros(2, 4)
    # MSE 0.01 and 0: 20 dB, and the highest there is.
    assert psnr(torch.tensor([[0.1] * 4, [0.0] * 4]), zeros, (0, 1)) == pytest.approx((20 + 100) / 2)
    assert psnr(zeros + 0.1, zeros, (-1, 1)) == pytest.approx(20 + 10 * math.log10(4))
    one, other = (Tokens(codes=(torch.tensor([[1, 2, 3, value]]),)) for value in (4, 5))
    assert code_agreement(one, other) == 0.75
    assert code_agreement(one, Tokens(codes=(torch.tensor([[1]]),))) == 0
    assert latents_apart(torch.tensor([3.0, 4.4]), torch.tensor([3.0, 4.0])) == pytest.approx(0.4 / 5)
    assert math.isnan(latents_apart(torch.tensor([math.nan]), torch.tensor([1.0])))


def test_nvml_is_for_cuda_devices_and_names_what_holds_clocks_down():
    with pytest.raises(Unavailable, match="NVIDIA's devices only"):
        Nvml(torch.device("cpu"))
    assert reasons(0) == []
    assert reasons(0x4 | 0x40 | 0x8000) == ["software power cap", "hardware thermal slowdown", "unknown (0x8000)"]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried"), "out of memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), "out of memory"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling"), "out of memory"),
        (RuntimeError("not implemented for 'Half'\nand a trace"), "failed"),
    ],
)
def test_errors_become_rows(error, outcome):
    row = trouble(SweepRow(part="encode", dtype="float32", batch=1), error)
    assert row.outcome == outcome
    assert "trace" not in row.reason


def test_flags_are_restored():
    before = torch.backends.cudnn.deterministic, torch.backends.cuda.matmul.allow_tf32
    with flags(tf32=True, cudnn="deterministic"):
        assert torch.backends.cuda.matmul.allow_tf32
        assert torch.backends.cudnn.allow_tf32
        assert torch.backends.cudnn.deterministic
    assert (torch.backends.cudnn.deterministic, torch.backends.cuda.matmul.allow_tf32) == before
