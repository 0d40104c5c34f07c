"""The commands under the tables measure what the tables show, and the index says what they are."""

from __future__ import annotations

import shlex

import pytest
from click.testing import CliRunner
from hand_made import protocol, result
from places import ROOT

from bench.cli import main
from bench.contracts.options import Options
from bench.contracts.protocol import DatasetProtocol
from bench.contracts.results import Run
from bench.contracts.stats import Estimate
from bench.contracts.suite import load_suite
from bench.contracts.system import parse
from bench.leaderboard.table import build
from bench.machine.weights import WeightStore
from bench.measuring import runner
from bench.site.again import commands
from bench.site.cards import card
from bench.site.sources import read

DATA = DatasetProtocol(name="skimage-photos", split="eval", fingerprint="f" * 64, n=29)
SUITE = ("jpeg@10", "klt-vq")


def told(*results):
    (table,) = build(results)
    return [command.text for command in commands(table)]


@pytest.mark.parametrize("name", ["image-recon", "image-gen", "audio-recon"])
def test_the_command_of_a_published_table_is_its_suite(name):
    (table,) = read(Run(ROOT / "leaderboards" / name).files()).tables
    (command,) = commands(table)
    assert command.text == f"bench run --suite {name}"
    assert command.needs == ()


@pytest.mark.parametrize("options", [Options(), Options(limit=3, seed=5, dtype="float64", tf32=True, protocol="titok")])
def test_the_command_measures_under_the_same_fingerprint(options, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")  # as the command leaves it
    suite, store = load_suite("image-recon"), WeightStore({}, True)
    plan = runner.plan(suite, [parse("jpeg@10")], options, store, Run(tmp_path))
    (cell,) = plan.cells
    (text,) = told(result("jpeg@10", psnr=1.0, protocol=cell.job.protocol))
    planned = CliRunner().invoke(main, [*shlex.split(text)[1:], "--dry-run", "--offline"])
    assert f"[{cell.job.protocol.fingerprint}]" in planned.stdout
    assert planned.stdout.count("to measure") == 1


@pytest.mark.parametrize(
    ("changes", "options"),
    [
        ({"dataset": DATA}, ""),
        ({"dataset": DATA, "preset": "llamagen"}, " --protocol llamagen"),
        ({"dataset": DATA, "preset": "own"}, " --protocol own.yaml"),
        ({"dataset": DATA.model_copy(update={"limit": 5})}, " --limit 5"),
        ({"dataset": DATA.model_copy(update={"name": "imagenet@split=val"})}, " --dataset imagenet@split=val"),
        ({"dataset": DATA, "seed": 3, "dtype": "bfloat16", "tf32": True}, " --seed 3 --dtype bfloat16 --tf32"),
    ],
)
def test_what_differs_from_the_defaults_is_said(changes, options):
    own = " --system jpeg@10 --system klt-vq"
    (text,) = told(*(result(name, psnr=1.0, protocol=protocol(**changes)) for name in SUITE))
    before, _, after = text.partition(own)
    assert text.startswith("bench run --suite image-recon")
    assert sorted(shlex.split(before + after)) == sorted(shlex.split(f"bench run --suite image-recon{options}"))


def test_a_batch_size_is_said_and_splits_the_command():
    under = protocol(dataset=DATA)
    rows = [result(name, psnr=1.0, protocol=under, batch_size=size) for name, size in (("a", 8), ("b", 32))]
    failed = result("c", protocol=under, error=("E", "x"))
    one, two = told(*rows, rows[1].model_copy(update={"key": "d", "system": failed.system}))
    assert one == "bench run --suite image-recon --system a"
    assert two == "bench run --suite image-recon --system b --system c --batch-size 32"
    assert len(told(rows[1], failed)) == 1


def test_names_are_quoted_and_suites_of_others_are_told_of():
    made = result("$(rm -r x)", psnr=1.0, suite="mine", protocol=protocol(dataset=DATA))
    (table,) = build([made])
    (command,) = commands(table)
    assert "--suite mine.yaml" in command.text
    assert shlex.split(command.text)[-1] == "$(rm -r x)"
    assert "mine.yaml is a custom suite" in command.needs[0]


def test_generated_samples_are_given_as_files():
    made = result("mine.npz", "samples", gfid=3.0, suite="image-gen", protocol=protocol(task="image-generation"))
    assert told(made) == ["bench run --suite image-gen --reference photos --samples mine.npz"]


def test_a_card_names_the_first_of_each_kind_and_all_that_tie_with_it():
    under = protocol(dataset=DATA)
    values = {"a": 20.0, "b": 30.0, "c": 30.0}
    rows = [result(name, psnr=(p, 0.1), ssim=(p / 50, 0.001), protocol=under) for name, p in values.items()]
    (table,) = build([*rows, result("kl", "continuous", psnr=(40.0, 0.1), ssim=(0.9, 0.001), protocol=under)])
    found = card(table)
    assert "Image tokenizers by reconstruction" in found.about
    assert (found.days, found.metrics) == (("2026-01-02",), 2)
    assert [(one.kind, one.row.label, str(one.place), one.value) for one in found.leaders] == [
        ("Continuous tokenizers", "kl", "1", "PSNR 40.00 ± 0.10 dB"),
        ("Discrete tokenizers", "b", "2=", "PSNR 30.00 ± 0.10 dB"),
        ("Discrete tokenizers", "c", "2=", "PSNR 30.00 ± 0.10 dB"),
    ]


def test_a_suite_on_other_data_is_not_described_as_on_its_own():
    (table,) = build([result("a", psnr=1.0)])
    assert card(table).about == "What tokenizers of images lose, at what rate, and how fast."


def test_the_card_of_a_table_of_generation_shows_a_metric_of_generation():
    name = "generation_fd_efficientnet_lite0"
    under = protocol(task="ntp-probe", metrics={"psnr": 1, name: 1})
    rows = []
    for name, gfd in (("a", 30.0), ("b", 20.0)):
        estimate = Estimate(value=gfd, interval=(gfd - 1, gfd + 1), higher_is_better=False)
        rows.append(result(name, psnr=20.0, gfd_efficientnet_lite0=estimate, protocol=under))
    (leader,) = card(*build(rows)).leaders
    assert (leader.row.label, leader.value) == ("b", "gFD (EffNet-Lite0) 20.0 ± 1.0")


def test_a_card_without_a_ranking_goes_by_the_table():
    (table,) = build([result("a", psnr=1.0), result("b", psnr=2.0), result("c", error=("E", "x"))])
    assert [(one.row.label, one.place) for one in card(table).leaders] == [("b", None)]
    (lost,) = build([result("c", error=("E", "x"))])
    assert card(lost).leaders == ()
