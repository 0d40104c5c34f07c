"""The claims of a survey: table 1 and §2.9 as they are printed, and what of the registry they are about."""

from __future__ import annotations

import fnmatch
from pathlib import Path

import pytest

from bench import registry
from bench.contracts.suite import shipped
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


def test_what_is_claimed_of_is_registered() -> None:
    """A family's bottlenecks and suite, and a method's arguments, by the names that they have in the registry."""
    bottlenecks = registry.entries("bottlenecks")
    names = {*bottlenecks, *(f"remedy={name}" for name in registry.entries("remedies"))}
    names |= {f"estimator={name}" for name in registry.entries("estimators")}
    for family in claims().families:
        unknown = [pattern for pattern in family.systems if not fnmatch.filter(bottlenecks, pattern)]
        assert not unknown, f"{family.family}: {unknown}"
        assert not family.suite or family.suite in shipped("suites"), f"{family.family}: {family.suite}"
    for _, method in claims().methods():
        unknown = [pattern for pattern in method.by if not fnmatch.filter(names, pattern)]
        assert not unknown, f"{method.method}: {unknown}"


def test_every_bottleneck_of_the_registry_is_of_one_family() -> None:
    """Or the survey's table 1 has no line for it: such a name is listed here."""
    named = {
        name: [family.family for family in claims().families if family.covers(name)]
        for name in registry.entries("bottlenecks")
    }
    assert {name for name, families in named.items() if not families} == {"trained-multiscale", "trained-continuous"}
    assert not {name: families for name, families in named.items() if len(families) > 1}


def test_every_estimator_of_the_registry_is_a_method_or_known_to_be_none() -> None:
    named = {
        name: [m.method for _, m in claims().methods() if m.matched("trained-vq", {"estimator": name}) == "estimator"]
        for name in registry.entries("estimators")
    }
    assert {name for name, methods in named.items() if methods} == {"stochastic"}
    assert named["stochastic"] == ["SQ-VAE"]


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


@pytest.mark.parametrize("rest", ["", ", by: [remedy=reset], why: there is none"])
def test_a_method_that_says_nothing_or_both_is_named(tmp_path: Path, rest: str) -> None:
    file = tmp_path / "claims.yaml"
    methods = f"[{{kind: k, claim: c, methods: [{{method: Odd{rest}}}]}}]"
    file.write_text(f"{{survey: s, authors: a, families: [], remedies: {methods}}}")
    with pytest.raises(BenchError, match="Odd: say which arguments are it"):
        claims(file)


@pytest.mark.parametrize("rest", ["", ", systems: [trained-vq], why: there is none"])
def test_a_family_that_says_nothing_or_both_is_named(tmp_path: Path, rest: str) -> None:
    file = tmp_path / "claims.yaml"
    family = f"{{family: Odd, section: s, prevents: 'no', reason: r{rest}}}"
    file.write_text(f"{{survey: s, authors: a, families: [{family}], remedies: []}}")
    with pytest.raises(BenchError, match="Odd: say which systems belong to it"):
        claims(file)
