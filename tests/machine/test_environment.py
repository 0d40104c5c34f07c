"""What the hash of the code leaves out."""

from __future__ import annotations

from places import ROOT

from bench.machine.environment import PRESENTATION


def test_what_only_shows_results_is_where_the_hash_looks_for_it() -> None:
    assert [name for name in PRESENTATION if not (ROOT / "bench" / name).exists()] == []
