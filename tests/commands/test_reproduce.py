"""`bench reproduce` as a researcher runs it, on a tiny checkpoint and a catalogue of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import synthetic
from click.testing import CliRunner
from PIL import Image

from bench.cli import main

CATALOG = """
subject: Own
order: 1
protocols:
  whole:
    title: A table
    modality: image
    dataset: ImageNet
    split: val
    n: 3
    resolution: 256²
    reference: ImageNet val
    match: {task: image-recon, preset: llamagen, n: 3, size: 256}
  silent: {title: A README, modality: image, dataset: ImageNet, match: {task: image-recon, preset: llamagen, n: 3}}
  other: {title: An issue, modality: image}
  speech: {title: Speech, modality: audio, dataset: LibriSpeech, match: {task: audio-recon, preset: librispeech}}
metrics:
  psnr: {title: PSNR, unit: dB, higher_is_better: true, metric: psnr}
  rfid: {title: rFID, higher_is_better: false, metric: rfid, compares_sets: true}
  utmos: {title: UTMOS}
systems:
  - {system: Tiny, registry: taesd, protocol: whole, source: a paper, values: {psnr: 40.0, rfid: 2.1}}
  - {system: Tiny, registry: taesd, protocol: silent, source: a paper, values: {psnr: 40.0}}
  - {system: Tiny, registry: taesd, protocol: other, source: a user, values: {psnr: 40.0}}
  - {system: Absent, protocol: whole, source: a paper, values: {psnr: 9.0}}
  - {system: Speech, registry: mimi, protocol: speech, source: a paper, values: {utmos: 4}}
  - {system: Mu-law, registry: mulaw, protocol: speech, source: a paper, values: {utmos: 4}}
