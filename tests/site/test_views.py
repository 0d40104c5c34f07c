"""How the kept samples of an installed modality are shown: by its own view, or as links."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hand_made import protocol, result
from site_parts import write_runs

from bench import registry
from bench.commands.publish import publish
from bench.contracts.kept import Kept
from bench.contracts.results import Run

FACE = """
from bench.modalities.base import Modality
TOY = Modality("toy", signals="toys", signal="", finish="", preprocessing="", view={view!r})
"""
VIEW = """
from bench.errors import BenchError
from bench.modalities.view import Side, View

class Toys(View):
    suffixes = (".txt",)

    def side(self, data):
        if data == b"damaged":
            raise BenchError("no toy")
        return Side({"length": 7 // (len(data) - 3)}, {"upper": ("-upper.txt", data.upper())})

class Bare(Toys):
    template = "bare.html"

class Broken(Toys):
    template = "broken.html"

class Nothing:
    suffixes = (".txt",)
"""
TEMPLATE = """
{% macro pair(id, original, reconstruction, name, root) %}
<p>{{ id }} of {{ name }}: {{ original.length }} <a href="{{ root }}{{ original.upper }}">upper</a>
<a href="{{ root }}{{ reconstruction.file }}">it</a></p>
{% endmacro %}
{% macro gallery(id, original, systems, root) %}
{% for s in systems %}<p>all of <a href="{{ root }}{{ s.href }}">{{ s.name }}</a> {{ s.value }}</p>{% endfor %}
{% endmacro %}
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Install a package of the modality ``toy`` whose face names this view."""
    folder = tmp_path / "installed"

    def install(view: str) -> None:
        files = {
            "face.py": FACE.format(view=view),
            "view.py": VIEW,
            "view.html": TEMPLATE,
            "broken.html": "{% if %}",
            "__init__.py": "",
        }
        (folder / "toy_bench").mkdir(parents=True)
        for name, text in files.items():
            (folder / "toy_bench" / name).write_text(text, encoding="utf-8")
        facts = folder / "toy_bench-1.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-bench\nVersion: 1\n")
        (facts / "entry_points.txt").write_text("[bench.modalities]\ntoy = toy_bench.face:TOY\n")
        monkeypatch.syspath_prepend(folder)
        registry.forget()

    yield install
    for name in [name for name in sys.modules if name.partition(".")[0] == "toy_bench"]:
        del sys.modules[name]
    monkeypatch.undo()
    registry.forget()


def write(folder: Path, **contents: bytes) -> Path:
    """A run of toys, in which each system kept one sample with this content."""
    run, under = Run(folder / "toys"), protocol(task="toy-recon", settings={}, metrics={"psnr": 1})
    for name, data in contents.items():
        made = result(name, psnr=(20.0, 0.5), protocol=under, suite="toys")
        kept = [Kept(0, "ball", ".txt", b"ball", data)]
        run.write(run.file_of(name, under), made, {"id": ["ball"], "group": [0], "psnr": [20.0]}, kept)
    return run.path


def page(folder: Path, pattern: str) -> str:
    (file,) = (folder / "site").glob(pattern)
    return file.read_text(encoding="utf-8")


def samples(folder: Path) -> dict[str, set[bytes]]:
    """The contents of the published samples by suffix."""
    found: dict[str, set[bytes]] = {}
    for file in (folder / "site" / "samples").iterdir():
        found.setdefault(file.suffix, set()).add(file.read_bytes())
    return found


def test_a_view_of_its_own_shows_it(install, tmp_path) -> None:
    install("toy_bench.view:Toys")
    assert publish((write(tmp_path, a=b"balls", b=b"bells"),), tmp_path / "site") == 0
    shown = page(tmp_path, "systems/a-*.html")
    assert "ball of a: 7" in shown and "-upper.txt" in shown
    assert "all of" in page(tmp_path, "gallery/*.html") and "PSNR 20" in page(tmp_path, "gallery/*.html")
    assert samples(tmp_path) == {".txt": {b"ball", b"balls", b"bells", b"BALL", b"BALLS", b"BELLS"}}


@pytest.mark.parametrize("installed", [True, False])
def test_without_a_view_or_the_package_it_is_links(install, tmp_path, installed) -> None:
    if installed:
        install("")
    assert publish((write(tmp_path, a=b"balls"),), tmp_path / "site") == 0
    for shown in (page(tmp_path, "systems/a-*.html"), page(tmp_path, "gallery/*.html")):
        assert 'download="000000.txt" aria-label="Save ball, from the tokens of a"' in shown
    assert samples(tmp_path) == {".bin": {b"ball", b"balls"}}


def test_files_of_another_suffix_are_links(install, tmp_path) -> None:
    """Whatever a result names is not served as something that a browser would run."""
    install("toy_bench.view:Toys")
    path = write(tmp_path, a=b"balls")
    (file,) = path.glob("results/*.json")
    for kept in path.glob("results/kept/*/000000.txt"):
        kept.rename(kept.with_suffix(".html"))
    file.write_text(file.read_text().replace("000000.txt", "000000.html"))
    assert publish((path,), tmp_path / "site") == 0
    assert samples(tmp_path) == {".bin": {b"ball", b"balls"}}


@pytest.mark.parametrize(
    ("view", "data", "told"),
    [
        ("toy_bench.view:Toys", b"damaged", "000000.txt: no toy; measure it again with --fresh"),
        ("toy_bench.view:Toys", b"bad", "000000.txt: Toys cannot show it: ZeroDivisionError"),
        ("toy_bench.view:Bare", b"balls", "its template bare.html cannot be read"),
        ("toy_bench.view:Broken", b"balls", "TemplateSyntaxError"),
        ("toy_bench.view:Nothing", b"balls", "is not a class derived from bench.modalities.view.View"),
        ("toy_bench.view:Absent", b"balls", "has no 'Absent'"),
        ("toy_bench.gone:Toys", b"balls", "cannot be imported"),
    ],
)
def test_a_view_that_fails_costs_the_samples_it_fails_on(install, tmp_path, capsys, monkeypatch, view, data, told):
    """The numbers of that system are shown, and all of the others."""
    monkeypatch.setattr("bench.site.figures.files", lambda plot: {})
    install(view)
    images, *_ = write_runs(tmp_path)
    assert publish((images, write(tmp_path, a=data)), tmp_path / "site") == 4
    assert "shown without its samples" in (stderr := capsys.readouterr().err) and told in stderr
    assert "20" in page(tmp_path, "systems/a-*.html")
    assert "photo-1" in page(tmp_path, "systems/vq-*.html")
    assert samples(tmp_path).keys() == {".png"}


def test_a_sample_that_its_view_cannot_show_keeps_no_other_from_it(install, tmp_path) -> None:
    install("toy_bench.view:Toys")
    assert publish((write(tmp_path, a=b"balls", b=b"bad"),), tmp_path / "site") == 4
    assert samples(tmp_path)[".txt"] == {b"ball", b"balls", b"BALL", b"BALLS"}
