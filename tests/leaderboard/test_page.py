"""What people read around the numbers: footnotes, remarks, and which columns they get."""

from __future__ import annotations

from typing import Any

import pytest
from hand_made import estimate, protocol, result

from bench.contracts.results import CodebookRecord, Result
from bench.leaderboard.page import Page, compose, fold
from bench.leaderboard.reasons import clean
from bench.leaderboard.table import build


def page_of(*results: Result, metrics: list[str] | None = None) -> Page:
    (table,) = build(results)
    return compose(table, metrics)


def titles(page: Page) -> list[str]:
    return [column.title for column in page.columns]


def entries(page: Page, title: str) -> list[tuple[str, tuple[int, ...]]]:
    (column,) = (column for column in page.columns if column.title == title)
    return [(entry.text, entry.marks) for entry in column.entries]


def test_identical_reasons_share_a_footnote() -> None:
    reason = "tokens are continuous"
    page = page_of(
        result("a", psnr=2.0, ssim=0.5),
        result("b", psnr=1.5, ssim=reason, rfid=reason),
        result("c", psnr=1.0, ssim="too small", rfid=3.0),
    )
    assert entries(page, "SSIM") == [("0.500", ()), ("–", (2,)), ("–", (3,))]
    assert entries(page, "rFID") == [("–", (1,)), ("–", (2,)), ("3", ())]
    assert page.footnotes == ("not measured", reason, "too small")


def test_metrics_without_any_value_become_one_line_a_reason() -> None:
    missing = {"rfid": "no weights", "inception_score": "no weights", "lpips_alex": "no net"}
    page = page_of(result("a", psnr=1.0, **missing), result("b", psnr=2.0, **missing))
    assert titles(page) == ["PSNR", "Codebook"]
    assert page.remarks[1:] == ("No values for LPIPS (alex): no net", "No values for rFID and IS: no weights")


def test_a_failed_cell_is_a_row_with_its_error() -> None:
    page = page_of(result("a", psnr=1.0), result("b", error=("OutOfMemoryError", "CUDA out\n of memory")))
    assert [(line.name.text, line.failed, line.name.marks) for line in page.lines] == [
        ("a", False, ()),
        ("b", True, (1,)),
    ]
    assert page.footnotes == ("failed: OutOfMemoryError: CUDA out of memory",)
    assert [[entry.text for entry in block[0].entries] for block in fold(page, lambda _: False)] == [
        ["1", "failed"],
        ["1024", "failed"],
    ]


def test_a_table_of_failures_only_still_has_its_rows() -> None:
    page = page_of(result("a", error=("E", "x" * 1000)), result("b", error=("E", "y")))
    ((status,),) = fold(page, lambda _: True)
    assert [entry.text for entry in status.entries] == ["failed", "failed"]
    assert len(page.footnotes[0]) < 300


@pytest.mark.parametrize(
    ("note", "told"),
    [
        ("", "PSNR undefined on 2 of 30 samples"),
        ("not finite", "PSNR undefined on 2 of 30 samples: not finite"),
        ("2 of 30 samples left out: not finite", "PSNR: 2 of 30 samples left out: not finite"),
    ],
)
def test_failures_of_a_metric_are_told_once(note: str, told: str) -> None:
    some = estimate("psnr", 1.0, n=28, failures=2, note=note)
    page = page_of(result("a", psnr=some), result("b", psnr="missing"))
    assert (entries(page, "PSNR")[0], page.footnotes[0]) == (("1", (1,)), told)


def test_a_note_of_all_values_stands_at_the_title() -> None:
    few: dict[str, Any] = {"rfid": estimate("rfid", 1.0, note="biased at this N")}
    page = page_of(result("a", **few), result("b", **few), result("c", rfid="missing"))
    (column,) = (column for column in page.columns if column.title == "rFID")
    assert (column.marks, page.footnotes) == ((1,), ("rFID: biased at this N", "missing"))


def test_why_there_is_no_interval() -> None:
    lone = estimate("psnr", 1.0, method="no interval: a single group of samples")
    page = page_of(result("a", psnr=lone), result("b", psnr=estimate("psnr", 2.0, 0.1, method="mean, t")))
    assert page.footnotes == ("PSNR: no interval: a single group of samples",)


