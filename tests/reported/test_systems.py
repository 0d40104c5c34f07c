"""What is said of the systems that surveys name is held against the registry and the catalogue."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

from bench import registry
from bench.errors import BenchError
from bench.reported.model import catalogs
from bench.reported.systems import FOLDER, STATES, Survey, _read, called, surveyed, surveys

KINDS: tuple[registry.Kind, ...] = (
    *("tokenizers", "quantizers", "bottlenecks", "estimators", "remedies", "backbones", "recognizers"),
)


def test_every_entry_of_the_surveys_is_there_under_its_section():
    discrete, ntp = surveys().values()
    names = [entry.system for section in discrete.sections for entry in section.entries]
    assert (len(names), len(set(names))) == (244, 243)
    assert [name for name, count in Counter(names).items() if count > 1] == ["MAGVIT-v2"]
    assert sum(len(section.entries) for section in ntp.sections) == 139
    by_chapter = Counter(section.title[:2] for section in discrete.sections for _ in section.entries)
    assert by_chapter == {"§2": 58, "§3": 100, "§4": 24, "§5": 62}
    sizes = {section.title: len(section.entries) for section in (*discrete.sections, *ntp.sections)}
    assert sizes["§2 Techniques: Vector quantization (VQ)"] == 18
    assert sizes["§3 Earlier tokenization: Image"] == 23
    assert sizes["§5 LLMs, several modalities: Text + Image"] == 25
    assert sizes["§2.4, §2.5 Continuous encoders and decoders"] == 60


def test_what_is_called_runnable_is_in_the_registry():
    known = {name for kind in KINDS for name in registry.entries(kind)}
    assert {name for found in surveyed() for name in found.entry.method} <= known
    for found in surveyed():
        for pattern in found.entry.loads:
            assert found.entry.model_copy(update={"loads": (pattern,)}).loaded_as(known), pattern
    methods = {name for found in surveyed() for name in found.entry.method}
    weightless = {
        name
        for kind in KINDS
        for name, entry in registry.entries(kind).items()
        if not entry.weights and not entry.local
    }
    assert methods <= weightless, "a method has no weights of the system; with them it is loaded"


def test_what_is_called_reported_is_in_the_catalogue():
    systems = [system for catalog in catalogs().values() for system in catalog.systems]
    for found in surveyed():
        for words in found.entry.reported:
            alone = found.entry.model_copy(update={"reported": (words,)})
            assert any(alone.is_reported_as(system) for system in systems), f"{found.entry.system}: {words}"


def test_a_system_that_runs_names_what_a_row_of_it_names():
    """Where the catalogue says what measures a system, the survey's entry does not say that nothing does."""
    for found in surveyed():
        linked = [
            system.registry
            for catalog in catalogs().values()
            for system in catalog.systems
            if system.registry and found.entry.is_reported_as(system)
        ]
        assert not linked or found.entry.loads, f"{found.entry.system}: write loads: [{linked[0]}], and what is missing"


def test_reasons_are_given_and_short():
    for found in surveyed():
        entry = found.entry
        assert entry.why or entry.state == "runnable"
        assert len(entry.why) < 120
        assert not re.search(r"\broute\b|\.$", entry.why)
    states = Counter(found.entry.state for found in surveyed())
    assert set(states) == set(STATES)


def test_an_entry_that_says_nothing_is_named(tmp_path: Path):
    tree = yaml.safe_load((FOLDER / "next-token-prediction.yaml").read_text())
    tree["sections"][0]["entries"][0] = {"system": "VQGAN"}
    (tmp_path / "survey.yaml").write_text(yaml.safe_dump(tree))
    with pytest.raises(BenchError, match="VQGAN: say how it runs, or why it does not"):
        _read(tmp_path / "survey.yaml")


def test_names_are_found_whatever_their_case():
    assert [found.section.title[:4] for found in called("titok")] == ["§3 E", "§2.2"]
    assert {type(found.survey) for found in called("VQ-VAE-2")} == {Survey}
    assert not called("nothing")
