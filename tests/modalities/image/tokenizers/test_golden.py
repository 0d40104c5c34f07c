"""Published image tokenizers give the codes and images of their publishers' networks; see ``tests/golden``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cases import Golden, cases

from bench.errors import BenchError

CASES = cases("image")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_equals_the_publishers_network(case: Golden, tmp_path: Path) -> None:
    tokenizer = case.build(tmp_path)
    tokens = tokenizer.encode((case.images() + 1) / 2)
    tokens.check(tokenizer.codebooks)
    case.holds_tokens(tokens)
    case.holds_decoded(2 * tokenizer.decode(tokens) - 1)


def test_every_case_says_what_wrote_it() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
    assert all("(" in case.made_by for case in CASES), "package and version, or repository, commit and files; license"


@pytest.mark.parametrize(("name", "number"), [("gumbel", -8), ("vit_vqgan", 0)])
def test_a_configuration_that_makes_no_network_is_named(name: str, number: int, tmp_path: Path) -> None:
    case = next(case for case in CASES if case.name == name)
    broken = replace(case, config=_with_numbers(case.config, number))
    with pytest.raises(BenchError, match="the configuration of the registry line"):
        broken.build(tmp_path)


@pytest.mark.parametrize("key", ["image_size", "code_length", "codebook_size_for_entropy", "sample_steps"])
def test_a_size_that_no_tensor_shows_is_checked(key: str, tmp_path: Path) -> None:
    case = next(case for case in CASES if case.name == "flowmo")
    with pytest.raises(BenchError, match=f"{key} must be a whole number from 1 to"):
        replace(case, config={**case.config, key: 0}).build(tmp_path)


def _with_numbers(value: Any, number: int) -> Any:
    """A configuration with this number in place of all others."""
    if isinstance(value, Mapping):
        return {key: _with_numbers(item, number) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_with_numbers(item, number) for item in value]
    return number if isinstance(value, int) and not isinstance(value, bool) else value