def test_skipped_samples_are_told_once_for_all_or_at_the_row() -> None:
    lost = {f"{name}.png": "truncated" for name in "edcba"}
    told = "skipped 5 of 30 samples: a.png: truncated; b.png: truncated; c.png: truncated; and 2 more"
    alike = page_of(result("a", psnr=1.0, n=25, skipped=lost), result("b", psnr=2.0, n=25, skipped=lost))
    assert (alike.remarks[-1], alike.footnotes) == (f"Every row: {told}.", ())
    differing = page_of(result("a", psnr=1.0, n=25, skipped=lost), result("b", psnr=2.0))
    assert differing.footnotes == (told, "PSNR: not compared: it rests on different samples")
    assert entries(differing, "N") == [("30", ()), ("25", ())]


@pytest.mark.parametrize(("n", "shown"), [((30, 30), False), ((30, 29), True), ((29, 29), True)])
def test_n_has_a_column_unless_the_protocol_line_says_it(n: tuple[int, int], shown: bool) -> None:
    page = page_of(*(result(name, psnr=1.0, n=count) for name, count in zip("ab", n, strict=True)))
    assert ("N" in titles(page)) is shown
    assert "N=30" in page.heading


def test_the_device_is_told_and_set_apart_where_there_are_several() -> None:
    speed: dict[str, Any] = {"psnr": 1.0, "encode_images_per_second": 3.0, "decode_images_per_second": 4.0}
    page = page_of(result("a", **speed), result("b", **speed))
    assert "Encode and Decode measured on Example CPU, batch size 8." in page.remarks
    page = page_of(result("a", **speed), result("b", device="Example GPU", **speed))
    assert entries(page, "Setup") == [("A", ()), ("B", ())]
    (told,) = (remark for remark in page.remarks if "Encode" in remark)
    assert told.endswith("A = Example CPU, batch size 8; B = Example GPU, batch size 8.")


def test_codebook_sizes() -> None:
    books = [CodebookRecord(size=size, covers="") for size in (4096, 256, 256)]
    page = page_of(result("a", psnr=1.0, codebooks=books), result("jpeg", "bytes", psnr=2.0))
    assert entries(page, "Codebook") == [("4096+2×256", ()), ("", ())]


def test_people_get_a_selection_and_are_told_of_the_rest() -> None:
    given: dict[str, Any] = {"psnr": 1.0, "kid": 0.1, "own_metric": 2.0, "peak_memory": 3.0}
    made = result("a", codebook_utilization=1.0, codebook_utilization_level_0=1.0, codebooks=[], **given)
    assert titles(page_of(made)) == ["PSNR", "own_metric", "Utilization"]
    assert page_of(made).hidden == ("KID", "Peak memory")
    chosen = page_of(made, metrics=["kid", "psnr", "absent"])
    assert titles(chosen) == ["KID", "PSNR"]


def test_row_order_is_stated() -> None:
    page = page_of(result("a", psnr=1.0), result("b", "bytes", psnr=2.0))
    assert page.remarks == ("Rows: discrete tokenizers, codecs; each sorted by PSNR, best first.",)


def test_blocks_keep_sections_together_where_they_fit() -> None:
    made = result("a", codebooks=[], psnr=1.0, ssim=1.0, bits_per_pixel=1.0, codebook_utilization=1.0)

    def widths(limit: int) -> list[int]:
        return [len(block) for block in fold(page_of(made), lambda columns: len(columns) <= limit)]

    assert [widths(limit) for limit in (4, 3, 2, 1, 0)] == [[4], [2, 2], [2, 2], [1] * 4, [1] * 4]


def test_control_characters_become_visible() -> None:
    assert clean("a\x1b[31m\tb\n\u202ec\x85é") == "a\\x1b[31m b \\u202ec é"


def test_another_n_is_another_protocol() -> None:
    assert len(build([result("a", psnr=1.0), result("a", psnr=1.0, protocol=protocol(n=31))])) == 2
