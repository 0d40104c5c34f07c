"""The same table in every format: nothing lost, nothing that the format would take for markup."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hand_made import estimate, protocol, result
from markdown_it import MarkdownIt
from rich.console import Console

from bench.contracts.results import Result, Run
from bench.errors import UnknownName
from bench.leaderboard.render import FORMATS, render, styled
from bench.leaderboard.table import build

NAMES = [
    "<script>alert(1)</script>",
    "a|b`c`_d_*e*~f~[g](h)!#$i$&amp;\\",
    "=HYPERLINK(\"http://x\",'y')",
    "@org -- ,, {x} ^2 50% \\input{/etc/passwd}",
    "[bold]not markup[/bold] :smile:",
    "*star at the start",
    "/long/path/to/checkpoints/of/a/model,step=100000,ema=0.9999 é ł 中文 😀",
]


def results() -> list[Result]:
    """Rows of all kinds, one name of every sort."""
    made = [
        result(
            name,
            psnr=(20.0 + i, 0.52),
            ssim=(0.7 + i / 100, 0.012),
            rfid="weights inception are missing; run: bench fetch inception",
            codebook_utilization=(0.5, 0.02),
            encode_images_per_second=(812.0, 41.0),
            peak_memory=345.6,
        )
        for i, name in enumerate(NAMES)
    ]
    made.append(result("kl", "continuous", psnr=(33.3, 0.6), codebook_utilization="continuous tokens have no codebook"))
    made.append(
        result("jpeg@85", "bytes", psnr=estimate("psnr", 31.0, 0.5, n=28, failures=2), n=28, skipped={"x": "y"})
    )
    made.append(result("lost", error=("OSError", "no such file: <b>\x1b[31m")))
    made.append(result("other", psnr=1.0, protocol=protocol(settings={"crop": 64})))
    return made


class Cells(HTMLParser):
    """The text of all table cells, and the tags that were seen."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.tags: set[str] = set()
        self.inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)
        if tag in ("td", "th"):
            self.cells.append("")
            self.inside = True

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.cells[-1] += data