"""


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """A folder with the catalogue."""
    (tmp_path / "catalog").mkdir()
    (tmp_path / "catalog" / "own.yaml").write_text(CATALOG)
    return tmp_path / "catalog"


@pytest.fixture
def images(folder: Path) -> Path:
    """A folder of three images."""
    for number, image in enumerate(synthetic.photographs(3, 256)):
        Image.fromarray(image).save(folder / f"{number}.png")
    return folder


def test_rows_are_measured_in_one_run_that_goes_on_and_judged(bench, tmp_path, catalog, images):
    from tiny_models import tiny_model  # imports the libraries of models, which no other test here needs

    tiny_model("AutoencoderTiny").save_pretrained(tmp_path / "tiny")
    system = "taesd=tiny"
    command = ("reproduce", system, "--catalog", catalog, "--data", images, "--offline", "--no-mlflow")
    done = bench(*command, code=1)
    assert done.stderr.count("3 samples in") == 1
    (result,) = (tmp_path / "runs" / "reproduce" / "llamagen" / "results").glob("*.json")
    measured = json.loads(result.read_text())["metrics"]["psnr"]["value"]
    again = bench(*command, "--format", "json", code=1)
    assert "kept" in again.stderr
    lines = json.loads(again.stdout)
    assert [(line["protocol"], line["metric"], line["verdict"]) for line in lines] == [
        ("whole", "psnr", "differs"),
        ("whole", "rfid", "not measured"),
        ("silent", "psnr", "protocol not fully stated"),
        ("other", "psnr", "not measured"),
    ]
    assert lines[0]["measured"] == measured
    assert lines[0]["difference"] == pytest.approx(measured - 40)
    assert "run: bench fetch inception" in lines[1]["reason"]
    assert lines[2]["reason"] == "the source does not state its split, the number of samples and their size"
    assert lines[3]["reason"].startswith("no preset follows its source; --preset NAME measures it all the same")
    assert "differs: 1, protocol not fully stated: 1, not measured: 2" in done.stdout


def listed(*arguments: object) -> str:
    done = CliRunner().invoke(main, ["reproduce", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done.output


def test_the_list_shows_commands_and_what_cannot_be_measured(catalog):
    shown = listed("--catalog", catalog)
    assert "A table (ImageNet val, N=3); A README (ImageNet, N not stated)" in shown
    assert f"bench reproduce --preset llamagen --catalog {catalog} --data imagenet/val" in shown
    assert "1 row: no preset follows its source" in shown
    assert "1 row: no tokenizer or backbone of the bench loads it" in shown
    assert "2 rows: preset librispeech does not measure UTMOS" in shown
    records = json.loads(listed("tiny", "--catalog", catalog, "--metric", "rfid", "--format", "json"))
    (record,) = records
    assert record["reported"] == {"rfid": "2.1"}
    assert record["command"] == "bench reproduce taesd --data PATH"


def test_the_commands_of_a_list_measure_what_was_named_and_nothing_else():
    shown = listed("mimi@18", "--metric", "stoi")
    assert "  bench reproduce mimi@18 --metric stoi --data librispeech/test-clean" in shown
    shown = listed("llamagen-vq-ds8", "mimi@18")
    assert "  bench reproduce llamagen-vq-ds8 --preset llamagen --data imagenet/val" in shown
    assert "  bench reproduce mimi@18 --preset librispeech --data librispeech/test-clean" in shown


def test_a_checkpoint_is_given_with_arguments():
    """As `bench run` takes it."""
    text = "vqgan-f16-1024@path=last.ckpt,config=model.yaml"
    listed = CliRunner().invoke(main, ["reproduce", text, "--preset", "maskbit"])
    assert listed.exit_code == 0
    assert f"{text} " in listed.output and "PSNR 20.18" in listed.output


def test_a_preset_measures_rows_of_other_data_in_one_run():
    shown = listed("encodec-24khz", "--preset", "librispeech")
    assert shown.count("bench reproduce encodec-24khz --preset librispeech --data librispeech/test-clean") == 1
    assert "(Codec-SUPERB)" in shown
    assert "bench reproduce" not in shown.partition("--preset librispeech --data")[2]


def test_a_system_whose_publisher_gives_a_file_needs_it():
    shown = listed("vqgan-f16-1024")
    assert "1 row: their publishers give files, which you name: bench reproduce NAME=FILE --data PATH" in shown
    assert "no preset follows its source" in shown  # of the row of taming's own README


def test_the_catalogue_of_the_bench_is_listed_with_what_has_to_be_fetched(cache):
    shown = listed("llamagen-vq-ds16", "encodec-24khz")
    assert "bench fetch llamagen-vq-ds16" in shown
    assert "bench fetch encodec-24khz" in shown
    assert "rFID 2.19, PSNR 20.79 dB, SSIM 0.675" in shown
    assert "--data librispeech/test-clean" in shown


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["llamagen-vq-ds17"], "no reported system is called 'llamagen-vq-ds17'"),
        (["jpeg"], "jpeg: the catalogue has no reported number that names it"),
        (["--metric", "rfdi"], "no reported metric is called 'rfdi'"),
        ([""], "no reported system is called ''"),
        (["llamagen-vq-ds16", "--metric", "lpips"], "no reported number is of these names and metrics"),
        (["--preset", "rates", "--metric", "rfid"], "preset rates follows no source of such numbers; name systems"),
        (["mimi@19"], "mimi@19: the catalogue has no reported number that names it; it has numbers of mimi, mimi@32"),
        (["sdxl-vae=.", "sdxl-vae=.."], "sdxl-vae is given with two checkpoints"),
        (["llamagen-vq-ds16=nowhere.pt"], "no such file or folder: nowhere.pt"),
        (["--preset", "nothing"], "no protocol is called 'nothing'"),
        (["--data", "."], "these numbers were measured on different data: ImageNet val"),
    ],
)
def test_wrong_usage_is_named(arguments, complaint, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    done = CliRunner().invoke(main, ["reproduce", *arguments])
    assert done.exit_code == 2
    assert complaint in " ".join(done.output.split())


def test_a_checkpoint_that_is_not_here_is_a_reason_offline(cache, images):
    done = CliRunner().invoke(main, ["reproduce", "llamagen-vq-ds8", "--data", str(images), "--offline"])
    assert done.exit_code == 3
    assert "not measured: llamagen-vq-ds8: its checkpoint FoundationVision/LlamaGen is not in the cache" in done.stdout
