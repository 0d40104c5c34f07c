"""Reported numbers: whole, with the digits of their sources, and never taken for measured ones."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from hand_made import protocol, result

from bench import registry
from bench.contracts.system import parse
from bench.errors import BenchError
from bench.leaderboard.render import render
from bench.leaderboard.reported import beside, elsewhere
from bench.leaderboard.table import build
from bench.reported.model import FOLDER, catalogs, read

KNOWN = [
    ("image", "LlamaGen VQ ds16", "rfid", "2.19"),
    ("image", "TiTok B64", "rfid", "1.70"),
    ("image", "IBQ 8192", "lpips", "0.2437"),
    ("image", "MaskBit 18 bit", "usage", "5E+1"),
    ("image", "DC-AE f64c128", "rfid", "0.2168"),
    ("generation", "RAR XXL", "gfid", "1.48"),
    ("generation", "ADM, guided and upsampled", "is", "215.84"),
    ("audio", "DAC 24 kHz", "pesq_wb", "4.351"),
    ("audio", "WavTokenizer small", "utmos", "4.0486"),
    ("video", "Cosmos DV8×16×16", "rfvd", "113.48"),
]


@pytest.mark.parametrize(("catalog", "system", "metric", "value"), KNOWN)
def test_known_numbers(catalog, system, metric, value):
    found = {s.values[metric] for s in catalogs()[catalog].systems if s.system == system and metric in s.values}
    assert Decimal(value) in found
    assert value in {str(number) for number in found}


def test_every_file_is_read_and_names_what_the_bench_has():
    assert set(catalogs()) == {file.stem for file in FOLDER.glob("*.yaml")}
    for catalog in catalogs().values():
        assert all(catalog.of(protocol) for protocol in catalog.protocols)
        assert {fact.metric for fact in catalog.metrics.values()} <= {"", *registry.values()}
        for system in catalog.systems:
            if system.registry and not system.registry.endswith(".npz"):
                assert parse(system.registry).entry.modality in {p.modality for p in catalog.protocols.values()}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"protocol": "other"}, "no protocol 'other'"),
        ({"values": {"fid": "1"}}, "no metric fid"),
        ({"values": {"rfid": "about 2"}}, "values.rfid"),
        ({"license": "MIT"}, "license"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, change, complaint):
    tree = yaml.load((FOLDER / "image.yaml").read_text(), yaml.BaseLoader)
    tree["systems"][0] |= change
    (tmp_path / "image.yaml").write_text(yaml.safe_dump(tree))
    with pytest.raises(BenchError, match=complaint):
        read(tmp_path / "image.yaml")


def test_a_source_has_a_link_where_one_is_known():
    (found,) = (s for s in catalogs()["image"].systems if s.values.get("rfid") == Decimal("3.910848"))
    assert catalogs()["image"].link(found) == "https://github.com/bytedance/1d-tokenizer/issues/105"
    unknown = {s.source for catalog in catalogs().values() for s in catalog.systems if not catalog.link(s)}
    assert {source for source in unknown if "Hz" not in source and "bit" not in source} == {
        "RAE, paper, table 1(a)",
        "WavTokenizer, paper (quoted in issue 54)",
    }


@pytest.mark.parametrize("links", [{"Nobody": "https://example.org"}, {"MaskGIT": "http://example.org"}])
def test_a_link_of_nothing_or_to_nowhere_safe_is_refused(tmp_path: Path, links):
    tree = yaml.load((FOLDER / "image.yaml").read_text(), yaml.BaseLoader)
    (tmp_path / "image.yaml").write_text(yaml.safe_dump(tree | {"links": links}))
    with pytest.raises(BenchError, match="source of no system"):
        read(tmp_path / "image.yaml")


def llamagen(**changes):
    settings = {"preprocessing": {"size": 256}}
    return protocol(**({"preset": "llamagen", "n": 50000, "settings": settings} | changes))


def test_the_difference_to_a_report_under_the_same_protocol():
    (table,) = build(
        [
            result("llamagen-vq-ds16", rfid=2.2341, psnr=20.0, protocol=llamagen()),
            result("x", rfid=1.0, protocol=llamagen()),
        ]
    )
    rows = {row.entry.system: row for row in beside(table)}
    assert set(rows) == {"LlamaGen VQ ds16", "LlamaGen VQ ds8"}
    assert rows["LlamaGen VQ ds16"].values == {"rfid": "2.19", "psnr": "20.79"}
    assert rows["LlamaGen VQ ds16"].differences == {"rfid": "+0.044", "psnr": "-0.790"}
    assert rows["LlamaGen VQ ds8"].differences == {}


def test_markdown_has_the_reports_below_the_table():
    (table,) = build([result("llamagen-vq-ds16", rfid=2.2341, psnr=20.0, protocol=llamagen())])
    told = render([table], "markdown").splitlines()
    assert (
        "- LlamaGen VQ ds8: rFID 0.98 ([LlamaGen, issue 88 (a user)]"
        "(<https://github.com/FoundationVision/LlamaGen/issues/88>))" in told
    )
    assert any(line.startswith(r"- LlamaGen VQ ds16: rFID 2.19 \[+0.044\], PSNR") for line in told)
    (other,) = build([result("llamagen-vq-ds16", rfid=2.2341, protocol=llamagen(n=1))])
    assert "Reported" not in render([other], "markdown")


@pytest.mark.parametrize(
    "changes", [{"n": 5000}, {"preset": "titok"}, {"settings": {"preprocessing": {"size": 384}}}, {"task": "image-gen"}]
)
def test_under_another_protocol_nothing_is_beside_the_table(changes):
    (table,) = build([result("llamagen-vq-ds16", rfid=2.2, protocol=llamagen(**changes))])
    assert "LlamaGen VQ ds16" not in {row.entry.system for row in beside(table)}
    assert "LlamaGen VQ ds16" in {found.entry.system for found in elsewhere(table, table.rows[0])}
