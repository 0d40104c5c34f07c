"""The claims of a survey: table 1 and §2.9 as they are printed, and what of the registry they are about."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import registry
from bench.errors import BenchError
from bench.reported.claims import Method, claims


def test_table_1_is_there() -> None:
    assert {family.family: family.prevents for family in claims().families} == {
        **dict.fromkeys(("VQ", "RVQ"), "no"),
        **dict.fromkeys(("PQ", "AQ"), "partially"),
        **dict.fromkeys(("FSQ", "LFQ", "BSQ", "GART"), "yes"),
    }


def test_the_four_kinds_of_remedies_are_there_with_the_methods_named() -> None:
    named = {kind.kind: [method.refs for method in kind.methods] for kind in claims().remedies[:4]}
    assert named == {
        "Code reset": ["216", "268"],
        "Linear reparameterization": ["69", "277", "278"],
        "Soft quantization": ["173", "218", "44", "2", "177", "178"],
        "Regularization": ["190", "255", "191", "173, 242, 264"],
    }
    assert all(method.source for kind in claims().remedies[4:] for method in kind.methods)


def test_every_remedy_of_the_registry_is_one_of_them() -> None:
    """Exactly one, so that no row of a table stands beside two claims."""
    for name in registry.entries("remedies").keys() - {"none"}:
        named = [m.method for _, m in claims().methods() if m.matched("trained-vq", {"remedy": name}) == "remedy"]
        assert len(named) == 1, name


def test_an_argument_or_the_bottleneck_itself_is_a_remedy() -> None:
    methods = {method.method: method for _, method in claims().methods()}
    assert methods["SimVQ"].matched("trained-rvq", {"bits": 4, "remedy": "simvq@rank=2"}) == "remedy"
    assert methods["SimVQ"].matched("trained-vq", {"remedy": "none"}) is None
    assert Method(method="own", by=("trained-hq*",)).matched("trained-hq-vae", {}) == ""
    assert methods["HC-VQ"].matched("trained-vq", {"remedy": "simvq"}) is None


def test_a_method_that_says_nothing_is_named(tmp_path: Path) -> None:
    file = tmp_path / "claims.yaml"
    file.write_text("{survey: s, authors: a, families: [], remedies: [{kind: k, claim: c, methods: [{method: Odd}]}]}")
    with pytest.raises(BenchError, match="Odd: say which arguments are it"):
        claims(file)
