"""What a user may choose for a run besides its suite and its systems, carried whole to the cells."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """The options of a run.

    Attributes:
        dataset, data, protocol: instead of what the suite says; None keeps it. ``data`` is a path.
        limit: only the first so many samples; None for all.
        seed: the seed of everything random.
        dtype: dtype of the systems' arithmetic.
        tf32: whether CUDA may round float32 products to TF32.
        device: the device that systems run on, as torch writes it.
        batch_size: samples at a time; no quality metric depends on it.
        workers: threads that read samples; 0 reads them one by one, and starts no processes for metrics either.
        prompts: path of the file of texts for backbones, if any.
        checkpoint_every: least seconds between two saves of where a cell is; 0 saves nothing.
        ranks: how many processes measure a cell together; no quality metric depends on it.
        keep: how many samples of each cell to keep for people to look at; no number depends on it.
    """

    dataset: str | None = None
    data: str | None = None
    protocol: str | None = None
    limit: int | None = None
    seed: int = 0
    dtype: str = "float32"
    tf32: bool = False
    device: str = "cpu"
    batch_size: int = 8
    workers: int = 2
    prompts: str | None = None
    keep: int = 0
    checkpoint_every: float = 60.0
    ranks: int = 1
