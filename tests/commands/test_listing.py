"""What users look up: lists, one name, what is missing here, what can be fetched."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner
from collapse_parts import STEPS, write_study

from bench import registry
from bench.cli import main
from bench.contracts.protocol import Protocol
from bench.contracts.results import Run
from bench.contracts.suite import load_preset, load_suite, shipped
from bench.contracts.task import Request, Task, open_task
from bench.errors import BenchError


def test_presets_are_listed_under_the_modality_of_their_metrics(bench):
    listed: dict[str, set[str]] = {}
    heading = ""
    for line in bench("list", "protocols").stdout.splitlines():
        if not line.startswith("  "):
            heading = line.strip()
        else:
            listed.setdefault(heading, set()).add(line.split()[0])
    assert listed == {
        "any modality": {"default"},
        "image": {
            *("adm", "bsq-vit", "llamagen", "maskbit", "maskbit-fid", "native", "probe-64", "probe-64-class"),
            *("seed-voken", "seed-voken-128", "seed-voken-128-fid", "seed-voken-fid", "titok", "titok-vae"),
        },
        "audio": {"audio-lm", "codec-superb", "dac", "librispeech", "rates", "speech-whisper", "wavtokenizer"},
    }
    assert set(json.loads(bench("list", "protocols", "--format", "json").stdout)["protocols"]) == set(
        shipped("protocols")
    )


@pytest.mark.parametrize("kind", ["tokenizers", "backbones"])
def test_a_list_shows_the_license_of_the_weights(bench, kind):
    listed = json.loads(bench("list", kind, "--format", "json").stdout)[kind]
    fetched = [entry for entry in registry.entries(kind).values() if entry.weights]
    assert len(fetched) > 2
    for entry in fetched:
        assert f"license: {entry.license}" in listed[entry.name]


GENERATION = "adm"  # a preset of generated images
PROBES = ("probe-64", "probe-64-class")  # those of probes, which have both kinds of metrics
SPEECH_PROBE = "audio-lm"  # one of probes of sound


@pytest.mark.parametrize("name", sorted(set(shipped("protocols")) - {"default", GENERATION, *PROBES, SPEECH_PROBE}))
def test_a_preset_fits_its_task_and_no_other(name):
    preset = load_preset(name)
    (modality,) = {registry.get("metrics", metric).scope for metric in preset[1]["metrics"]} - {""}
    other = "audio" if modality == "image" else "image"
    stated = protocol(modality, preset)
    assert set(stated.metrics) == set(preset[1]["metrics"])
    cause = rf"protocol {name}: \w+ is a metric of {modality}; {other}-recon takes {other} \(bench list protocols\)"
    with pytest.raises(BenchError, match=cause):
        protocol(other, preset)


@pytest.mark.parametrize("name", [GENERATION, *PROBES])
def test_a_preset_of_generation_fits_no_reconstruction(name):
    with pytest.raises(BenchError, match=rf"protocol {name}: \w+ is a metric of generation; image-recon takes those"):
        protocol("image", load_preset(name))


def test_the_probe_told_the_class_is_judged_as_the_one_that_is_not():
    alone, told = (load_preset(name)[1] for name in PROBES)
    probe = told.pop("probe")
    assert told == alone
    assert probe.pop("conditions") == "class"
    assert probe.pop("fit_samples") > 2000
    defaults = open_task("ntp-probe").choices.model_fields["probe"].default  # type: ignore[attr-defined]
    assert probe.items() <= defaults.model_dump().items()


def test_a_preset_of_probes_fits_its_task_and_no_reconstruction():
    with pytest.raises(BenchError, match=r"protocol audio-lm: continuation: no such setting; did you "):
        protocol("audio", load_preset(SPEECH_PROBE))
    (line,) = load_suite("audio-lm").tasks
    task: Task = open_task(line.task)
    stated = task.protocol(Request(preset=load_preset(SPEECH_PROBE), dataset=line.dataset))
    assert set(stated.metrics) == set(task.default_metrics())  # type: ignore[attr-defined]


def protocol(modality: str, preset: tuple[str, dict[str, Any]]) -> Protocol:
    """The whole protocol of the default suite's data under a preset."""
    (line,) = load_suite(f"{modality}-recon").tasks
    task: Task = open_task(line.task)
    return task.protocol(Request(preset=preset, dataset=line.dataset))


