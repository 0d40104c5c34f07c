"""The ledger of results made by hand."""

from __future__ import annotations

from decimal import Decimal

import pytest
import yaml
from hand_made import estimate, protocol, result

from bench.contracts.results import CodebookRecord
from bench.leaderboard.ledger import Row, lines, rows, summary
from bench.leaderboard.ledger_text import text
from bench.reported.model import Catalog, catalogs

CATALOG = Catalog(
    **yaml.load(
        """
subject: Hand-made
order: 1
protocols:
  whole:
    {title: Whole, modality: image, dataset: ImageNet, split: val, n: 30, resolution: 256², reference: val,
     match: {task: image-recon, preset: default, n: 30, others: {rfid: other}}}
  rates: {title: Rates, modality: image, dataset: none}
metrics:
  psnr: {title: PSNR, unit: dB, metric: psnr}
  rfid: {title: rFID, metric: rfid, compares_sets: true}
  usage: {title: Utilization, unit: "%", metric: codebook_utilization}
  odd: {title: Odd}
  bits: {title: Bits, metric: bits_per_pixel}
systems:
  - {system: VQ, registry: vq, protocol: whole, source: a paper, values: {psnr: 20.1, rfid: 2.00, usage: 97, odd: 1}}
  - {system: VQ, registry: vq, protocol: rates, source: arithmetic, values: {bits: 0.25}}
""",
        yaml.BaseLoader,
    )
)
WHOLE, RATES = rows({"hand-made": CATALOG})


def verdicts(row: Row, *results) -> dict[str, str]:
    return {line.metric: str(line.verdict) for line in lines(row, results, "not asked for")}


def test_each_number_has_the_measurement_of_its_own_preset():
    found = lines(
        WHOLE,
        [
            result("vq", psnr=(20.4, 0.35), rfid=(2.0, 0.01), codebook_utilization=0.968),
            result("vq", rfid=(2.5, 0.1), protocol=protocol(preset="other", settings={})),
        ],
    )
    shown = {line.metric: (line.reported, str(line.measured), line.difference, str(line.verdict)) for line in found}
    assert shown == {
        "psnr": ("20.1", "20.40 ± 0.35", "+0.30", "agrees: within the interval"),
        "rfid": ("2.00", "2.50 ± 0.10", "+0.500", "differs"),
        "usage": ("97", "96.8", "-0.2", "agrees: to its last digit"),
        "odd": ("1", "None", "", "not measured: the bench has no Odd as the source defines it"),
    }
    assert summary(found) == {"agrees": 2, "differs": 1, "not measured": 1}


def test_a_difference_is_not_passed_over_for_an_agreement_elsewhere():
    differs = result("vq", psnr=25.0)
    elsewhere = result("vq", psnr=20.1, protocol=protocol(n=6))
    assert verdicts(WHOLE, elsewhere, differs)["psnr"] == "differs"
    assert verdicts(WHOLE, elsewhere)["psnr"] == "not comparable: 6 samples instead of 30"


def test_another_model_under_a_published_name_is_not_judged():
    published, own = ((1024, "16x16 pixels"), (64, "2x2 pixels"))
    for (size, covers), verdict in (
        (published, "agrees: to its last digit"),
        (own, "not comparable: the checkpoint is"),
    ):
        measured = result("vq", psnr=(20.1, 0.35))
        system = measured.system.model_copy(update={"entry": "vqgan-f16-1024", "arguments": {"path": "last.ckpt"}})
        books = [CodebookRecord(size=size, covers=covers)]
        found = verdicts(WHOLE, measured.model_copy(update={"system": system, "codebooks": books}))
        assert found["psnr"].startswith(verdict)


