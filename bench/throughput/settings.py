"""The settings of a sweep, and their defaults by device, which a protocol writes out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from bench.backbones.base import Size
from bench.errors import BenchError
from bench.throughput.state import Cudnn
from bench.throughput.timing import Pace

Dtype = Literal["float32", "tf32", "bfloat16", "float16"]

LARGEST_BATCH = {"cpu": 4, "cuda": 1024}
DTYPES: dict[str, tuple[Dtype, ...]] = {"cpu": ("float32",), "cuda": ("float32", "tf32", "bfloat16", "float16")}
COMPILE = {"cpu": (False,), "cuda": (False, True)}
PACES = {"cpu": Pace(iterations=5, seconds=0.1, most_seconds=1.0, warm_up_seconds=0.2), "cuda": Pace()}


class ProbeShape(BaseModel):
    """An untrained probe of a tokenizer's tokens, whose speed does not depend on training."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    paradigm: str = Field(default="auto", description="as in the setting probe of token-modelling")
    width: int = Field(default=64, description="channels of the transformer")
    depth: int = Field(default=2, description="layers of the transformer")
    heads: int = Field(default=2, description="attention heads of the transformer")

    @property
    def size(self) -> Size:
        """The size of the transformer."""
        return Size(self.width, self.depth, self.heads)

    @model_validator(mode="after")
    def _fits(self) -> ProbeShape:
        try:
            Size(self.width, self.depth, self.heads)
        except BenchError as error:
            raise ValueError(str(error)) from error
        return self


class SweepSettings(BaseModel):
    """What is swept, and how each setting is timed. What is null is filled in for the device when a run is planned."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch_sizes: tuple[int, ...] | None = Field(
        default=None,
        min_length=1,
        description="samples at a time, up to the first that runs out of memory; null: powers of two up to "
        f"{LARGEST_BATCH['cuda']}, {LARGEST_BATCH['cpu']} on a CPU",
    )
    dtypes: tuple[Dtype, ...] | None = Field(
        default=None,
        min_length=1,
        description="dtypes of the arithmetic; tf32 is float32 with products rounded to TF32; null: all, float32 on a "
        "CPU",
    )
    compile: tuple[bool, ...] | None = Field(
        default=None,
        min_length=1,
        description="whether torch.compile compiles tokenizers; null: both, false on a CPU. Backbones are not compiled",
    )
    sizes: tuple[float, ...] | None = Field(
        default=None,
        description="pixels of a side of images, or seconds of clips; empty: as the data set has them; null: the "
        "modality's",
    )
    samples: int = Field(default=8, ge=1, description="samples of the data set; larger batches repeat them")
    pace: Pace | None = Field(default=None, description="how long each setting is timed; null: the device's")
    energy_seconds: float = Field(
        default=1.0, ge=0, description="seconds at least of the energy pass, where the device counts energy; 0: none"
    )
    cudnn: Cudnn = Field(
        default="default", description="default: as torch has it; benchmark; deterministic: see torch.backends.cudnn"
    )
    cached: tuple[bool, ...] = Field(
        default=(True, False), min_length=1, description="whether backbones keep keys and values while they draw"
    )
    probe: ProbeShape | None = Field(
        default=None, description="a probe that draws the tokenizer's tokens, untrained; null: none"
    )
    prompt: str = Field(default="the sea at night", description="text of every sample, for backbones that take texts")
    seed: int = Field(default=0, description="seed of what backbones draw")

    @field_validator("batch_sizes", "dtypes", "compile", "sizes", "cached", mode="after")
    @classmethod
    def _each_once(cls, values: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
        if values is not None and len(set(values)) < len(values):
            raise ValueError("names a value twice")
        return values

    @field_validator("batch_sizes", "sizes", mode="after")
    @classmethod
    def _rising(cls, values: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if values and (min(values) <= 0 or list(values) != sorted(values)):
            raise ValueError("must be positive numbers, the smallest first")
        return values

    def on(self, device: str, sizes: Mapping[str, tuple[float, ...]]) -> SweepSettings:
        """These settings with everything filled in for a kind of device, ``cpu`` or ``cuda``.

        Args:
            sizes: the modality's sizes by kind of device.
        """
        powers = tuple(2**power for power in range(LARGEST_BATCH[device].bit_length()))
        defaults: dict[str, Any] = {
            "batch_sizes": powers,
            "dtypes": DTYPES[device],
            "compile": COMPILE[device],
            "sizes": sizes.get(device, ()),
            "pace": PACES[device],
        }
        return self.model_copy(update={name: value for name, value in defaults.items() if getattr(self, name) is None})
