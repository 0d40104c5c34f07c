"""The files of the site: whole, linked, the same from the same results, and nothing of anybody else's."""

from __future__ import annotations

import io
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from hand_made import protocol, result
from PIL import Image, ImageColor
from places import ROOT
from site_parts import PHOTOS, SCRIPT, wav, write_runs

from bench.commands.publish import publish
from bench.contracts.kept import Kept
from bench.contracts.results import Run
from bench.errors import BenchError
from bench.leaderboard.render import FORMATS, render
from bench.leaderboard.table import build
from bench.reported.model import catalogs
from bench.reported.systems import surveys
from bench.site import figures
from bench.site.definitions import anchor, definitions
from bench.site.gallery import gallery
from bench.site.grid import WIDEST
from bench.site.site import Site
from bench.site.sources import read

PUBLISHED = sorted(path.parent for path in (ROOT / "leaderboards").glob("*/results"))


class Links(HTMLParser):
    """What a page refers to, the places in it that can be referred to, and the names of its tables."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.outside: list[tuple[str, str, str]] = []
        self.ids: list[str] = []
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        for name in ("href", "src"):
            if (value := given.get(name)) and urlsplit(value).scheme == "https":
                self.outside.append((tag, value, given.get("rel") or ""))
            elif value:
                self.targets.append(value)
        self.ids += [given["id"]] if given.get("id") else []


def test_what_leads_away_are_links_to_the_sources_of_reported_numbers(site):
    """And to surveys. They tell nobody where the reader came from."""
    known = {address for catalog in catalogs().values() for address in catalog.links.values()}
    found = [each for file in site.rglob("*.html") for each in Links(file).outside]
    assert {address for _, address, _ in found} == known | {survey.link for survey in surveys().values() if survey.link}
    assert {(tag, rel) for tag, _, rel in found} == {("a", "external noreferrer")}


def test_reported_numbers_have_the_measured_ones_beneath_them(site):
    """Of the site's results two are of a system with reported numbers, one of them under its protocol."""
    page = re.sub(r"<[^>]+>", " ", (site / "reported" / "image.html").read_text(encoding="utf-8"))
    shown = " ".join(page.split())
    assert "Numbers by verdict: differs : 2, not measured :" in shown
    assert "LlamaGen, README; SSIM and PSNR: issue 34 2.19 2.250 ± 0.010 [+0.060] 20.79 21.00 ± 0.10 [+0.210]" in shown
    assert "rFID differs PSNR differs" in shown
    assert "0.59 not measured" in shown
    assert "0.94 no preset follows its source" in shown  # at another size
    assert "Not stated: the number of samples. Presets seed-voken , seed-voken-fid ." in shown


def test_every_system_of_the_surveys_has_a_line(site):
    page = (site / "surveys.html").read_text(encoding="utf-8")
    assert page.count('<span class="state ') == 383
    assert "244 systems: " in page and "139 systems: " in page
    assert '<a href="reported/image.html">' in page


@pytest.fixture
def no_figures(monkeypatch):
    """Without the plots as files, which take most of the time."""
    for module in ("figures", "curve_figures"):
        monkeypatch.setattr(f"bench.site.{module}.files", lambda plot: {})


def test_every_link_leads_to_a_file_and_a_place_of_the_site(site):
    pages = {file: Links(file) for file in site.rglob("*.html")}
    assert len(pages) > 15
    for file, links in pages.items():
        assert len(set(links.ids)) == len(links.ids), file
        for target in links.targets:
            parts = urlsplit(target)
            assert not (parts.scheme or parts.netloc or parts.path.startswith("/")), (file, target)
            other = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            assert other.is_file() and other.is_relative_to(site.resolve()), (file, target)
            if parts.fragment and other.suffix == ".html":
                assert parts.fragment in pages[other].ids, (file, target)


def test_no_page_holds_a_script_a_style_or_a_way_around_the_policy(site):
    """So that the policy needs no exception, and whatever a result puts into a page does nothing there."""
    for file in site.rglob("*.html"):
        text = file.read_text(encoding="utf-8")
        (policy,) = re.findall('<meta http-equiv="Content-Security-Policy" content="(.*)">', text)
        assert text.index(policy) < text.index("<script") and "unsafe" not in policy and "data:" not in policy
        assert policy.startswith("default-src &#39;none&#39;; script-src &#39;self&#39;; ")
        assert not re.search(r"<style|<script(?! src=)|<[^>]*\s(style|on\w+)=|javascript:", text), file


def test_the_style_sheet_has_room_for_every_width(site):
    (style,) = site.glob("assets/site.css")
    known = set(re.findall(r"\.(w\d+) \{", style.read_text(encoding="utf-8")))
    used = {
        name for file in site.glob("tables/*") for name in re.findall(r'"(?:spread|room) (w\d+)"', file.read_text())
    }
    assert used and used <= known and f"w{WIDEST}" in known


