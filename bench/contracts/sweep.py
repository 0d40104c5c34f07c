"""The rows of a sweep: one speed, with what it took in memory and what was left of the quality, per setting."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from bench.machine.texts import plain

Part = Literal["encode", "decode", "generate"]
Outcome = Literal["measured", "out of memory", "failed", "left out"]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class SweepRow(BaseModel):
    """What was measured at one setting, or why nothing was."""

    model_config = ConfigDict(extra="forbid")

    part: Part = Field(description="what was timed; generate: tokens drawn by a backbone, and decoded")
    size: Finite | None = Field(
        default=None, description="pixels of a side, or seconds; null: as the data set has them"
    )
    dtype: str = Field(description="float32, tf32 (float32 whose products are rounded to TF32), bfloat16 or float16")
    compiled: bool = Field(default=False, description="whether torch.compile compiled it")
    cached: bool | None = Field(
        default=None, description="whether a backbone kept keys and values; null where there are none to keep"
    )
    batch: int = Field(ge=1, description="samples at a time")
    outcome: Outcome = Field(default="measured")
    reason: str = Field(default="", description="why it was not measured")
    warm_up: int | None = Field(default=None, description="calls before those that were timed")
    iterations: int | None = Field(default=None, description="calls that were timed")
    steady: bool | None = Field(default=None, description="whether the rate was steady when the timing began")
    samples_per_second: Finite | None = None
    stderr: Finite | None = Field(default=None, description="standard error of the rate, over iterations")
    low: Finite | None = Field(default=None, description="lower end of the 95% interval of the rate, over iterations")
    high: Finite | None = Field(default=None, description="upper end of the 95% interval of the rate, over iterations")
    tokens_per_second: Finite | None = Field(default=None, description="of drawing alone")
    latency_p50_ms: Finite | None = None
    latency_p90_ms: Finite | None = None
    latency_p99_ms: Finite | None = None
    first_token_ms: Finite | None = Field(default=None, description="median time to the first token of every sample")
    gflops_per_sample: Finite | None = None
    mfu: Finite | None = Field(default=None, description="share of the device's peak in this dtype")
    allocated_mib: Finite | None = Field(default=None, description="peak of what torch allocated, weights included")
    reserved_mib: Finite | None = Field(default=None, description="peak of what torch reserved")
    process_mib: Finite | None = Field(default=None, description="of the process: on the device, or peak resident")
    device_mib: Finite | None = Field(default=None, description="used on the device by all processes")
    joules_per_sample: Finite | None = Field(
        default=None, description="energy of the whole device, idle power included"
    )
    psnr: Finite | None = Field(default=None, description="dB, of the reconstruction against the input")
    code_agreement: Finite | None = Field(default=None, description="share of the codes that float32 gives too")
    latents_rms: Finite | None = Field(
        default=None, description="RMS of the latents' difference to those in float32, as a share of the latents' RMS"
    )
    broken: str = Field(default="", description="how this setting breaks the system's results, such as NaN")

    @field_validator("reason", "broken", mode="after")
    @classmethod
    def _plain_texts(cls, text: str) -> str:
        return plain(text)


class Sweep(BaseModel):
    """All rows of a cell, and the state of the device around them."""

    model_config = ConfigDict(extra="forbid")

    rows: list[SweepRow]
    size_unit: str = Field(default="", description="unit of the rows' sizes")
    lacking: dict[str, str] = Field(
        default_factory=dict, description="why no row has a value, by column that this machine cannot fill"
    )
    before: dict[str, Any] = Field(default_factory=dict, description="state of the device before the first row")
    after: dict[str, Any] = Field(default_factory=dict, description="state of the device after the last row")
