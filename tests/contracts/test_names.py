"""Names to things: registry, plug-ins, system specs, suites, presets."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from bench import registry
from bench.cli import main
from bench.contracts.suite import load_preset, load_suite, shipped
from bench.contracts.system import parse
from bench.errors import BenchError, UnknownName
from bench.modalities.base import Modality


@pytest.mark.parametrize("kind", registry.KINDS)
def test_every_line_points_to_something_and_names_its_license(kind):
    for name, entry in registry.entries(kind).items():
        assert entry.summary, name
        found = registry.load(entry.target)
        assert isinstance(found, Modality) if kind == "modalities" else callable(found), name
        if kind in ("tokenizers", "datasets"):
            assert entry.license, name
            assert entry.modality, name


@pytest.mark.parametrize(
    ("text", "entry", "args"),
    [
        ("klt-vq", "klt-vq", {}),
        ("klt-vq@10", "klt-vq", {"bits": 10}),
        ("klt-vq@bits=10,patch=4", "klt-vq", {"bits": 10, "patch": 4}),
        ("klt-vq@10,patch=4", "klt-vq", {"bits": 10, "patch": 4}),
        ("jpeg@5", "jpeg", {"quality": 5}),
    ],
)
def test_a_spec_names_an_entry_and_its_arguments(text, entry, args):
    spec = parse(text)
    assert (spec.entry.name, spec.args) == (entry, args)
    assert spec.arguments == {**spec.entry.args, **args}


def test_a_local_checkpoint_keeps_its_path_whole(tmp_path):
    folder = tmp_path / "a=b@c"
    folder.mkdir()
    assert parse(f"autoencoder-kl={folder}").arguments["path"] == str(folder)


@pytest.mark.parametrize(
    ("text", "target", "args"),
    [
        ("lr=0.1@x/own.py:T", "lr=0.1@x/own.py:T", {}),
        ("lr=0.1@x/own.py:T=lr=0.1@x", "lr=0.1@x/own.py:T", {"path": "lr=0.1@x"}),
        (
            "lr=0.1@x/own.py:T@path=lr=0.1@x/a,b=c@d.pt,bits=3",
            "lr=0.1@x/own.py:T",
            {"path": "lr=0.1@x/a,b=c@d.pt", "bits": 3},
        ),
        ("lr=0.1@x/own.py:T@name='a,b=c',sizes=[1,2]", "lr=0.1@x/own.py:T", {"name": "a,b=c", "sizes": [1, 2]}),
        ("autoencoder-kl@path=lr=0.1@x/a,b=c@d.pt", None, {"path": "lr=0.1@x/a,b=c@d.pt"}),
        ("encodec@6,path=lr=0.1@x/a,b=c@d.pt", None, {"bandwidth": 6, "path": "lr=0.1@x/a,b=c@d.pt"}),
    ],
)
def test_paths_may_hold_the_signs_of_the_grammar(tmp_path, monkeypatch, text, target, args):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "lr=0.1@x"
    folder.mkdir()
    (folder / "own.py").write_text("T = None\n")
    (folder / "a,b=c@d.pt").touch()
    spec = parse(text)
    assert spec.args == args
    assert target in (None, spec.entry.target)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "does not name a system"),
        ("jpeg@", "does not name a system"),
        ("jpeg@5,quality=6", "quality is given twice"),
        ("jpg", "did you mean jpeg"),
        ("my_file.py:not a class", "does not name a class"),
        ("klt-vq=somewhere", "cannot load a local checkpoint"),
        ("autoencoder-kl=nowhere", "no such file or folder"),
    ],
)
def test_a_wrong_spec_is_explained(text, message):
    with pytest.raises(BenchError, match=message):
        parse(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        *((f"klt-{one}@3.5", "whole number from 1 to 20, not 3.5") for one in ("vq", "msvq")),
        *((f"klt-{one}@bits=100", "whole number from 2 to 40, not 100") for one in ("rvq", "pq")),
        ("klt-aq@bits=26", "whole number from 2 to 24, not 26"),
        *((f"klt-{one}@bits=-2", "whole number from 1 to 62, not -2") for one in ("fsq", "lfq", "bsq")),
        *((f"klt-{one}@bits=12,dims=3", "12 bits per token need") for one in ("fsq", "lfq", "bsq")),
        ("klt-vq@bits=true", "not True"),
        ("klt-vq@bits=[", "bits=[ is not a value"),
        ("klt-vq@quantizer=3", "no quantizer is called '3'"),
        ("klt-rvq@levels=x", "levels must be a whole number from 1 to"),
        ("klt-continuous@3.5", "whole number from 1 to 192"),
        ("klt-vq@patch=big", "patch must be a whole number from 1 to 64, not 'big'"),
        ("mdct-vq@bandwidth=wide", "bandwidth must be a number of hertz, not 'wide'"),
        ("mdct-vq@kbps=.inf", "not inf"),
        ("mdct-rvq@levels=0", "levels must be a whole number"),
        ("mel-griffinlim@x", "mel: x bands"),
        ("mel-griffinlim@window=.nan", "window must be a finite number, not nan"),
        ("own.py:F", "own.py:F is a module, not a class of a tokenizer"),
        ("own.py:Path", "is not a bench.tokenizers.base.Tokenizer"),
        ("own.py:range", "own.py has no 'range'"),
        ("broken.py:F", "line 1: "),
    ],
)
def test_a_system_that_cannot_be_is_told_in_our_words(tmp_path, monkeypatch, text, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text("from pathlib import Path\nfrom torch.nn import functional as F\n")
    (tmp_path / "broken.py").write_text("F = = 1\n")
    with pytest.raises(BenchError) as error:
        parse(text).build()
    assert said in str(error.value)


def test_the_contents_of_a_checkpoint_are_part_of_the_identity(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    spec = parse(f"autoencoder-kl={tmp_path}")
    before = spec.identity()
    assert before == spec.identity()
    (tmp_path / "config.json").write_text("{ }")
    assert spec.identity() != before


@pytest.mark.parametrize("name", shipped("suites"))
def test_shipped_suites_name_what_there_is(name):
    suite = load_suite(name)
    for text in suite.systems:
        parse(text)
    for line in suite.tasks:
        registry.get("tasks", line.task)
        if line.dataset:
            registry.get("datasets", line.dataset)
        load_preset(line.protocol)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("name: x\ndescription: y\ntasks: []\n", "tasks"),
        ("name: x\ndescription: y\ntasks: [{task: a, dataset: b, sytem: c}]\n", "sytem"),
        ("- a\n", "not a mapping"),
        ("a: [\n", "own.yaml"),
    ],
)
def test_a_wrong_suite_file_is_explained(tmp_path, content, message):
    file = tmp_path / "own.yaml"
    file.write_text(content)
    with pytest.raises(BenchError, match=message):
        load_suite(str(file))


def test_a_plug_in_is_found_and_a_taken_name_only_warned_of(tmp_path):
    """In a process of its own, with a package that is really installed (as metadata on the path)."""
    info = tmp_path / "plug-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plug\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[bench.tokenizers]\nplugged = plug:Thing\njpeg = plug:Thing\n")
    (tmp_path / "plug.py").write_text("class Thing: pass\n")
    code = (
        "from bench import registry; e = registry.get('tokenizers', 'plugged'); print(e.summary); "
        "print(registry.load(e.target).__name__, registry.get('tokenizers', 'jpeg').target)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "default", "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
    )
    assert done.stdout.splitlines() == ["plug-in of plug", "Thing bench.modalities.image.tokenizers.codecs:Codec"]
    assert "plug: tokenizers 'jpeg' is taken" in done.stderr


def test_all_that_is_wrong_with_a_protocol_is_told_at_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.yaml").write_text("metrics: {psnrr: {}}\n")
    done = CliRunner().invoke(main, ["run", "--suite", "image-recon", "--protocol", "own.yaml"])
    assert done.exit_code == 2
    assert "own.yaml: description: is missing" in done.output
    assert "no metric is called 'psnrr'" in done.output


def test_what_cannot_be_imported_is_named():
    with pytest.raises(BenchError, match="no_such_module:Thing: cannot be imported"):
        registry.load("no_such_module:Thing")
    with pytest.raises(BenchError, match="has no 'Nothing'"):
        registry.load("bench.contracts.tokens:Nothing")
    with pytest.raises(UnknownName, match="no tokenizer is called"):
        registry.get("tokenizers", "nothing")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "psnrr"), "nothing is called 'psnrr'; did you mean psnr (metric)? All names: bench list"),
        (("show", "zzzz"), "nothing is called 'zzzz'. All names: bench list"),
        (("fetch", "incepton"), "did you mean inception-2015-12-05 (weights file)? All names: bench list "),
        (("run", "--suite", "image-rcon"), "did you mean image-recon"),
        (("run", "--suite", "own"), "to use the file own.yaml, give its path, which must end in .yaml"),
        (
            ("run", "--suite", "image-recon", "--system", "jpg"),
            "did you mean jpeg (tokenizer)? All names: bench list",
        ),
        (("run", "--suite", "image-recon", "--system", "psnr"), "it is a metric (bench show psnr)"),
        (
            ("run", "--suite", "image-recon", "--protocol", "lamagen"),
            "llamagen? All names: bench list protocols",
        ),
        (("run", "--suite", "image-recon", "--dataset", "skimage"), "did you mean skimage-photos"),
        (
            ("run", "--suite", "image-recon", "--protocol", "own.yaml"),
            "own.yaml: metrics: no metric is called 'psnrr'",
        ),
        (
            ("run", "--suite", "image-gen", "--samples", ".", "--reference", "nowhere"),
            "no such file or folder, and",
        ),
    ],
)
def test_a_wrong_name_gets_the_near_ones_and_the_command_that_lists(tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.yaml").write_text("description: d\nmetrics: {psnrr: {}}\n")
    done = CliRunner().invoke(main, arguments)
    assert (done.exit_code, said in " ".join(done.output.split())) == (2, True), done.output
    assert len(done.output) < 600