def test_every_file_is_referred_to(site):
    named = {
        (page.parent / urlsplit(target).path).resolve()
        for page in site.rglob("*.html")
        for target in Links(page).targets
    }
    left = {file.name for file in site.rglob("*") if file.is_file() and file.resolve() not in named}
    assert left == {".bench-site"}


def test_the_same_results_give_the_same_bytes(site, tmp_path):
    again = tmp_path / "again"
    publish(tuple(reversed(write_runs(tmp_path))), again)
    files = {path.relative_to(site): path.read_bytes() for path in site.rglob("*") if path.is_file()}
    assert files == {path.relative_to(again): path.read_bytes() for path in again.rglob("*") if path.is_file()}


def test_downloads_are_what_the_leaderboard_command_prints(site, tmp_path):
    sources = read([file for run in write_runs(tmp_path) for file in Run(run).files()])
    (table,) = (table for table in sources.tables if table.protocol == PHOTOS)
    for style, suffix in (("markdown", "md"), ("latex", "tex"), ("csv", "csv"), ("json", "json")):
        (file,) = site.glob(f"data/*{PHOTOS.fingerprint}*.{suffix}")
        assert file.read_text(encoding="utf-8") == render([table], style)
    plots = {
        file.suffix: file.read_bytes() for file in site.glob(f"plots/*{PHOTOS.fingerprint}*/psnr-bits_per_pixel.*")
    }
    with Image.open(io.BytesIO(plots[".png"])) as picture:
        colours = {colour for _, colour in picture.convert("RGB").getcolors()}
    assert colours >= {(255, 255, 255), ImageColor.getrgb(figures.ACCENT), ImageColor.getrgb(figures.INK)}
    assert len(plots[".png"]) < 50_000
    assert plots[".svg"].startswith(b"<?xml")


@pytest.mark.parametrize("folder", PUBLISHED, ids=lambda folder: folder.name)
def test_a_published_leaderboard_is_made_by_this_command(folder, no_figures):
    files = dict(Site(read(Run(folder).files())).files())
    tables = b"\n".join(data for name, data in files.items() if name.endswith(".md"))
    assert tables.decode() == (folder / "README.md").read_text(encoding="utf-8")


def test_an_earlier_site_is_replaced_and_nothing_else_is(tmp_path, no_figures):
    (run, *_) = write_runs(tmp_path)
    publish((run,), tmp_path / "site")
    (tmp_path / "site" / "old.html").write_text("old")
    publish((run,), tmp_path / "site")
    assert not (tmp_path / "site" / "old.html").exists()
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("years")
    with pytest.raises(BenchError, match="choose another"):
        publish((run,), tmp_path / "thesis")
    assert (tmp_path / "thesis" / "chapter.tex").read_text() == "years"
    assert {path.name for path in tmp_path.iterdir()} == {"images", "sounds", "published", "study", "site", "thesis"}