def test_speech_whisper_differs_from_the_default_in_the_recogniser_alone():
    preset = load_preset("speech-whisper")[1]
    metrics = preset.pop("metrics")
    assert preset == {}
    assert metrics.pop("word_errors") == {"recogniser": "whisper@large-v3", "normaliser": "english-v1"}
    assert not any(metrics.values())
    assert {*metrics, "word_errors"} == set(registry.modality("audio").metrics["reconstruction"])


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("mdct-vq@4", ["rate 4 kbit/s, 400 tokens/s", "codebooks 1024 entries, one code per 1/50 s, envelope"]),
        ("snac-24khz", ["repo=hubertsiuzdak/snac_24khz", "run: bench fetch snac-24khz"]),
        ("infinity-bsq-d64", ["4 x 65536 entries, one code per 1/4 of 256x256 pixels each 4 x 65536 entries"]),
        ("opus@12", ["rate 12 kbit/s nominally"]),
        ("klt-vq", ["rate 12 bits for 8x8 pixels"]),
        ("musicgen-small@seconds=5", ["seconds=5", "guidance=3", "likelihood exact", "condition text"]),
        ("klt-msvq@8,scales=1-2", ["256 entries, one code per 16x16 pixels 256 entries, one code per 8x8 pixels"]),
        ("word_errors", ["setting normaliser english-v1; none-v2, lower-v2", "setting recogniser pocketsphinx;"]),
        ("asterisk-prompts", ["preprocessing rate 16000; samples per second", "preprocessing max_seconds null;"]),
        ("pocketsphinx", ["languages en", "options beam="]),
        ("whisper@tiny", ["run: bench fetch whisper@tiny"]),
        ("ntp-probe", ["setting probe.conditions none; what it", "setting generation.guidance 1.0; scale of"]),
        ("transcripts", ["local checkpoint transcripts=PATH"]),
    ],
)
def test_show_says_what_decides_a_choice(bench, tmp_path, name, lines):
    shown = " ".join(bench("show", name, HF_HUB_CACHE=str(tmp_path), HF_HUB_OFFLINE="0").stdout.split())
    for line in lines:
        assert line in shown


def test_show_says_what_bottlenecks_are_made_of_and_what_combines():
    def shown(name: str) -> str:
        return " ".join(CliRunner().invoke(main, ["show", name]).stdout.split())

    bottleneck = shown("trained-vq@bits=4")
    assert "arguments bits=4, estimator=straight-through, remedy=none, update=loss, commitment=0.25" in bottleneck
    assert "codebooks 16 codes" in bottleneck and "remedy any of bench list remedies" in bottleneck
    assert "combines with every remedy" in shown("straight-through")
    assert "combines with every estimator update=loss and update=ema" in shown("kmeans-start")


def test_show_prints_a_few_looks_at_trainings(tmp_path):
    (file,) = (file for file in Run(write_study(tmp_path)).files() if file.name.startswith("trained-fsq"))
    lines = [line.split() for line in CliRunner().invoke(main, ["show", str(file)]).stdout.splitlines()]
    assert ["Value", *(word for step in STEPS for word in ("Step", str(step)))] in lines
    assert any(line[:1] == ["Utilization"] and line[-4:] == ["94", "(93", "to", "95)"] for line in lines)


