"""The peak arithmetic of known devices, from their vendors' data sheets: dense, without structured sparsity."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Peak:
    """A device.

    Attributes:
        names: regular expression that torch's whole name of the device matches.
        teraflops: 10¹² floating-point operations per second, by dtype; those that it has no units for are missing.
        source: where that stands. NVIDIA states tensor cores with sparsity in most data sheets; half of that is dense.
    """

    names: str
    teraflops: Mapping[str, float]
    source: str


def _peak(names: str, float32: float, tf32: float | None, half: float, source: str, bfloat16: bool = True) -> Peak:
    teraflops = {"float32": float32, "float16": half}
    if tf32 is not None:
        teraflops["tf32"] = tf32
    if bfloat16:
        teraflops["bfloat16"] = half
    return Peak(names, teraflops, source)


PEAKS: tuple[Peak, ...] = (
    _peak(r"NVIDIA H200( 141GB HBM3e)?", 67, 494.5, 989.5, "NVIDIA H200 data sheet, H200 SXM"),
    _peak(r"NVIDIA H100 80GB HBM3", 67, 494.5, 989.5, "NVIDIA H100 data sheet, H100 SXM"),
    _peak(r"NVIDIA H100 PCIe", 51, 378, 756.5, "NVIDIA H100 data sheet of 2022, H100 PCIe"),
    _peak(r"NVIDIA H100 NVL", 60, 417.5, 835.5, "NVIDIA H100 data sheet, H100 NVL"),
    _peak(r"(NVIDIA )?A100-.*|NVIDIA A100 80GB PCIe", 19.5, 156, 312, "NVIDIA A100 data sheet"),
    _peak(r"NVIDIA L40S", 91.6, 183, 362, "NVIDIA L40S data sheet"),
    _peak(r"NVIDIA L4", 30.3, 60, 121, "NVIDIA L4 data sheet"),
    # Products of float16 are summed in float32, as torch does it; summed in float16 they are twice as fast.
    _peak(r"NVIDIA GeForce RTX 4090", 82.6, 82.6, 165.2, "NVIDIA Ada GPU architecture whitepaper, appendix A"),
    _peak(r"NVIDIA GeForce RTX 3090", 35.6, 35.6, 71, "NVIDIA Ampere GA102 GPU architecture whitepaper, appendix A"),
    _peak(r"Tesla V100-SXM2-.*", 15.7, None, 125, "NVIDIA V100 data sheet, V100 SXM2", bfloat16=False),
    _peak(r"Tesla V100-PCIE-.*", 14, None, 112, "NVIDIA V100 data sheet, V100 PCIe", bfloat16=False),
    _peak(r"(NVIDIA |Tesla )T4", 8.1, None, 65, "NVIDIA T4 data sheet", bfloat16=False),
)


def peak_flops(device: str, dtype: str) -> tuple[float | None, str]:
    """Operations per second that a device does at most in a dtype, or None and the reason why that is not known.

    Args:
        device: the name that torch gives it; empty for a processor.
    """
    if not device:
        return None, "the peak of a processor depends on its clock and is not in the table of devices"
    peak = next((peak for peak in PEAKS if re.fullmatch(peak.names, device)), None)
    if peak is None:
        return None, f"{device} is not in the table of devices (bench/throughput/peaks.py)"
    if dtype not in peak.teraflops:
        return None, f"{device} has no units for {dtype}"
    return peak.teraflops[dtype] * 1e12, ""
