"""Every published codec, of a library or defined here, keeps the contract on a tiny checkpoint."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from published_codecs import CODECS, TARGETS, Folders, Load, clips, same

from bench import registry
from bench.contracts.system import parse
from bench.errors import BenchError
from bench.lines.checkpoints import entries_of
from bench.machine.canonical import sha256_file
from bench.modalities.audio.batch import Audio
from bench.modalities.audio.lines import published
from bench.tokenizers.checkpoint import fetch_command, hub_name, parts_of


@pytest.mark.parametrize("name", CODECS)
def test_contract(name: str, load: Load) -> None:
    tokenizer = load(name)
    for samples, rate in ((24000, tokenizer.rate), (12345, tokenizer.rate), (4411, 44100), (200, 8000), (1, 48000)):
        audio = clips(samples, rate)
        before = audio.samples.clone()
        tokens = tokenizer.encode(audio)
        tokens.check(tokenizer.codebooks)
        tokens.check_rates(tokenizer.codebooks)
        back = tokenizer.decode(tokens)
        assert torch.equal(audio.samples, before)
        assert back.samples.shape == audio.samples.shape and back.samples.dtype == torch.float32
        assert (back.rate, back.lengths.tolist()) == (rate, audio.lengths.tolist())
        assert back.samples.isfinite().all()
        for clip in range(3):
            alone = tokenizer.encode(Audio(audio.samples[clip : clip + 1], rate, audio.lengths[:1]))
            assert all(torch.equal(one[0], all_[clip]) for one, all_ in zip(alone.codes, tokens.codes, strict=True))
            same(tokenizer.decode(alone).samples[0], back.samples[clip])
    assert any(len(code.unique()) > 4 for code in tokenizer.encode(clips(24000, tokenizer.rate)).codes)


@pytest.mark.parametrize("name", CODECS)
def test_rate_follows_from_the_codes(name: str, load: Load) -> None:
    tokenizer = load(name)
    seconds = 4.096  # whole frames of every tiny model, or nearly
    codes = tokenizer.encode(clips(round(seconds * tokenizer.rate), tokenizer.rate, 1)).codes
    for code, book in zip(codes, tokenizer.codebooks, strict=True):
        expected = book.per_clip if book.rate is None else book.rate * seconds
        assert abs(code.shape[1] - expected) <= 1


@pytest.mark.parametrize("name", CODECS)
def test_clips_of_several_lengths_are_rejected(name: str, load: Load) -> None:
    audio = clips(9600, 16000)
    padded = Audio(audio.samples, 16000, torch.tensor([9600, 9000, 9600]))
    assert load(name).equal_lengths
    with pytest.raises(BenchError, match="clips of one length at a time"):
        load(name).encode(padded)


def test_padding_would_change_the_codes(load: Load) -> None:
    audio = clips(9600, 16000, 1)
    longer = Audio(torch.nn.functional.pad(audio.samples, (0, 9600)), 16000, audio.lengths * 2)
    for name in ("DacModel", "XcodecModel", "SpeechTokenizer"):
        codes = zip(load(name).encode(audio).codes, load(name).encode(longer).codes, strict=True)
        assert not all(torch.equal(one, other[:, : one.shape[1]]) for one, other in codes)


@pytest.mark.parametrize("name", CODECS)
def test_half_precision(name: str, folders: Folders) -> None:
    exact = folders.build(name)
    audio = clips(9600, exact.rate)
    tokens = exact.encode(audio)
    expected = exact.decode(tokens).samples
    half = exact.to(torch.device("cpu"), torch.bfloat16)
    half.encode(audio).check(half.codebooks)
    found = half.decode(tokens).samples
    assert found.dtype == torch.float32
    assert (found - expected).abs().mean() < 0.1 * expected.abs().mean()


@pytest.mark.parametrize("name", CODECS)
def test_weights_are_hashed(name: str, load: Load, folders: Folders) -> None:
    # What a codec hears with may lie elsewhere.
    own = {key: value for key, value in load(name).weights.items() if not key.startswith("features/")}
    files = [path for path in folders[name].rglob("*.*") if path.suffix != ".json"]
    assert own == {file.relative_to(folders[name]).as_posix(): sha256_file(file) for file in files}
    assert files
    assert load(name).revision == ""


def test_registry_lines_name_their_weights() -> None:
    assert {entry.target for entry in entries_of(published)} == TARGETS
    for entry in entries_of(published):
        places = [(part["subfolder"], part["file"]) for part in parts_of(entry.args)]
        wanted = tuple(hub_name(entry.args["repo"], *place) for place in places) if "repo" in entry.args else ()
        assert entry.weights == wanted
        assert entry.local and entry.extra == "audio" and entry.source and entry.license
        assert registry.get("tokenizers", entry.name) is entry
        parse(f"{entry.name}@{entry.positional}=1" if entry.positional else entry.name).check()
        for subfolder, file in places if wanted else ():
            assert fetch_command(entry.args["repo"], subfolder, file=file) == f"bench fetch {entry.name}"


def test_libraries_are_imported_when_needed() -> None:
    modules = sorted({target.partition(":")[0] for target in TARGETS})
    code = (
        "import sys, bench.modalities.audio.lines.tokenizers; assert 'torch' not in sys.modules\n"
        + "".join(f"import {module}\n" for module in modules)
        + "sys.exit(bool({'transformers', 'snac', 'speechtokenizer'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
