"""Published audio tokenizers give what their libraries give, at the rates their architectures state."""

from __future__ import annotations

import importlib
import math
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from snac import SNAC
from tiny_audio_models import AUDIO_NAMES, TINY_AUDIO, save_audio, tiny_audio_model, transformers_model

from bench import registry
from bench.contracts.system import parse
from bench.contracts.tokens import TokenError, Tokens
from bench.errors import BenchError, Unavailable
from bench.lines.checkpoints import entries_of
from bench.machine.canonical import sha256_file
from bench.modalities.audio.batch import Audio
from bench.modalities.audio.lines import published
from bench.modalities.audio.tokenizers.pretrained import PretrainedAudioTokenizer, Structure
from bench.modalities.audio.tokenizers.snac_tokens import Snac
from bench.modalities.audio.tokenizers.speechtokenizer_tokens import SpeechTokenizer, speechtokenizer_class
from bench.modalities.audio.tokenizers.transformers_audio import Dac, Encodec, HiggsAudioV2, Mimi, Xcodec
from bench.modalities.audio.tokenizers.xcodec2 import NeuCodec, Xcodec2
from bench.tokenizers.checkpoint import fetch_command, hub_name, locate

Load = Callable[..., PretrainedAudioTokenizer]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder with a tiny checkpoint of each class, by the class's name."""
    root = tmp_path_factory.mktemp("audio")
    for name in TINY_AUDIO:
        save_audio(name, root / name)
    return {name: root / name for name in TINY_AUDIO}


@pytest.fixture(scope="module")
def load(folders: dict[str, Path]) -> Load:
    @cache
    def loaded(name: str) -> Any:
        return parse(f"{AUDIO_NAMES[name]}={folders[name]}").build()

    return loaded


def clips(samples: int, rate: int, count: int = 3) -> Audio:
    """Noise under slow envelopes, no two clips alike."""
    noise = torch.randn(count, 1, samples, generator=torch.Generator().manual_seed(1))
    slow = torch.sin(torch.arange(1, count + 1)[:, None, None] * 9.0 * torch.arange(samples) / rate)
    return Audio(0.2 * noise * slow, rate, torch.full((count,), samples))


def same(one: torch.Tensor, other: torch.Tensor) -> None:
    """Equal to a hundred thousandth of the loudest sample."""
    torch.testing.assert_close(one, other, rtol=0, atol=1e-5 * max(1e-3, float(other.abs().max())))


# What the publishers' configurations say, and the kilobits a second that follow.
_DAC = {"downsampling_ratios": [2, 4, 5, 8], "upsampling_ratios": [8, 5, 4, 2], "hop_length": 512}
_SNAC24 = {"sampling_rate": 24000, "encoder_rates": [2, 4, 8, 8], "decoder_rates": [8, 8, 4, 2], "codebook_size": 4096}
_SNAC44 = {"encoder_rates": [2, 3, 8, 8], "decoder_rates": [8, 8, 3, 2], "codebook_size": 4096}
_HIGGS = {"model_type": "dac", "downsampling_ratios": [8, 5, 4, 2, 3], "upsampling_ratios": [8, 5, 4, 2, 3]}
_SPEECH = {
    "n_filters": 64,
    "dimension": 1024,
    "semantic_dimension": 768,
    "strides": [8, 5, 4, 2],
    "lstm_layers": 2,
    "bidirectional": True,
    "dilation_base": 2,
    "residual_kernel_size": 3,
    "n_residual_layers": 1,
    "activation": "ELU",
    "sample_rate": 16000,
    "n_q": 8,
    "codebook_size": 1024,
}


def encodec(kbps: float) -> Structure:
    return Encodec.structure_of(transformers_model("EncodecModel", "EncodecConfig"), kbps)


def dac(rate: int, books: int, **changes: Any) -> Structure:
    config = {**_DAC, "n_codebooks": books, "sampling_rate": rate, **changes}
    return Dac.structure_of(transformers_model("DacModel", "DacConfig", **config), None)


def mimi(books: int | None) -> Structure:
    return Mimi.structure_of(transformers_model("MimiModel", "MimiConfig"), books)


def xcodec(kbps: float) -> Structure:
    return Xcodec.structure_of(transformers_model("XcodecModel", "XcodecConfig"), kbps)


def higgs(kbps: float) -> Structure:
    config = {"acoustic_model_config": _HIGGS, "target_bandwidths": [0.5, 1, 1.5, 2]}
    model = transformers_model("HiggsAudioV2TokenizerModel", "HiggsAudioV2TokenizerConfig", **config)
    return HiggsAudioV2.structure_of(model, kbps)


