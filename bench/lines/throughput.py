"""Lines of the values of the throughput suite: of float32 without torch.compile, at the first size of the sweep."""

from __future__ import annotations

from typing import Any

from bench.values import FROM_ZERO, PlotPart, Value


def _cost(name: str, title: str, unit: str, higher_is_better: bool | None, **rest: Any) -> Value:
    return Value(name, title, unit, higher_is_better, FROM_ZERO, device_bound=True, section="cost", **rest)


PSNR = Value("throughput_psnr", "PSNR (float32)", "dB", True, (-100.0, 100.0))


def _of_part(part: str, title: str) -> dict[str, Value]:
    """The values of encode or decode, by what they are."""
    return {
        "rate": _cost(
            f"throughput_{part}",
            f"{title} (best batch)",
            "sample/s",
            True,
            plots=(PlotPart("speed", f"{title} rate"),),
        ),
        "batch": _cost(f"throughput_{part}_batch", f"{title} batch size", "samples", None, default=False),
        "p50": _cost(f"throughput_{part}_p50", f"{title} latency (batch 1, p50)", "ms", False),
        "p99": _cost(f"throughput_{part}_p99", f"{title} latency (batch 1, p99)", "ms", False, default=False),
        "flops": _cost(f"throughput_{part}_flops", f"{title} arithmetic", "GFLOP/sample", None, default=False),
        "mfu": _cost(f"throughput_{part}_mfu", f"{title} MFU", "", True, percent=True, default=False),
        "memory": _cost(f"throughput_{part}_memory", f"{title} memory", "MiB", False, default=False),
        "energy": _cost(f"throughput_{part}_energy", f"{title} energy", "J/sample", False, default=False),
    }


PARTS = {"encode": _of_part("encode", "Encode"), "decode": _of_part("decode", "Decode")}
PARAMETERS = Value("parameters", "Parameters", "M", None, FROM_ZERO, section="cost")

GENERATION = {
    "first": _cost("throughput_first_token", "First token (batch 1, p50)", "ms", False),
    "tokens": _cost("throughput_tokens", "Drawing (best batch)", "token/s", True),
    "uncached": _cost("throughput_tokens_uncached", "Drawing (no cache)", "token/s", True),
    "rate": _cost("throughput_generate", "Generate (best batch)", "sample/s", True),
    "batch": _cost("throughput_generate_batch", "Generate batch size", "samples", None, default=False),
    "memory": _cost("throughput_generate_memory", "Generate memory", "MiB", False, default=False),
    "energy": _cost("throughput_generate_energy", "Generate energy", "J/sample", False, default=False),
}

VALUES: tuple[Value, ...] = (
    PSNR,
    PARAMETERS,
    *(value for part in PARTS.values() for value in part.values()),
    *GENERATION.values(),
)
