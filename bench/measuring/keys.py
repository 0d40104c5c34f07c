"""Keys of cells: hashes of everything that decides a result, by which finished cells are recognized."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bench.contracts.task import Cell, Job
from bench.machine import environment
from bench.machine.canonical import digest


def cell_key(job: Job, device: str | None = None) -> str:
    """Hash of all that decides a result: code, packages, system, protocol, device, batch size, available weights.

    The batch size and the device cannot change a quality metric, but they change the speed that the
    result records. The numbers of workers and of kept samples change neither.

    Args:
        device: the name of the device; by default that of the job's.
    """
    available = sorted(name for name, file in job.weights.items() if isinstance(file, Path))
    return digest({"subject": subject_key(job, device), "protocol": job.protocol.identity, "available": available})


def subject_key(job: Job, device: str | None = None) -> str:
    """Hash of what decides a result besides metrics: code, packages, system, conditions, device, batch size, ranks.

    Args:
        device: the name of the device; by default that of the job's.
    """
    return digest(
        {
            "code": environment.code_hash(),
            "packages": environment.package_versions(),
            "system": job.system.identity(),
            "name": job.system.text,
            "conditions": job.protocol.fingerprint,
            "device": environment.device_name(job.options.device) if device is None else device,
            "batch_size": job.options.batch_size,
            **({"ranks": job.options.ranks} if job.options.ranks > 1 else {}),
        }
    )


def placed(cell: Cell, device: str) -> Cell:
    """The same cell to be measured on a device; its keys have the device's name, whatever its number."""
    planned = cell.job.options.device
    if device == planned:
        return cell
    job = replace(cell.job, options=replace(cell.job.options, device=device))
    if environment.device_name(device) == environment.device_name(planned):
        return replace(cell, job=job)
    return replace(cell, job=job, key=cell_key(job), subject=subject_key(job))