def test_the_command(bench, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "no results" in bench("publish", "empty", code=3).stderr
    (_, run, *_) = write_runs(tmp_path)
    assert "1 table, 2 systems: out/index.html" in bench("publish", run, "--out", "out").stdout
    assert "is not a site" in bench("publish", run, "--out", "sounds", code=2).stderr


@pytest.mark.parametrize("name", ["../../secret.png", "/etc/passwd", "kept/../secret.png"])
def test_a_result_cannot_publish_other_files(tmp_path, no_figures, capsys, name):
    """Its numbers are shown without its samples; those of the others are."""
    run = write_runs(tmp_path)[0]
    file = next(Run(run).folder.glob("vq*.json"))
    tree = json.loads(file.read_text())
    tree["kept"][0]["reconstruction"] = name
    file.write_text(json.dumps(tree))
    for secret in (tmp_path / "secret.png", Run(run).folder / "secret.png"):
        secret.write_bytes(b"secret")
    assert publish((run,), tmp_path / "site") == 4
    told = capsys.readouterr().err
    assert f"shown without its samples: {file}" in told
    assert "kept sample" in told
    assert not any(b"secret" in each.read_bytes() for each in (tmp_path / "site").rglob("*") if each.is_file())
    (page,) = (tmp_path / "site").glob("systems/vq-*.html")
    assert "22" in page.read_text() and "photo-1" not in page.read_text()
    (page,) = (tmp_path / "site").glob("systems/rvq-*.html")
    assert "photo-1" in page.read_text()


@pytest.mark.parametrize(("run", "suffix", "data"), [(0, "png", b"?"), (1, "wav", b"?"), (1, "wav", wav(0)[:44])])
def test_a_damaged_sample_is_named(tmp_path, no_figures, capsys, run, suffix, data):
    path = write_runs(tmp_path)[run]
    for file in path.glob(f"results/kept/*/*.{suffix}"):
        file.write_bytes(data)
    assert publish((path,), tmp_path / "site") == 4
    assert re.search(rf"shown without its samples: .*\.{suffix}: not an? .* --fresh", capsys.readouterr().err)


ODD_SETTINGS = (
    {"preprocessing": None},
    {"preprocessing": [1]},
    {"preprocessing": 7, "metrics": None},
    {"metrics": [3]},
)


@pytest.mark.parametrize("settings", ODD_SETTINGS, ids=str)
@pytest.mark.parametrize("style", FORMATS)
def test_settings_of_any_form_have_a_table(settings, style):
    """As generated images have: nothing is done to them, so their preprocessing is null."""
    under = protocol(preset="llamagen", n=50000, settings={**settings, "reference": "none"})
    assert protocol().fingerprint != under.fingerprint
    assert under.fingerprint in render(build([result("a", psnr=1.0, protocol=under)]), style)


def test_tasks_modalities_and_samples_of_others_are_published(tmp_path):
    """Nothing here knows them; their samples can be saved, but are nothing that a browser runs."""
    run = Run(tmp_path / "run")
    for settings in ODD_SETTINGS:
        under = protocol(task="video-recon", settings=settings, metrics={"vmaf": 3}, preset="own")
        for name in ("a", "b"):
            made = result(name, "frames", vmaf=(90.0, 1.0), bits_per_pixel=0.1, suite="mine", protocol=under)
            kept = [Kept(0, "clip", ".html", b"<script>alert(1)</script>", name.encode())]
            run.write(run.file_of(name, under), made, {"id": ["clip"], "group": [0], "vmaf": [90.0]}, kept)
    assert publish((run.path,), tmp_path / "site") == 0
    saved = {file.read_bytes() for file in (tmp_path / "site" / "samples").iterdir()}
    assert saved == {b"<script>alert(1)</script>", b"a", b"b"}
    assert {file.suffix for file in (tmp_path / "site" / "samples").iterdir()} == {".bin"}
    (page,) = (tmp_path / "site").glob("systems/a-*.html")
    assert 'download="000000.html"' in page.read_text()


def test_a_result_that_cannot_be_shown_keeps_no_other_from_it(tmp_path, bench, no_figures, capsys):
    """It is named with its reason, on stderr and on the site."""
    run = write_runs(tmp_path)[0]
    results = Run(run).folder
    edited = json.loads(next(results.glob("vq*.json")).read_text())
    edited["protocol"]["seed"] = 5
    (results / "edited.json").write_text(json.dumps(edited | {"key": "edited"}))
    (results / "broken.json").write_text("{")
    printed = bench("leaderboard", run, code=4)
    assert "fsq@8" in printed.stdout
    assert publish((run,), tmp_path / "site") == 4
    for told in (printed.stderr, capsys.readouterr().err):
        assert re.search(r"left out: .*broken\.json: not a result", told)
        assert re.search(r"left out: .*vq.*its fingerprint is", told)
    index = (tmp_path / "site" / "index.html").read_text()
    assert "edited.json: result of vq: its fingerprint is" in index
    assert "broken.json: not a result" in index
    assert str(tmp_path) not in index
    assert "not a result" in bench("leaderboard", results / "broken.json", code=2).stderr


def test_kept_samples_that_were_not_copied_along_are_told_of(tmp_path, no_figures):
    run = write_runs(tmp_path)[0]
    shutil.rmtree(run / "results" / "kept")
    publish((run,), tmp_path / "site")
    (page,) = (tmp_path / "site").glob("systems/vq-*.html")
    assert "3 kept samples are not beside the result" in page.read_text()


def test_without_values_a_sample_the_order_is_that_of_the_data_set(tmp_path):
    run = write_runs(tmp_path)[0]
    for file in run.glob("results/*.parquet"):
        file.unlink()
    (table,) = (sources := read(Run(run).files())).tables
    shown = gallery(table, next(row for row in table.rows if row.label == SCRIPT), sources)
    assert shown.metric is None
    assert [(one.index, one.standing) for one in shown.samples] == [(1, ""), (3, ""), (5, "")]


def test_runs_of_which_nothing_came_have_pages_that_say_so(tmp_path, no_figures):
    run = Run(tmp_path / "run")
    for i, made in enumerate((result("a", error=("OSError", "gone")), result("b", "bytes", protocol=protocol(seed=1)))):
        run.write(run.folder / f"{i}.json", made, None)
    publish((run.path,), tmp_path / "site")
    pages = [file.read_text() for file in (tmp_path / "site" / "tables").iterdir()]
    assert sum("failed" in page and "OSError: gone" in page for page in pages) == 1
    assert sum('<span class="words">–</span>' in page for page in pages) == 1


def test_a_value_is_defined_by_the_metric_that_its_protocol_names():
    made = result(
        "a", inception_score=3.0, psnr=1.0, protocol=protocol(metrics={"generation_inception_score": 4, "psnr": 1})
    )
    (table,) = build([made])
    (column,) = (column for column in table.columns if column.metric == "inception_score")
    assert anchor(table, column) == "def-generation_inception_score"
    told = {definition.name: definition.version for definition in definitions(table)}
    assert told == {"psnr": 1, "generation_inception_score": 4}
