"""Results that earlier versions of the bench wrote, read as those of the current schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.contracts.migration import giver, migrated
from bench.contracts.results import SCHEMA_VERSION, read_result
from bench.errors import BenchError
from bench.gate.soundness import check_result

RESULTS = Path(__file__).parent / "results"
OLDER = ("schema-2", "schema-3")


def document(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return read


@pytest.mark.parametrize("name", OLDER)
def test_every_number_stays_and_gets_its_metric(name: str) -> None:
    file, old = RESULTS / f"{name}.json", document(name)
    result = read_result(file)
    check_result(file, result)  # its fingerprint is that of its conditions
    assert result.schema_version == SCHEMA_VERSION
    assert result.system.license == old["system"].get("licence", "")
    for value, was in old["metrics"].items():
        now = result.metrics[value].model_dump(mode="json")
        assert now["metric"] == giver(value, old["protocol"]["metrics"])
        kept = {field: now[field] for field in was if field != "unavailable"}
        assert kept == {field: each for field, each in was.items() if field != "unavailable"}


def test_who_gave_a_value_and_what_decided_it() -> None:
    images, sounds = (read_result(RESULTS / f"{name}.json") for name in ("schema-3", "schema-2"))
    assert images.metrics["codebook_perplexity"].metric == "codebook"
    assert images.metrics["encode_images_per_second"].metric == "throughput"
    assert sounds.metrics["dnsmos_ovrl_model_loss"].metric == "dnsmos"
    assert sounds.metrics["nll"].metric == sounds.metrics["sampling_rtf"].metric == ""
    weights = {name: list(metric.weights) for name, metric in images.protocol.metrics.items() if metric.weights}
    assert weights["rfid"] == weights["kid"] == ["inception-2015-12-05"]
    assert weights["lpips_alex"] == ["alexnet"] and "psnr" not in weights
    assert images.protocol.metrics["ssim"].settings["size"] == 11
    assert "metrics" not in images.protocol.settings


def test_causes_and_remedies_come_apart() -> None:
    lpips = read_result(RESULTS / "schema-3.json").metrics["lpips_alex"]
    assert lpips.unavailable == "weights alexnet are missing (not in the cache and --offline is set)"
    assert lpips.remedy == "run: bench fetch alexnet"
    failed = {**document("schema-3"), "errors": [{"type": "Unavailable", "message": "x needs y; run: pip install y"}]}
    assert migrated(failed)["errors"] == [
        {"type": "Unavailable", "message": "x needs y", "remedy": "run: pip install y"}
    ]


def test_an_edited_protocol_is_still_noticed(tmp_path: Path) -> None:
    old = document("schema-3")
    old["protocol"]["seed"] = 1
    (tmp_path / "edited.json").write_text(json.dumps(old))
    with pytest.raises(BenchError, match="its fingerprint is not that of its protocol"):
        check_result(tmp_path / "edited.json", read_result(tmp_path / "edited.json"))


@pytest.mark.parametrize("damage", [{"protocol": 3}, {"metrics": [1]}, {"schema_version": "3"}, {"errors": [3]}])
def test_what_no_version_wrote_is_named(damage: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "damaged.json").write_text(json.dumps(document("schema-3") | damage))
    with pytest.raises(
        BenchError, match=rf"damaged\.json: not a result of schema {SCHEMA_VERSION}: {next(iter(damage))}"
    ):
        read_result(tmp_path / "damaged.json")


def test_metrics_of_packages_that_are_gone_answer_for_what_nobody_else_gave() -> None:
    old = document("schema-3")
    old["protocol"]["metrics"] |= {"vmaf": 3, "loudness": 1}
    old["protocol"]["weights"] |= {"vmaf-model": "f" * 64}
    found = migrated(old)["protocol"]["metrics"]
    assert (
        found["vmaf"] == {"version": 3, "settings": {}, "weights": {"vmaf-model": "f" * 64}}
        and found["psnr"]["weights"] == {}
    )
    assert (
        giver("vmaf_motion", found) == "vmaf" and giver("nll", found) == "" and giver("unclaimed", found) == "loudness"
    )
