"""What was seen of trainings: values over the steps, for each seed."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Finite = Annotated[float, Field(allow_inf_nan=False)]
Row = list[Finite | None]


class Trainings(BaseModel):
    """Several trainings of one system that differ in their seed alone.

    A value is null where it was not finite.
    """

    model_config = ConfigDict(extra="forbid")

    seeds: list[int]
    steps: list[int] = Field(description="updates after which the training was looked at")
    curves: dict[str, list[Row]] = Field(description="value -> its values at these steps, a row per seed")
    ends: dict[str, Row] = Field(
        default_factory=dict, description="value -> what was measured at the end, for each seed"
    )
