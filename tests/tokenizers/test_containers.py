"""Weights are found in whatever a checkpoint nests them in; raw and averaged ones are never mixed up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from bench.errors import BenchError
from bench.tokenizers.containers import choose

FILE = Path("last.ckpt")
RAW = {"encoder.0.weight": torch.zeros(2), "encoder.0.seen": torch.full((2,), 7.0), "decoder.weight": torch.zeros(2)}
EMA = {"encoder.0.weight": torch.ones(2), "decoder.weight": torch.ones(2)}
LIT = {f"model_ema.{name.replace('.', '')}": tensor for name, tensor in EMA.items()}
COUNTERS = {"model_ema.decay": torch.tensor(0.999), "model_ema.num_updates": torch.tensor(3)}
OPTIMIZER = {"optimizer": {"state": {0: {"exp_avg": torch.zeros(2)}}, "x": torch.zeros(2)}}


def wrapped(prefix: str) -> dict[str, torch.Tensor]:
    return {prefix + name: tensor for name, tensor in RAW.items()}


@pytest.mark.parametrize(
    ("loaded", "place"),
    [
        (RAW, ""),
        ({"model": RAW, **OPTIMIZER, "steps": 3, "epoch": torch.tensor(3)}, "model"),
        ({"state_dict": RAW, "loops": {"state_dict": RAW}, "callbacks": {"a": RAW}}, "state_dict"),
        ({"args": {"size": 3}, "trainer": {"unitok": RAW, "disc": RAW, "optimizer": RAW}}, "trainer.unitok"),
        ({"state_dict": wrapped("module.")}, "state_dict"),
        (wrapped("_orig_mod.module."), ""),
        ({"model": wrapped("module._orig_mod.")}, "model"),
    ],
)
def test_weights_are_found(loaded: Any, place: str) -> None:
    weights = choose(loaded, "", FILE)
    assert (weights.place, weights.averaged, weights.label) == (place, False, "")
    assert weights.tensors.keys() == RAW.keys()


BOTH: list[tuple[Any, str, str]] = [
    ({"model": RAW, "ema": EMA}, "model", "ema"),
    ({"state_dict": RAW, "state_dict_ema": EMA}, "state_dict", "state_dict_ema"),
    ({"state_dict": RAW | LIT | COUNTERS}, "state_dict", "state_dict.model_ema"),
    (RAW | {f"ema_model.module.{name}": item for name, item in EMA.items()}, "top", "ema_model"),
]


@pytest.mark.parametrize(("loaded", "raw", "ema"), BOTH)
def test_raw_or_averaged_is_a_choice(loaded: Any, raw: str, ema: str) -> None:
    with pytest.raises(BenchError, match=rf"raw weights \(.*\) and their moving average \({ema}\).*weights=ema or"):
        choose(loaded, "", FILE)
    assert choose(loaded, "raw", FILE).label == f"raw: {raw}"
    for choice in ("ema", "ema-if-any"):
        weights = choose(loaded, choice, FILE)
        assert weights.label == f"ema: {ema}"
        assert all(torch.equal(weights.tensors[name], item) for name, item in EMA.items())


def test_names_without_dots_get_them_back_with_the_buffers() -> None:
    weights = choose(RAW | LIT | COUNTERS | {"loss.weight": torch.zeros(2)}, "ema", FILE)
    assert weights.tensors.keys() == RAW.keys()
    assert weights.tensors["encoder.0.seen"][0] == 7


def test_names_without_dots_that_fit_several_are_an_error() -> None:
    twice = {"a.1.2": torch.zeros(2), "a.12": torch.zeros(2), "model_ema.a12": torch.ones(2)}
    with pytest.raises(ValueError, match=r"a12 of its moving average could be any of a\.1\.2, a\.12"):
        choose(twice, "ema", FILE)


def test_averaged_alone_needs_no_choice_and_is_said() -> None:
    assert choose({"ema": EMA}, "", FILE).label == "ema: ema"


@pytest.mark.parametrize(
    ("loaded", "choice", "message"),
    [
        ({"model": RAW}, "ema", "no ema weights, only model; write NAME@path=.*,weights=raw"),
        ({"a": RAW, "b": RAW}, "", r"several models \(a, b\)"),
        ({"epoch": 3, **OPTIMIZER}, "", "no mapping of names to tensors"),
        ([RAW], "", "no mapping of names to tensors"),
    ],
)
def test_what_cannot_be_decided_is_named(loaded: Any, choice: str, message: str) -> None:
    with pytest.raises(BenchError, match=rf"last\.ckpt: holds {message}"):
        choose(loaded, choice, FILE)


def test_views_of_few_numbers_as_many_are_rejected() -> None:
    with pytest.raises(ValueError, match="more numbers than the file holds"):
        choose({"w": torch.zeros(1).expand(10**12)}, "", FILE)