@pytest.mark.parametrize("format", FORMATS)
def test_the_same_bytes_from_disk_in_any_order(format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(tmp_path)
    for number, made in enumerate(results()):
        run.write(run.folder / f"{number}.json", made, None)
    there = list(run.results())
    with monkeypatch.context() as elsewhere:
        for name, value in (("COLUMNS", "40"), ("FORCE_COLOR", "1"), ("TERM", "dumb")):
            elsewhere.setenv(name, value)
        text = render(build(reversed(there)), format)
    assert text == render(build(there), format)
    assert text == render(build(results() + there), format)


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_tells_protocol_direction_best_and_reasons(format: str) -> None:
    text = re.sub(r"\s+", " ", render(build(results()), format, width=2000))
    assert protocol().fingerprint in text
    remedy = "run: bench fetch inception"
    told = [remedy] if format in ("csv", "json") else [f"weights inception are missing; {remedy}"]
    for needle in ("weights inception are missing", *told, "no such file"):
        assert needle in text
    needles = {
        "terminal": ["PSNR ↑", "*33.30 ± 0.60", "N=30", "rFID"],
        "markdown": ["PSNR ↑ (dB)", "**33.30** ± 0.60", "N=30", "rFID"],
        "latex": ["PSNR $\\uparrow$", "\\textbf{33.30} $\\pm$ 0.60", "N=30", "rFID"],
        "csv": [",psnr,33.3,0.3,32.699999999999996,33.9,dB,true,true,30,0,"],
        "json": ['"best": [ "psnr" ]', '"n": 30'],
    }
    for needle in needles[format]:
        assert needle in text


def test_both_forms_of_an_interval_are_explained_in_every_format() -> None:
    cut = estimate("codebook_utilization", 0.66, interval=(0.31, 1.0))
    made = [result("a", codebook_utilization=cut), result("b", codebook_utilization=(0.5, 0.02))]
    needles = {
        "terminal": ["66 (31 to 100)", "50 ± 2"],
        "markdown": ["66** (31 to 100)", "50 ± 2"],
        "latex": ["66} (31 to 100)", r"50\rlap{ $\pm$ 2}\phantom{ (31 to 100)}"],
    }
    for format, expected in needles.items():
        text = render(build(made), format, width=300)
        words = re.sub(r"\s+", " ", text).replace("$\\pm$", "±").replace("\\%", "%")
        assert "± half of the 95% interval, (low to high) its ends where it is asymmetric" in words
        for needle in expected:
            assert needle in text
    assert "low to high" not in render(build(made[1:]), "markdown")


def test_no_format_of_that_name_no_metric_of_that_name() -> None:
    with pytest.raises(UnknownName, match="did you mean latex"):
        render([], "latec")
    with pytest.raises(UnknownName, match="did you mean psnr"):
        render(build(results()), "markdown", metrics=["psnt"])


@pytest.mark.parametrize("format", FORMATS)
def test_no_tables(format: str) -> None:
    text = render([], format)
    assert len(text.splitlines()) == (1 if format == "csv" else 4 if format == "json" else 0)


@pytest.mark.parametrize("width", [20, 80, 120, 200])
def test_the_terminal_is_folded_to_its_width(width: int) -> None:
    text = render(build(results()), "terminal", width=width)
    assert max(map(len, text.splitlines())) <= width
    assert "\x1b" not in text
    assert text.count("50.0 ± 2.0") == len(NAMES)  # nothing is cut off


def test_a_terminal_shows_the_best_in_bold() -> None:
    text = styled(build(results()), Console(force_terminal=True, color_system="standard", width=200))
    assert "\x1b[1m33.30\x1b[0m" in text
    assert "*33.30" not in text


def test_names_stay_text_on_the_terminal() -> None:
    text = render(build(results()), "terminal", width=400)
    for name in NAMES:
        assert name in text


def test_names_stay_text_in_markdown() -> None:
    html = Cells(
        MarkdownIt("commonmark", {"html": True})
        .enable(["table", "strikethrough"])
        .render(render(build(results()), "markdown"))
    )
    assert set(NAMES) <= set(html.cells)
    assert html.tags <= {"h2", "table", "thead", "tbody", "tr", "th", "td", "em", "strong", "sup", "ul", "li"}
    assert {cell.removesuffix(" [3]") for cell in html.cells} >= {"Discrete tokenizers", "Codecs", "System"}


def test_csv_has_everything_and_no_formula() -> None:
    rows = list(csv.DictReader(io.StringIO(render(build(results()), "csv"))))
    (psnr,) = (row for row in rows if row["system"] == "jpeg@85" and row["metric"] == "psnr")
    shown = ["value", "stderr", "low", "high", "unit", "higher_is_better", "n", "failures", "skipped_n", "device"]
    assert [psnr[name] for name in shown] == [
        *("31.0", "0.25", "30.5", "31.5", "dB", "true", "28", "2", "1", "Example CPU")
    ]
    (missing,) = (row for row in rows if row["system"] == "kl" and row["metric"] == "codebook_utilization")
    assert (missing["value"], missing["unavailable"]) == ("", "continuous tokens have no codebook")
    (failed,) = (row for row in rows if row["status"] == "failed")
    assert (failed["metric"], failed["error"]) == ("", "OSError: no such file: <b>\\x1b[31m")
    systems = {row["system"] for row in rows}
    assert {f"'{name}" if name[0] in "=@" else name for name in NAMES} < systems
    assert not any(value.startswith(("=", "+", "@", "-")) for row in rows for value in row.values())


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", "\t=1", "＝1"])
def test_a_name_is_never_a_formula(name: str) -> None:
    (row,) = csv.DictReader(io.StringIO(render(build([result(name, psnr=-1.5)]), "csv")))
    assert (row["system"], row["value"]) == (f"'{name.strip()}", "-1.5")


def test_details_of_levels_are_in_the_data_only_where_they_exist() -> None:
    made = [
        result("a", codebook_utilization=1.0, codebook_utilization_level_0=0.7),
        result("b", codebook_utilization=1),
    ]
    rows = csv.DictReader(io.StringIO(render(build(made), "csv")))
    assert [(row["system"], row["metric"], row["value"]) for row in rows] == [
        ("a", "codebook_utilization", "1.0"),
        ("a", "codebook_utilization_level_0", "0.7"),
        ("b", "codebook_utilization", "1.0"),
    ]
    assert "level 0" not in render(build(made), "markdown")


def test_json_carries_protocol_and_provenance() -> None:
    tree = json.loads(render(build(results()), "json"))
    assert sorted(len(table["rows"]) for table in tree["tables"]) == [1, 10]
    table = max(tree["tables"], key=lambda table: len(table["rows"]))
    assert table["protocol"] == protocol().model_dump(mode="json")
    assert {row["result"]["system"]["name"] for row in table["rows"]} >= set(NAMES)
    (row,) = (row for row in table["rows"] if row["label"] == "kl")
    assert row["best"] == ["psnr"]
    assert row["result"]["environment"] == {"python": "3.11"}
    assert row["result"]["metrics"]["psnr"]["interval"] == [32.699999999999996, 33.9]
    assert "/home/me" not in render(build(results()), "json")  # no traceback


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_latex_compiles_without_overfull_lines(tmp_path: Path) -> None:
    body = render(build(results()), "latex")
    document = "\\documentclass{article}\n\\usepackage{booktabs}\n\\begin{document}\n%s\\end{document}\n"
    (tmp_path / "table.tex").write_text(document % body, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-draftmode", "table.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=60)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout


def test_latex_escapes_what_it_would_read_as_commands() -> None:
    text = render(build(results()), "latex")
    assert "\\textless{}script\\textgreater{}alert(1)\\textless{}/script\\textgreater{}" in text
    assert "\\input{" not in text
    assert "\\label{tab:image-recon-" + protocol().fingerprint + "}" in text
    assert "50\\%" in text
    # A row must not begin with what \\ takes for its options.
    assert not re.search(r"\\\\\s*[\[*]", text)