@pytest.mark.parametrize(
    ("structure", "hertz", "books", "kbps"),
    [
        (lambda: encodec(1.5), 75, 2, 1.5),
        (lambda: encodec(3), 75, 4, 3),
        (lambda: encodec(6), 75, 8, 6),
        (
            lambda: dac(44100, 9, downsampling_ratios=[2, 4, 8, 8], upsampling_ratios=[8, 8, 4, 2]),
            44100 / 512,
            9,
            44100 / 512 * 9 / 100,
        ),
        (lambda: dac(24000, 32), 75, 32, 24),
        (lambda: dac(16000, 12), 50, 12, 6),
        (lambda: mimi(8), 12.5, 8, 1.1),
        (lambda: mimi(None), 12.5, 32, 4.4),
        (lambda: xcodec(4), 50, 8, 4),
        (lambda: xcodec(0.5), 50, 1, 0.5),
        (lambda: higgs(2), 25, 8, 2),
        (lambda: Xcodec2.structure_of(transformers_model("Xcodec2Model", "Xcodec2Config")), 50, 1, 0.8),
        (lambda: NeuCodec.structure_of(transformers_model("NeuCodecModel", "NeuCodecConfig")), 50, 1, 0.8),
        (lambda: Snac.structure_of(SNAC(**_SNAC24, attn_window_size=None, vq_strides=[4, 2, 1])), 46.875, 3, 0.984375),
        (lambda: Snac.structure_of(SNAC(**_SNAC44, sampling_rate=44100)), 44100 / 384, 4, 2.583984375),
        (lambda: SpeechTokenizer.structure_of(speechtokenizer_class()(_SPEECH), None), 50, 8, 4),
        (lambda: SpeechTokenizer.structure_of(speechtokenizer_class()(_SPEECH), 2), 50, 2, 1),
    ],
)
def test_bitrate_of_the_published_architecture(
    structure: Callable[[], Structure], hertz: float, books: int, kbps: float
) -> None:
    importlib.import_module("torchaudio.compliance.kaldi")  # its constants must not be made on the meta device
    with torch.device("meta"):
        codebooks = structure().codebooks
    rates = [book.rate for book in codebooks if book.rate]
    assert len(rates) == books and rates[-1] == hertz
    bits = math.fsum(rate * book.bits for rate, book in zip(rates, codebooks, strict=True))
    assert bits == pytest.approx(kbps * 1000, rel=1e-12)


@pytest.mark.parametrize("name", TINY_AUDIO)
def test_contract(name: str, load: Load) -> None:
    tokenizer = load(name)
    for samples, rate in ((24000, tokenizer.rate), (12345, tokenizer.rate), (4411, 44100), (200, 8000), (1, 48000)):
        audio = clips(samples, rate)
        before = audio.samples.clone()
        tokens = tokenizer.encode(audio)
        tokens.check(tokenizer.codebooks)
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


@pytest.mark.parametrize("name", TINY_AUDIO)
def test_rate_follows_from_the_codes(name: str, load: Load) -> None:
    tokenizer = load(name)
    seconds = 4.096  # whole frames of every tiny model, or nearly
    codes = tokenizer.encode(clips(round(seconds * tokenizer.rate), tokenizer.rate, 1)).codes
    for code, book in zip(codes, tokenizer.codebooks, strict=True):
        assert abs(code.shape[1] - book.rate * seconds) <= 1


@torch.no_grad()
@pytest.mark.parametrize("samples", [6400, 7777])
@pytest.mark.parametrize("name", ["EncodecModel", "MimiModel", "DacModel", "XcodecModel", "HiggsAudioV2TokenizerModel"])
def test_equals_transformers(name: str, samples: int, load: Load, folders: dict[str, Path]) -> None:
    tokenizer, model = load(name), getattr(transformers, name).from_pretrained(folders[name]).eval()
    waves = clips(samples, tokenizer.rate)
    hop = tokenizer.structure.hop
    padded = torch.nn.functional.pad(waves.samples, (0, -samples % hop))
    books = len(tokenizer.codebooks)
    match name:
        case "EncodecModel":
            output = model(waves.samples, bandwidth=6.0)
            codes = output.audio_codes[0]
        case "MimiModel":
            output = model(waves.samples, num_quantizers=8)
            codes = output.audio_codes
        case "DacModel":
            output = model(padded, n_quantizers=books)
            codes = output.audio_codes
        case _:
            output = model(padded, bandwidth=tokenizer.bandwidth)  # type: ignore[attr-defined]
            codes = output.audio_codes
    check(tokenizer, waves, list(codes.unbind(1)), output.audio_values.reshape(len(waves.samples), 1, -1))


