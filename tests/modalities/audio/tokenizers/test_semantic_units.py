"""Semantic units: clusters of a hidden layer, on tiny random models of the real classes."""

from __future__ import annotations

import pickle
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from audio_checks import speech
from tiny_audio_models import HIDDEN_MODELS, save_hidden_model

from bench import registry
from bench.contracts.options import Options
from bench.contracts.system import parse
from bench.contracts.task import Job, Request, open_task
from bench.datasets.base import Dataset, Limited
from bench.errors import BenchError
from bench.machine.canonical import sha256_file
from bench.modalities.audio.batch import Audio
from bench.modalities.audio.datasets.asterisk_prompts import AsteriskPrompts
from bench.modalities.audio.lines.semantic_units import UNITS
from bench.modalities.audio.tokenizers.semantic_units import SemanticUnits
from bench.tokenizers.checkpoint import fetch_command

NAMES = {"HubertModel": "hubert-units", "WavLMModel": "wavlm-units", "Wav2Vec2Model": "wav2vec2-units"}
RATE = 16000


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder with a tiny checkpoint of each class, and one whose convolutions have layer normalization."""
    root = tmp_path_factory.mktemp("hidden")
    for name in HIDDEN_MODELS:
        save_hidden_model(name, root / name)
    save_hidden_model("HubertModel", root / "large", feat_extract_norm="layer", do_stable_layer_norm=True)
    return {path.name: path for path in root.iterdir()}


@cache
def fit_split() -> Dataset:
    split = AsteriskPrompts().fit_split()
    assert split is not None
    return Limited(split, 6)


def units(folder: Path, **arguments: Any) -> SemanticUnits:
    """Units fitted on a few prompts."""
    made = SemanticUnits(str(folder), **{"clusters": 20, "layer": 1, **arguments})
    made.fit(fit_split(), seed=0)
    return made


def expected(folder: Path, name: str, layer: int, centroids: torch.Tensor, clip: torch.Tensor) -> torch.Tensor:
    """The nearest centroid of each frame by the library's model and feature extractor, and by all distances."""
    model = getattr(transformers, name).from_pretrained(folder).eval()
    extract = transformers.Wav2Vec2FeatureExtractor(do_normalize=folder.name == "large")
    waves = extract(clip[0].numpy(), sampling_rate=RATE, return_tensors="pt").input_values
    with torch.no_grad():
        frames = model(waves, output_hidden_states=True).hidden_states[layer][0]
    return torch.cdist(frames.double(), centroids.double()).argmin(1)


@pytest.mark.parametrize(
    ("name", "folder", "layer"),
    [*((name, name, layer) for name in HIDDEN_MODELS for layer in (1, 2)), ("HubertModel", "large", 2)],
)
def test_units_are_those_of_the_library(name: str, folder: str, layer: int, folders: dict[str, Path]) -> None:
    made = units(folders[folder], layer=layer)
    assert made.units is not None
    clip = speech()[2]
    (codes,) = made.encode(Audio.of([clip], RATE)).codes
    assert torch.equal(codes[0], expected(folders[folder], name, layer, made.units.codewords, clip))
    assert len(codes.unique()) > 5


def test_one_code_for_every_20_ms(folders: dict[str, Path]) -> None:
    """⌊(n - 400) / 320⌋ + 1 frames, since nothing is padded, which keeps to the declared 50 per second."""
    made = units(folders["HubertModel"])
    for samples in (400, 719, 720, 16000, 16079, 16080, 20011):
        audio = Audio.of([0.1 * torch.randn(1, samples, generator=torch.Generator().manual_seed(0))], RATE)
        tokens = made.encode(audio)
        assert tokens.positions(0).tolist() == [(samples - 400) // 320 + 1]
        tokens.check(made.codebooks)
        tokens.check_rates(made.codebooks)
    assert (made.codebooks[0].size, made.codebooks[0].rate, made.codebooks[0].covers) == (20, 50, "1/50 s")
    with pytest.raises(BenchError, match="399 samples at 16 kHz is shorter than a frame, which has 400"):
        made.encode(Audio.of([torch.zeros(1, 399)], RATE))


def test_a_clip_becomes_what_it_becomes_alone(folders: dict[str, Path]) -> None:
    clips = [clip[:, :9000] for clip in speech()[:3]]
    for folder in folders.values():
        made = units(folder)
        together = made.encode(Audio.of(clips, RATE)).codes[0]
        for clip, codes in zip(clips, together, strict=True):
            assert torch.equal(made.encode(Audio.of([clip], RATE)).codes[0][0], codes)
        # Padding would change the codes, so it is never given any.
        assert made.equal_lengths
        padded = Audio(torch.nn.functional.pad(clips[0][None], (0, 9000)), RATE, torch.tensor([9000]))
        with pytest.raises(BenchError, match="clips of one length at a time"):
            made.encode(padded)


def test_fitting_is_the_same_on_any_number_of_threads(folders: dict[str, Path]) -> None:
    learned = {}
    for threads in (1, 3):
        torch.set_num_threads(threads)
        try:
            made = units(folders["WavLMModel"])
        finally:
            torch.set_num_threads(1)
        assert made.units is not None
        learned[threads] = made.units.codewords
    assert torch.equal(learned[1], learned[3])
    other = SemanticUnits(str(folders["WavLMModel"]), clusters=20, layer=1)
    other.fit(fit_split(), seed=1)
    assert other.units is not None and not torch.equal(other.units.codewords, learned[1])


def test_published_centroids_take_the_place_of_fitting(folders: dict[str, Path], tmp_path: Path) -> None:
    fitted, file = units(folders["HubertModel"]), tmp_path / "centroids.npy"
    assert fitted.units is not None
    np.save(file, fitted.units.codewords.double().numpy())
    made = SemanticUnits(str(folders["HubertModel"]), layer=1, centroids=str(file))
    audio = Audio.of([speech()[0]], RATE)
    assert torch.equal(made.encode(audio).codes[0], fitted.encode(audio).codes[0])
    assert made.codebooks == fitted.codebooks
    assert made.weights.items() >= {file.name: sha256_file(file)}.items()
    # No split is needed, and none is learned from.
    text = f"hubert-units@path={folders['HubertModel']},layer=1"
    task = open_task("audio-recon")
    protocol = task.protocol(Request(("own", {"metrics": {"codebook": {}}}), "asterisk-prompts@split=all", Options()))
    assert "no split to fit on" in task.unmeasurable(Job(parse(text), protocol))
    assert not task.unmeasurable(Job(parse(f"{text},centroids={file}"), protocol))


class Harmful:
    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("run by a pickle",))


