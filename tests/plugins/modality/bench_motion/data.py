"""Motions in a folder."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from bench.datasets.base import BadSample, Dataset, Sample
from bench.errors import BenchError
from bench.machine.canonical import digest, sha256_file


class MotionPreprocessing(BaseModel):
    """How a file becomes a motion."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(default=32, ge=2, description="first steps that are measured; shorter motions are skipped")


class MotionFolder(Dataset):
    """CSV files of ``eval/``; what is learned is learned from ``train/`` beside it."""

    name = "motion-folder"
    modality = "motion"
    defaults = MotionPreprocessing()

    def __init__(self, settings: dict[str, Any], data: str | None = None, split: str = "eval") -> None:
        super().__init__(settings, split, data)
        if not data:
            raise BenchError("motion-folder needs a folder with eval and train; run with --data PATH")
        self.files = sorted((Path(data) / split).glob("*.csv"))
        if not self.files:
            raise BenchError(f"{Path(data) / split}: no .csv files; give the folder that holds eval and train")

    def __len__(self) -> int:
        return len(self.files)

    def load(self, index: int) -> Sample:
        try:
            steps = np.loadtxt(self.files[index], delimiter=",", dtype=np.float32, ndmin=2)
        except ValueError as error:
            raise BadSample(f"not a table of numbers: {error}") from error
        if len(steps) < self.settings["steps"]:
            raise BadSample(f"{len(steps)} steps of {self.settings['steps']}")
        return Sample(self.id(index), index, torch.from_numpy(steps[: self.settings["steps"]].T.copy()))

    def id(self, index: int) -> str:
        return self.files[index].name

    @cached_property
    def fingerprint(self) -> str:
        return digest({file.name: sha256_file(file) for file in self.files})

    def fit_split(self) -> MotionFolder | None:
        return MotionFolder(self.settings, self.data, "train") if self.split == "eval" else None