@torch.no_grad()
@pytest.mark.parametrize("name", ["Xcodec2", "NeuCodec"])
def test_xcodec2_equals_transformers(name: str, load: Load, folders: dict[str, Path]) -> None:
    tokenizer = load(f"{name}Model")
    model = getattr(transformers, f"{name}Model").from_pretrained(folders[f"{name}Model"]).eval()
    extract = getattr(transformers, f"{name}FeatureExtractor")()
    audio = clips(7000, 16000)
    seen = extract([wave[0].numpy() for wave in audio.samples], sampling_rate=16000, return_tensors="pt")
    output = model(seen["input_values"], seen["input_features"], input_features_mask=seen["input_features_mask"])
    if name == "Xcodec2":
        check(tokenizer, audio, list(output.audio_codes.long().unbind(1)), output.audio_values)
    codes = tokenizer.codes_of(audio.samples)
    assert torch.equal(codes[0].long(), output.audio_codes[:, 0].long())
    waves = tokenizer.waves_of(list(codes))[..., : output.audio_values.shape[-1]]
    same(waves, output.audio_values[..., : waves.shape[-1]])


@torch.no_grad()
def test_snac_equals_the_package(load: Load, folders: dict[str, Path]) -> None:
    tokenizer, model = load("SNAC"), SNAC.from_pretrained(str(folders["SNAC"]))
    for module in (*model.modules(), *tokenizer.model.modules()):
        if type(module).__name__ == "NoiseBlock":
            module.linear.parametrizations.weight.original0.zero_()  # without its noise
    audio = clips(7777, 24000)
    output, codes = model(audio.samples)
    check(tokenizer, audio, codes, output)
    load.cache_clear()  # type: ignore[attr-defined]


@torch.no_grad()
@pytest.mark.parametrize("books", [1, 3, 8])
def test_speechtokenizer_equals_the_package(books: int, folders: dict[str, Path]) -> None:
    folder = folders["SpeechTokenizer"]
    model = speechtokenizer_class().load_from_checkpoint(folder / "config.json", folder / "SpeechTokenizer.pt").eval()
    audio = clips(7777, 16000)
    codes = model.encode(audio.samples, n_q=books)
    check(SpeechTokenizer(str(folder), books=books), audio, list(codes), model.decode(codes))


def check(tokenizer: Any, audio: Audio, codes: list[torch.Tensor], waves: torch.Tensor) -> None:
    tokens = tokenizer.encode(audio)
    assert len(tokens.codes) == len(codes)
    assert all(torch.equal(one, other) for one, other in zip(tokens.codes, codes, strict=True))
    back = tokenizer.decode(tokens).samples
    count = min(back.shape[2], waves.shape[2])
    same(back[..., :count], waves[..., :count])
    assert not back[..., count:].any()


@pytest.mark.parametrize(
    ("name", "argument", "counts"),
    [
        ("EncodecModel", "bandwidth", {1.5: 4, 3: 8, 6: 16}),
        ("XcodecModel", "bandwidth", {0.25: 1, 0.5: 2, 1: 4}),
        ("DacModel", "books", {1: 1, 3: 3, 4: 4}),
        ("MimiModel", "books", {1: 1, 8: 8, 10: 10}),
        ("SpeechTokenizer", "books", {2: 2, 8: 8}),
    ],
)
def test_rates_of_one_checkpoint_nest(
    name: str, argument: str, counts: dict[float, int], folders: dict[str, Path]
) -> None:
    audio, finest = clips(9600, 24000), max(counts)
    tokens: dict[float, Tokens] = {}
    for value, books in counts.items():
        tokenizer: Any = parse(f"{AUDIO_NAMES[name]}@path={folders[name]},{argument}={value}").build()
        tokens[value] = tokenizer.encode(audio)
        assert len(tokenizer.codebooks) == len(tokens[value].codes) == books
        assert tokenizer.decode(tokens[value]).samples.shape == audio.samples.shape
    for coarse in tokens.values():  # residual codebooks: the first ones do not depend on how many follow
        pairs = zip(coarse.codes, tokens[finest].codes, strict=False)
        assert all(torch.equal(one, other) for one, other in pairs)
    assert registry.get("tokenizers", AUDIO_NAMES[name]).positional == argument


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("EncodecModel", "bandwidth=7", r"bandwidth=7: the model has 1\.5, 3, 6 kbps"),
        ("DacModel", "books=5", r"books=5: the model has 4 codebooks; give 1 to 4"),
        ("DacModel", "books=0", r"give 1 to 4"),
        ("SpeechTokenizer", "books=2.5", r"books=2\.5: the model has 8 codebooks"),
    ],
)
def test_rates_that_a_model_lacks(name: str, arguments: str, message: str, folders: dict[str, Path]) -> None:
    with pytest.raises(BenchError, match=message):
        parse(f"{AUDIO_NAMES[name]}@path={folders[name]},{arguments}").build()