def write_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps(Harmful()))


def write_objects(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.array([Harmful()], dtype=object), allow_pickle=True)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (write_pickle, r"is a pickle, .* never loaded; .* numpy.save\(PATH, kmeans.cluster_centers_\)"),
        (write_objects, "cannot be read .*allow_pickle"),
        (lambda path: np.save(path, np.zeros((4, 15))), r"float64 \[4, 15\], not .* \[clusters, 16\], the width"),
        (lambda path: np.save(path, np.full((4, 16), np.nan)), "not finite"),
        (lambda path: np.save(path, np.zeros((4, 16))), "4 centroids, but clusters=5; leave out clusters"),
        (lambda path: None, "No such file"),
    ],
)
def test_centroids_that_do_not_fit_are_explained(
    write: Any, message: str, folders: dict[str, Path], tmp_path: Path, capsys: Any
) -> None:
    file = tmp_path / "centroids.npy"
    write(file)
    with pytest.raises(BenchError, match=message):
        SemanticUnits(str(folders["HubertModel"]), layer=1, clusters=5, centroids=str(file))
    assert "run by a pickle" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("layer=3", "layer must be a whole number from 1 to 2, not 3"),
        ("layer=1,clusters=1", "clusters must be a whole number from 2 to 65536, not 1"),
    ],
)
def test_arguments_that_do_not_fit_are_explained(arguments: str, message: str, folders: dict[str, Path]) -> None:
    with pytest.raises(BenchError, match=message):
        parse(f"hubert-units@path={folders['HubertModel']},{arguments}").build()


def test_too_few_frames_are_an_error(folders: dict[str, Path]) -> None:
    made = SemanticUnits(str(folders["HubertModel"]), layer=1, clusters=10000)
    with pytest.raises(BenchError, match=r"\d+ frames to learn 10000 clusters from; lower clusters"):
        made.fit(fit_split(), seed=0)


def test_a_checkpoint_of_another_model_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "whisper"}')
    with pytest.raises(BenchError, match="a checkpoint of whisper, not of hubert, wavlm, wav2vec2"):
        SemanticUnits(str(tmp_path))


def test_every_line_of_a_checkpoint_names_license_source_and_how_to_fetch_it(folders: dict[str, Path]) -> None:
    for entry in UNITS:
        assert registry.get("tokenizers", entry.name) is entry
        assert entry.source and entry.license and entry.local
        parse(f"{entry.name}@50,layer=9,centroids=x.npy").check()
        if "repo" in entry.args:
            assert fetch_command(entry.args["repo"]) == f"bench fetch {entry.name}"
    for name, line in NAMES.items():
        assert isinstance(parse(f"{line}@path={folders[name]},layer=2").build(), SemanticUnits)


def test_other_arithmetic_gives_nearly_the_same_frames(folders: dict[str, Path]) -> None:
    audio = Audio.of([speech()[2]], RATE)
    for folder in folders.values():
        made = units(folder)
        exact = made.hidden(audio.samples[:, 0])
        coarse = made.to(torch.device("cpu"), torch.bfloat16).hidden(audio.samples[:, 0])
        assert coarse.dtype == torch.float32
        assert (coarse - exact).square().mean() < 0.3 * exact.square().mean()  # frames of random weights are much alike
        made.encode(audio).check(made.codebooks)
