"""What several files of the project say, they say alike."""

from __future__ import annotations

import re
import tomllib

import pytest
import yaml
from packaging.specifiers import SpecifierSet
from places import ROOT

import bench

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def test_the_citation_is_of_this_version_and_license() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert (citation["version"], citation["license"]) == (bench.__version__, PROJECT["license"])


def test_the_changelog_has_this_version_with_its_date() -> None:
    headings = re.findall(r"^## \[(.*)\](.*)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    assert headings[0] == ("Unreleased", "")
    assert headings[1][0] == bench.__version__
    assert all(re.fullmatch(r" - \d{4}-\d\d-\d\d", date) for _, date in headings[1:])


def test_the_pythons_that_are_tested_are_those_that_are_supported() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8"))
    tested = workflow["jobs"]["tests"]["strategy"]["matrix"]["python"]
    named = [text.rpartition(" :: ")[2] for text in PROJECT["classifiers"] if ":: Python :: 3." in text]
    assert tested == named
    supported = SpecifierSet(PROJECT["requires-python"])
    minors = [int(python.partition(".")[2]) for python in tested]
    assert f"3.{min(minors)}" in supported
    assert f"3.{min(minors) - 1}" not in supported


def test_commits_are_linted_as_tox_does() -> None:
    (lint,) = re.findall(r"\[testenv:lint\].*?^commands =\n(.*?)\n\n", (ROOT / "tox.ini").read_text(), re.M | re.S)
    (source,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert [hook["id"] for hook in source["hooks"]] == re.findall(r"(ruff-\w+)", lint.replace("ruff ", "ruff-"))
    assert f"ruff=={source['rev'].removeprefix('v')}" in (ROOT / "constraints.txt").read_text().splitlines()


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_workflows_call_environments_of_tox(file) -> None:
    environments = re.findall(r"tox run -e (\S+)$", file.read_text(encoding="utf-8"), re.M)
    tox = (ROOT / "tox.ini").read_text(encoding="utf-8")
    assert all(f"[testenv:{name}" in tox for name in environments if "{" not in name)


def test_the_examples_of_contributing_are_the_files_that_tests_run() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    examples = re.findall(r"```python\n# (\S+)\n(.*?)```", text, re.DOTALL)
    assert {path for path, _ in examples} == {
        f"tests/parts/{name}.py" for name in ("mean_error", "energy", "stability")
    }
    for path, code in examples:
        assert code == (ROOT / path).read_text(encoding="utf-8"), path
