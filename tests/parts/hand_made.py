"""Results made by hand, through the models that read them from disk."""

from __future__ import annotations

from typing import Any

from bench.contracts.migration import giver
from bench.contracts.protocol import DatasetProtocol, MetricProtocol, Protocol
from bench.contracts.results import CodebookRecord, Cost, DatasetRecord, ErrorRecord, Result, SystemRecord
from bench.contracts.stats import Estimate

N = 30
FACTS: dict[str, tuple[str, bool | None]] = {
    "psnr": ("dB", True),
    "ssim": ("", True),
    "lpips_alex": ("", False),
    "rfid": ("", False),
    "inception_score": ("", True),
    "fd_efficientnet_lite0": ("", False),
    "tokens_per_image": ("tokens", None),
    "bits_per_pixel": ("bit/px", None),
    "codebook_utilization": ("", True),
    "encode_images_per_second": ("img/s", True),
    "decode_images_per_second": ("img/s", True),
    "peak_memory": ("MiB", False),
}


def protocol(**changes: Any) -> Protocol:
    """Make a protocol; ``n`` belongs to its dataset, and a metric may be given by its version."""
    data = DatasetProtocol(name="photos", split="test", fingerprint="f" * 64, n=changes.pop("n", N))
    fields: dict[str, Any] = {"preset": "default", "task": "image-recon", "task_version": 1, "dataset": data}
    fields |= {"settings": {"crop": 256}, "metrics": {"psnr": 1}} | changes
    fields["metrics"] = {
        name: MetricProtocol(version=given) if isinstance(given, int) else given
        for name, given in fields["metrics"].items()
    }
    return Protocol(**fields)


def estimate(metric: str, value: float | None, half: float | None = None, **fields: Any) -> Estimate:
    """Make an estimate with a symmetric interval, exact without; unit and direction are those of the named metric."""
    unit, better = FACTS.get(metric, ("", None))
    if value is not None:
        error = {"stderr": 0.0} if half is None else {"interval": (value - half, value + half), "stderr": half / 2}
        fields = error | fields
    bound = metric.endswith("_per_second") or metric == "peak_memory"
    facts: dict[str, Any] = {"unit": unit, "higher_is_better": better, "device_bound": bound}
    facts["n"] = 0 if value is None else N
    return Estimate(value=value, **(facts | fields))


def result(name: str, tokens: str = "discrete", /, *, key: str = "", **fields: Any) -> Result:
    """Make a result of a system.

    Metrics are given by name as a value, as ``(value, half-interval)``, as the reason why they are
    unavailable, or as an Estimate; what else is given replaces a field of the result, of its dataset
    (``n``, ``skipped``) or of its cost (``device``, ``batch_size``).
    """
    under = fields.pop("protocol", None) or protocol()
    dataset = DatasetRecord(
        name=under.dataset.name,
        split=under.dataset.split,
        fingerprint=under.dataset.fingerprint,
        n=fields.pop("n", N),
        groups=10,
        skipped=fields.pop("skipped", {}),
    )
    cost = Cost(
        device=fields.pop("device", "Example CPU"),
        batch_size=fields.pop("batch_size", 8),
        workers=2,
        wall_seconds=3.5,
    )
    system = SystemRecord(
        name=name,
        entry=name.split("@")[0],
        target="x:Y",
        modality=under.task.partition("-")[0],
        tokens=tokens,
        revision=fields.pop("revision", ""),
    )
    error = fields.pop("error", None)
    cause, _, remedy = (error or ("", ""))[1].partition("; run: ")
    told = {"message": cause, "remedy": remedy and f"run: {remedy}", "traceback": "Traceback: /home/me/x.py"}
    errors = [ErrorRecord(type=error[0], **told)] if error else []
    metrics = {
        name: _estimate(name, fields.pop(name)).model_copy(update={"metric": giver(name, under.metrics)})
        for name in list(fields)
        if name not in Result.model_fields
    }
    made: dict[str, Any] = {
        "key": key or f"key-{name}-{tokens}",
        "suite": "image-recon",
        "status": "failed" if error else "ok",
        "system": system,
        "protocol": under,
        "fingerprint": under.fingerprint,
        "codebooks": [CodebookRecord(size=1024, covers="8x8 pixels")] if tokens == "discrete" else [],
        "dataset": None if error else dataset,
        "cost": None if error else cost,
        "metrics": metrics,
        "environment": {"python": "3.11"},
        "started": "2026-01-02T03:04:05Z",
        "finished": "2026-01-02T03:05:05Z",
        "errors": errors,
    }
    return Result(**(made | fields))


def _estimate(metric: str, given: Any) -> Estimate:
    if isinstance(given, Estimate):
        return given
    if isinstance(given, str):
        cause, _, remedy = given.partition("; run: ")
        return estimate(metric, None, unavailable=cause, remedy=remedy and f"run: {remedy}")
    return estimate(metric, *given) if isinstance(given, tuple) else estimate(metric, given)