def test_clips_of_several_lengths_are_refused(load: Load) -> None:
    audio = clips(9600, 16000)
    padded = Audio(audio.samples, 16000, torch.tensor([9600, 9000, 9600]))
    for name in TINY_AUDIO:
        assert load(name).equal_lengths
        with pytest.raises(BenchError, match="clips of one length at a time"):
            load(name).encode(padded)


def test_padding_would_change_the_codes(load: Load) -> None:
    audio = clips(9600, 16000, 1)
    longer = Audio(torch.nn.functional.pad(audio.samples, (0, 9600)), 16000, audio.lengths * 2)
    for name in ("DacModel", "XcodecModel", "SpeechTokenizer"):
        codes = zip(load(name).encode(audio).codes, load(name).encode(longer).codes, strict=True)
        assert not all(torch.equal(one, other[:, : one.shape[1]]) for one, other in codes)


def test_codes_of_another_shape_are_an_error(folders: dict[str, Path]) -> None:
    tokenizer = Dac(str(folders["DacModel"]), books=2)
    tokenizer.encode(clips(9600, 16000))
    tokenizer.model.train()  # in which DAC ignores the number of codebooks
    with pytest.raises(TokenError, match=r"Dac gave 4 books of codes .* where 2 books of"):
        tokenizer.encode(clips(9600, 16000))


def test_encodec_with_scales_is_refused(tmp_path: Path) -> None:
    save_audio("EncodecModel", tmp_path, audio_channels=2, normalize=True, chunk_length_s=1.0, overlap=0.01)
    with pytest.raises(BenchError, match="float scale for each goes beside its codes"):
        Encodec(str(tmp_path))


def test_noise_of_snac_depends_on_the_seed_and_the_codes(folders: dict[str, Path]) -> None:
    audio, path = clips(9600, 24000), str(folders["SNAC"])
    tokenizer = Snac(path)
    tokens = tokenizer.encode(audio)
    torch.manual_seed(3)
    first, after = tokenizer.decode(tokens).samples, torch.rand(1)
    torch.manual_seed(3)
    assert torch.equal(after, torch.rand(1))
    assert torch.equal(first, tokenizer.decode(tokens).samples)
    assert not torch.equal(first, Snac(path, seed=1).decode(tokens).samples)


@pytest.mark.parametrize("name", TINY_AUDIO)
def test_half_precision(name: str, folders: dict[str, Path]) -> None:
    exact: Any = parse(f"{AUDIO_NAMES[name]}={folders[name]}").build()
    audio = clips(9600, exact.rate)
    tokens = exact.encode(audio)
    expected = exact.decode(tokens).samples
    half = exact.to(torch.device("cpu"), torch.bfloat16)
    half.encode(audio).check(half.codebooks)
    found = half.decode(tokens).samples
    assert found.dtype == torch.float32
    assert (found - expected).abs().mean() < 0.1 * expected.abs().mean()


def test_overflow_in_float16_is_named(folders: dict[str, Path]) -> None:
    tokenizer = Encodec(str(folders["EncodecModel"]))
    for parameter in tokenizer.model.decoder.parameters():
        parameter *= 1e4
    tokens = tokenizer.encode(clips(2400, 24000))
    with pytest.raises(BenchError, match=r"overflows in float16; use bfloat16"):
        tokenizer.to(torch.device("cpu"), torch.float16).decode(tokens)


@pytest.mark.parametrize("name", TINY_AUDIO)
def test_weights_are_hashed(name: str, load: Load, folders: dict[str, Path]) -> None:
    (file,) = (path for path in folders[name].iterdir() if path.suffix != ".json")
    assert load(name).weights == {file.name: sha256_file(file)}
    assert load(name).revision == ""


def test_weights_of_a_part_are_refused(tmp_path: Path) -> None:
    for name, cls in (("DacModel", Dac), ("SNAC", Snac), ("SpeechTokenizer", SpeechTokenizer)):
        folder = tmp_path / name
        save_audio(name, folder)
        (file,) = (path for path in folder.iterdir() if path.suffix != ".json")
        if file.suffix == ".safetensors":
            save_file({key: value for key, value in load_file(file).items() if "decoder.conv1" not in key}, file)
        else:
            state = torch.load(file, weights_only=True)
            torch.save({key: value for key, value in state.items() if not key.startswith("decoder")}, file)
        with pytest.raises(BenchError, match=rf"the weights lack \d+ tensors of {name} "):
            cls(str(folder))