def test_doctor_names_what_is_here_and_what_helps(bench, tmp_path):
    """On a machine with the recordings and PocketSphinx, one file in the hub's cache, and no programs on the path."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    for name, text in ((f"snapshots/{commit}/vae_ch160v4096z32.pth", ""), ("refs/main", commit)):
        file = tmp_path / "models--FoundationVision--var" / name
        file.parent.mkdir(parents=True)
        file.write_text(text)
    shown = bench("doctor", HF_HUB_CACHE=str(tmp_path), HF_HUB_OFFLINE="0", PATH="").stdout
    rows = {words[0]: " ".join(words[1:]) for line in shown.splitlines() if (words := line.split())}
    assert rows["audio"] == "installed"
    assert rows["codec2"] == "missing; run: apt-get install codec2"
    assert rows["asterisk-prompts@en"] == "537 prompts"
    assert rows["pocketsphinx"].startswith("present: pocketsphinx 5")
    assert rows["whisper"] == "missing; run: bench fetch whisper@large-v3"
    assert rows["encodec-24khz"] == "missing; run: bench fetch encodec-24khz"
    assert rows["var-vq"] == "present"
    assert rows["amused-512"] == "missing; run: bench fetch amused-512"


def test_fetch_takes_systems_and_recognizers_with_arguments(bench, tmp_path):
    done = bench("fetch", "mulaw", "raster", "pocketsphinx")
    assert "mulaw: needs no checkpoint" in done.stdout
    assert "raster: needs no checkpoint" in done.stdout
    assert "en-us: here with its package" in done.stdout
    names = ("whisper@base", "encodec@repo=me/mine", "encodec-24khz@3", "amused-512@steps=8")
    failed = bench("fetch", *names, HF_HUB_CACHE=str(tmp_path), code=4).stderr
    assert failed.count("HF_HUB_OFFLINE is set; unset it") == len(names)
    assert "did you mean whisper" in bench("fetch", "wisper", code=2).stderr


@pytest.mark.parametrize(
    ("name", "metrics"),
    [
        ("swd", ["sliced_wasserstein"]),
        ("SWD", ["sliced_wasserstein"]),
        ("PSNR", ["psnr"]),
        ("gFD", ["generation_fd_efficientnet_lite0"]),
        ("kd_efficientnet_lite0", ["generation_kd_efficientnet_lite0"]),
        ("KD (EffNet-Lite0)", ["generation_kd_efficientnet_lite0"]),
        ("dnsmos_sig_tokenized", ["dnsmos"]),
        ("lpips", ["lpips_alex", "lpips_vgg"]),
    ],
)
def test_a_metric_is_found_by_what_tables_show_of_it(name, metrics):
    shown = CliRunner().invoke(main, ["show", name]).stdout.splitlines()
    assert [line.split()[1] for line in shown if line.startswith("metric ")] == metrics


def test_a_value_that_no_metric_gives_is_told_to_be_of_tasks():
    done = CliRunner().invoke(main, ["show", "nll"])
    assert (done.exit_code, "NLL in tables is a value that tasks give, not a metric" in done.output) == (2, True)


def test_systems_of_surveys_are_listed_by_section_and_filtered():
    def listed(*options: str) -> str:
        done = CliRunner().invoke(main, ["list", "systems", *options])
        assert done.exit_code == 0, done.output
        return done.output

    whole = listed()
    assert " §2 Techniques: Vector quantization (VQ)\n  VQ-VAE         runnable   method: trained-vq, vq; " in whole
    assert whole.splitlines()[-1].startswith("383 systems: ")
    video = json.loads(listed("--modality", "video", "--state", "reported", "--format", "json"))["systems"]
    assert {record["system"] for record in video} >= {"VideoGPT", "VidTok", "OmniTokenizer"}
    assert all(record["reported"] for record in video)
    assert "383" not in listed("--section", "graph")


@pytest.mark.parametrize("arguments", [["tokenizers", "--state", "runnable"], ["systems", "--modality", "smell"]])
def test_a_filter_without_effect_is_an_error(arguments):
    done = CliRunner().invoke(main, ["list", *arguments])
    assert done.exit_code == 2
    assert "bench list systems" in done.output


def test_show_knows_what_surveys_and_papers_call_a_system():
    survey = CliRunner().invoke(main, ["show", "VQ-VAE-2"]).output
    assert "state              explained" in survey
    paper = CliRunner().invoke(main, ["show", "llamagen vq DS8"]).output
    assert "values             rFID 0.59" in paper
    assert "measure it again   bench reproduce llamagen-vq-ds8" in paper
    wrong = CliRunner().invoke(main, ["show", "VQ-VAE-22"]).output
    assert "VQ-VAE-2 (surveyed system)" in " ".join(wrong.split())