def test_why_there_is_no_number():
    lacking = "weights inception are missing; run: bench fetch inception"
    assert verdicts(WHOLE) == {
        "psnr": "not measured: not asked for",
        "rfid": "not measured: not asked for",
        "usage": "not measured: not asked for",
        "odd": "not measured: the bench has no Odd as the source defines it",
    }
    assert verdicts(WHOLE, result("vq", rfid=lacking))["rfid"] == f"not measured: {lacking}"
    assert verdicts(WHOLE, result("vq", psnr=1.0))["rfid"] == "not measured: preset default does not measure rFID"
    assert verdicts(WHOLE, result("vq", error=("OSError", "lost")))["psnr"] == "not measured: it failed: OSError: lost"


def test_samples_that_are_not_there_are_named():
    unread = result("vq", psnr=20.1, skipped={"a": "damaged"})
    assert verdicts(WHOLE, unread)["psnr"] == "not comparable: 1 sample could not be read"
    failing = result("vq", psnr=estimate("psnr", 20.1, failures=3))
    (line, *_) = lines(WHOLE, [failing])
    assert (line.verdict.kind, line.remark) == ("agrees", "left out, because undefined: 3 samples")


def otherwise(**changes: str) -> Row:
    """The row under a protocol whose preset does something otherwise than the source."""
    match = WHOLE.protocol.match.model_copy(update={"otherwise": "the source counts otherwise"})
    changed = WHOLE.protocol.model_copy(update={"match": match, **changes})
    catalog = CATALOG.model_copy(update={"protocols": {**CATALOG.protocols, "whole": changed}})
    return Row("hand-made", catalog, WHOLE.entry)


def test_a_difference_is_none_where_the_preset_knowingly_does_otherwise():
    (line, *_) = lines(otherwise(), [result("vq", psnr=25.0)])
    assert (str(line.verdict), line.remark) == ("not comparable: the source counts otherwise", "")
    assert verdicts(otherwise(), result("vq", psnr=20.1))["psnr"] == "agrees: to its last digit"
    (line, *_) = lines(otherwise(split=""), [result("vq", psnr=25.0)])
    assert (line.verdict.kind, line.remark) == ("protocol not fully stated", "the source counts otherwise")


def test_such_a_difference_is_not_passed_over_for_an_agreement_elsewhere():
    fewer = result("vq", psnr=20.1, protocol=protocol(n=6))
    assert (
        verdicts(otherwise(), fewer, result("vq", psnr=25.0))["psnr"] == "not comparable: the source counts otherwise"
    )


def test_digits_of_a_source_in_another_unit():
    entry = WHOLE.entry.model_copy(update={"values": {"usage": Decimal("5E+1")}})  # 0.5 in the source
    (line,) = lines(Row("hand-made", CATALOG, entry), [result("vq", codebook_utilization=0.46)])
    assert (line.reported, line.difference, line.verdict.kind) == ("50", "-4.0", "agrees")


def test_what_follows_from_the_system_needs_no_samples_of_the_source():
    anywhere = result("vq", bits_per_pixel=0.2501, protocol=protocol(n=1, preset="any"))
    assert verdicts(RATES, anywhere) == {"bits": "agrees: to its last digit"}


def test_as_text_and_for_machines():
    found = [*lines(WHOLE, [result("vq", psnr=(20.4, 0.35))]), *lines(RATES, [])]
    shown = text(found).splitlines()
    assert shown[1:5] == [
        "Whole",
        "  ImageNet val, N=30; 256²; preset default",
        "  VQ (vq, a paper)",
        "    PSNR    20.1 dB   20.40 ± 0.35  +0.30       agrees: within the interval",
    ]
    assert shown[-1] == "agrees: 1, not measured: 4"
    record = found[0].record()
    assert (record["reported"], record["measured"], record["verdict"]) == (20.1, 20.4, "agrees")
    assert record["difference"] == pytest.approx(0.3)
    assert found[1].record()["measured"] is None


def test_every_row_of_the_catalogue_has_a_line_for_each_of_its_numbers():
    for row in rows(catalogs()):
        assert [line.metric for line in lines(row, [])] == [*row.entry.values]
        assert all(isinstance(value, Decimal) for value in row.entry.values.values())