@pytest.mark.parametrize("name", ["EncodecModel", "DacModel", "MimiModel", "SNAC", "SpeechTokenizer"])
def test_a_file_is_enough(name: str, load: Load, folders: dict[str, Path], tmp_path: Path) -> None:
    (file,) = (path for path in folders[name].iterdir() if path.suffix != ".json")
    tensors = load_file(file) if file.suffix == ".safetensors" else torch.load(file, weights_only=True)
    drifted = {key: torch.zeros_like(tensor) for key, tensor in tensors.items()}
    torch.save({"model": drifted, "ema": {f"module.{key}": item for key, item in tensors.items()}}, tmp_path / "c.ckpt")
    shutil.copy(folders[name] / "config.json", tmp_path)
    alone = parse(f"{AUDIO_NAMES[name]}@path={tmp_path / 'c.ckpt'},weights=ema").build()
    waves = clips(4000, load(name).rate)
    for code, expected in zip(alone.encode(waves).codes, load(name).encode(waves).codes, strict=True):
        assert torch.equal(code, expected)
    assert list(alone.weights) == ["c.ckpt [ema: ema]", "config.json"]


class Harmful:
    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("run by a pickle",))


@pytest.mark.parametrize(
    ("name", "cls", "file"), [("SNAC", Snac, "pytorch_model.bin"), ("SpeechTokenizer", SpeechTokenizer, None)]
)
def test_pickles_hold_weights_only(name: str, cls: Any, file: str | None, tmp_path: Path, capsys: Any) -> None:
    save_audio(name, tmp_path)
    torch.save({"weight": torch.zeros(1), "more": Harmful()}, tmp_path / (file or "SpeechTokenizer.pt"))
    with pytest.raises(BenchError, match=r"holds builtins\.print, which is never loaded"):
        cls(str(tmp_path))
    assert "run by a pickle" not in capsys.readouterr().out


@pytest.mark.parametrize(("cls", "other"), [(Dac, "EncodecModel"), (Encodec, "DacModel"), (Snac, "SpeechTokenizer")])
def test_checkpoint_of_another_class(cls: Any, other: str, folders: dict[str, Path]) -> None:
    with pytest.raises(BenchError, match=r"a checkpoint of \w+, not of \w+|not a SNAC"):
        cls(str(folders[other]))


def test_weights_saved_in_half_are_computed_with_in_float32(tmp_path: Path) -> None:
    tiny_audio_model("DacModel").to(torch.bfloat16).save_pretrained(tmp_path)
    assert {p.dtype for p in Dac(str(tmp_path)).model.parameters()} == {torch.float32}


def test_mimi_moves_after_use(folders: dict[str, Path]) -> None:
    tokenizer = Mimi(str(folders["MimiModel"]))
    tokenizer.encode(clips(4800, 24000))
    tokenizer.to(torch.device("cpu"), torch.bfloat16)
    tokenizer.decode(tokenizer.encode(clips(4800, 24000)))


def test_registry_lines_name_their_weights() -> None:
    tested = {registry.get("tokenizers", name).target for name in AUDIO_NAMES.values()}
    assert {entry.target for entry in entries_of(published)} == tested
    for entry in entries_of(published):
        wanted = (hub_name(entry.args["repo"], entry.args.get("subfolder")),) if "repo" in entry.args else ()
        assert entry.weights == wanted
        assert entry.local and entry.extra == "audio" and entry.source and entry.license
        assert registry.get("tokenizers", entry.name) is entry
        parse(f"{entry.name}@{entry.positional}=1" if entry.positional else entry.name).check()
        if wanted:
            assert fetch_command(entry.args["repo"], entry.args.get("subfolder")) == f"bench fetch {entry.name}"


def test_offline_says_what_to_fetch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(Unavailable, match=r"offline\); run: bench fetch snac-24khz"):
        locate(None, "hubertsiuzdak/snac_24khz", offline=True)


def test_libraries_are_imported_when_needed() -> None:
    modules = ("transformers_audio", "xcodec2", "snac_tokens", "speechtokenizer_tokens")
    code = (
        "import sys, bench.modalities.audio.lines.tokenizers; assert 'torch' not in sys.modules\n"
        + "".join(f"import bench.modalities.audio.tokenizers.{module}\n" for module in modules)
        + "sys.exit(bool({'transformers', 'snac', 'speechtokenizer'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
