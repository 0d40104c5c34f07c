"""Settings of users' files: what is wrong is told with its place, and what is allowed there."""

from __future__ import annotations

import math
from typing import Literal

import pytest
import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator

from bench.contracts.settings import check_sections, validated
from bench.errors import BenchError


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Inner(_Strict):
    width: int = Field(default=1, ge=1)
    rate: float = Field(default=0.5, gt=0, lt=1, allow_inf_nan=False)
    on: bool = True
    kind: Literal["a", "b"] = "a"


class Outer(_Strict):
    probe: Inner | None = None
    name: str = Field(default="x", pattern="^[a-z]+$")
    parts: list[Inner] = Field(default=[Inner()], min_length=1)
    side: int = Field(default=8, multiple_of=4)
    needed: int

    @field_validator("needed")
    @classmethod
    def _even(cls, value: int) -> int:
        if value % 2:
            raise ValueError("odd numbers have no half")
        return value


NAMES = "width, rate, on, kind"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"probe": {"widht": 1}},
            f"probe.widht: no such setting; did you mean width? (probe takes {NAMES})",
        ),
        ({"porbe": {}}, "porbe: no such setting; did you mean probe? (there is probe, name, parts, side, needed)"),
        ({"zzz": 1}, "zzz: no such setting; there is probe, name, parts, side, needed"),
        ({"parts": [{"zzz": 1}]}, "parts.0.zzz: no such setting; parts.0 takes width, rate, on, kind"),
        ({"probe": {"width": "big"}}, "probe.width: 'big' is not a whole number"),
        ({"probe": {"width": 1.5}}, "probe.width: 1.5 is not a whole number"),
        ({"probe": {"width": None}}, "probe.width: nothing is not a whole number"),
        ({"probe": {"width": 0}}, "probe.width: 0 is out of range: at least 1"),
        ({"probe": {"rate": 0}}, "probe.rate: 0 is out of range: more than 0.0"),
        ({"probe": {"rate": 1}}, "probe.rate: 1 is out of range: less than 1.0"),
        ({"probe": {"rate": "x"}}, "probe.rate: 'x' is not a number"),
        ({"probe": {"rate": math.inf}}, "probe.rate: inf is not a finite number"),
        ({"probe": {"on": "maybe"}}, "probe.on: 'maybe' is not true or false"),
        ({"probe": {"kind": "c"}}, "probe.kind: 'c' is not 'a' or 'b'"),
        ({"probe": 3}, "probe: 3 is not a section of settings; write a mapping of width, rate, on, kind"),
        ({"parts": 3}, "parts: 3 is not a list"),
        ({"parts": []}, "parts: has 0 entries, but needs at least 1"),
        ({"name": 3}, "name: 3 is not text"),
        ({"name": "X"}, "name: 'X' does not have the form ^[a-z]+$"),
        ({1: 2}, "1: 1 is not the name of a setting; put it in quotes if it is meant to be one"),
        ({"side": 30}, "side: 30 is not a multiple of 4"),
        ({"needed": 1}, "needed: odd numbers have no half"),
        ({"needed": "x" * 99}, f"needed: '{'x' * 59}... is not a whole number"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(given, said):
    with pytest.raises(BenchError) as error:
        validated(Outer, {"needed": 2, **given}, "own.yaml")
    assert str(error.value) == f"own.yaml: {said}"


def test_all_that_is_wrong_is_told_below_the_section_it_is_of():
    with pytest.raises(BenchError) as error:
        validated(Inner, {"width": "a", "rate": 2}, "own.yaml", "metrics.x")
    assert str(error.value).splitlines() == [
        "own.yaml: metrics.x.width: 'a' is not a whole number",
        "  metrics.x.rate: 2 is out of range: less than 1.0",
    ]
    with pytest.raises(BenchError, match=r"own.yaml: needed: is missing"):
        validated(Outer, {}, "own.yaml")


@pytest.mark.parametrize("metrics", [["psnr"], "psnr", {"psnr": 3}, {True: {}}])
def test_metrics_are_sections(metrics):
    with pytest.raises(BenchError, match=r"own.yaml: metrics.* is not a section of settings; write metrics: {psnr: {}"):
        check_sections({"metrics": metrics}, "own.yaml")


@pytest.mark.parametrize("metrics", [None, {}, []])
def test_metrics_that_name_nothing_are_refused(metrics):
    check_sections({}, "own.yaml")
    with pytest.raises(BenchError, match=r"own.yaml: metrics: .*write metrics: {psnr: {}"):
        check_sections({"metrics": metrics}, "own.yaml")


def test_a_number_may_stand_in_quotes_as_yaml_has_some_of_them():
    assert validated(Inner, yaml.safe_load("{rate: 5e-1, width: '3'}"), "own.yaml").model_dump() == {
        **Inner().model_dump(),
        "width": 3,
    }
