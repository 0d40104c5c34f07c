"""Reasons in short: what is missing and what gets it, without what the network said."""

from __future__ import annotations

import pytest
from hand_made import result

from bench.errors import Unavailable
from bench.leaderboard.names import titled
from bench.leaderboard.page import compose
from bench.leaderboard.reasons import LONGEST, brief
from bench.leaderboard.table import build
from bench.machine.weights import WeightStore

FETCH = "run: bench fetch alexnet"
LACK = "weights alexnet are missing"


@pytest.mark.parametrize(
    ("cause", "short"),
    [
        (f"{LACK} (not in the cache: [Errno -2] Name or service not known)", LACK),
        (f"{LACK} (not in the cache: Pool(host='a', port=1): (told))", LACK),
        (f"{LACK} (odd ( bracket :( at 'a')", f"{LACK} (odd ( bracket :"),
        (f"{LACK} odd ) bracket)", f"{LACK} odd ) bracket)"),
        ("alexnet cannot be imported (no\n 'x')", "alexnet cannot be imported"),
        ("(all of it)", "(all of it)"),
    ],
)
def test_a_cause_with_a_remedy_loses_the_brackets_at_its_end(cause: str, short: str) -> None:
    assert brief(cause, FETCH) == short
    assert brief(cause) == " ".join(cause.split()), "without a remedy they are all there is to go by"


@pytest.mark.parametrize("reason", ["tokens are continuous (no codebook); see bitrate", "no value", ""])
def test_other_reasons_stay(reason: str) -> None:
    assert brief(reason) == reason


def test_what_a_library_said_at_length_is_cut() -> None:
    assert len(brief("x" * 5000)) == LONGEST


def test_what_the_store_says_offline_is_understood(tmp_path, monkeypatch) -> None:
    """The sentence and its shortening are in different rooms."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (reason,) = (found for found in WeightStore({}, True).resolve({"alexnet": ""}).values())
    assert isinstance(reason, Unavailable)
    assert (brief(reason.cause, reason.remedy), reason.remedy) == (LACK, FETCH)


def test_tables_say_it_in_short_and_keep_the_whole() -> None:
    reason = f"{LACK} (not in the cache: gone); {FETCH}"
    (table,) = build([result("a", psnr=1.0, rfid=reason), result("b", psnr=2.0, error=("Unavailable", reason))])
    page = compose(table)
    told = "weights alexnet are missing; run: bench fetch alexnet"
    assert f"No values for rFID: {told}" in page.remarks
    assert page.footnotes == (f"failed: Unavailable: {told}",)
    assert set(page.whole) == {f"No values for rFID: {told}", *page.footnotes}
    assert all("gone" in whole for whole in page.whole.values())


def test_what_a_reason_tells_to_see_is_called_as_in_the_table() -> None:
    assert titled("bytes, not tokens; see bits_per_pixel") == "bytes, not tokens; see bpp"
    assert titled("no file; see bitrate and bitrate_entropy") == "no file; see kbit/s and kbit/s (entropy)"
    assert titled("see also the recall of it") == "see also the recall of it"
    reason = "a codec emits bytes, not tokens; see bits_per_pixel"
    table = build([result("jpeg", tokens_per_image=reason), result("klt", tokens_per_image=4.0)])[0]
    assert list(compose(table).footnotes) == ["a codec emits bytes, not tokens; see bpp"]
