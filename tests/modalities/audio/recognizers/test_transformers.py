"""Whisper and wav2vec 2.0: the real loading path on tiny checkpoints, decoding against its definition."""

from __future__ import annotations

import itertools
import json
import pickle
import shutil
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
import tiny_recognizers as tiny
import torch
import transformers
from safetensors.torch import load_file, save_file

from bench.errors import BenchError, Unavailable
from bench.modalities.audio.recognizers.base import build


def build_local(checkpoints, name, **arguments):
    given = "".join(f",{key}={value}" for key, value in arguments.items())
    return build(f"{name.removesuffix('-en')}@path={checkpoints[name]}{given}")


@pytest.mark.parametrize("language", ["en", "fr"])
def test_whisper_is_greedy_after_its_prompt(checkpoints, clip, language):
    whisper = build_local(checkpoints, "whisper")
    tokens = tiny.whisper_tokens()
    names = {at: token for token, at in tokens.items()}
    model = transformers.WhisperForConditionalGeneration.from_pretrained(checkpoints["whisper"])
    features = transformers.WhisperFeatureExtractor()(clip, sampling_rate=16000, return_tensors="pt").input_features
    prompt = [tokens[f"<|{name}|>"] for name in ("startoftranscript", language, "transcribe", "notimestamps")]
    while len(prompt) < 4 + tiny.LENGTH:
        with torch.no_grad():
            logits = model(features, decoder_input_ids=torch.tensor([prompt])).logits[0, -1]
        logits[tokens["<|notimestamps|>"] + 1 :] = -torch.inf
        prompt.append(int(logits.argmax()))
    text = "".join(names[at] for at in prompt if at < tiny.LETTERS).replace("Ġ", " ").strip()
    assert len(text) > 4
    assert whisper.transcribe(clip, 16000, language) == text


@pytest.mark.parametrize("seconds", [30, 31, 66])
def test_whisper_equals_the_librarys_pipeline(checkpoints, clip, seconds):
    """Over 30 s that takes one window after the other."""
    folder = checkpoints["whisper"]
    processor = transformers.WhisperProcessor.from_pretrained(folder)
    pipeline = transformers.pipeline(
        "automatic-speech-recognition",
        model=transformers.WhisperForConditionalGeneration.from_pretrained(folder),
        tokenizer=processor.tokenizer,
        feature_extractor=processor.feature_extractor,
    )
    sound = np.tile(clip, 33)[: seconds * 16000]
    options = {"language": "en", "task": "transcribe", "num_beams": 1, "max_new_tokens": None}
    long = {"temperature": 0.0, "condition_on_prev_tokens": False} if seconds > 30 else {}
    options |= {"max_length": tiny.LENGTH, **long}
    expected = pipeline(
        {"raw": sound.copy(), "sampling_rate": 16000}, return_timestamps=seconds > 30, generate_kwargs=options
    )["text"]
    found = build_local(checkpoints, "whisper")
    assert found.transcribe(sound, 16000, "en") == expected.strip() != ""
    if seconds > 30:
        assert found.transcribe(sound[: 30 * 16000], 16000, "en") != expected


def test_beams_and_language_are_options(checkpoints, clip):
    assert build_local(checkpoints, "whisper", beams=3).describe()["options"]["beams"] == 3
    assert build_local(checkpoints, "whisper").languages == ("en", "fr")
    english = build_local(checkpoints, "whisper-en")
    assert english.languages == ("en",)
    assert english.transcribe(clip, 16000, "en")
    with pytest.raises(BenchError, match="beams=0"):
        build_local(checkpoints, "whisper", beams=0)


def test_wav2vec2_takes_the_best_path(checkpoints, clip):
    model = transformers.Wav2Vec2ForCTC.from_pretrained(checkpoints["wav2vec2-ctc"])
    letters = json.loads((checkpoints["wav2vec2-ctc"] / "vocab.json").read_text())
    names = {at: letter for letter, at in letters.items()}
    with torch.no_grad():
        best = model(torch.tensor((clip - clip.mean()) / np.sqrt(clip.var() + 1e-7))[None]).logits[0].argmax(-1)
    text = "".join(names[at] for at, _ in itertools.groupby(best.tolist()) if at).replace("|", " ").strip()
    assert len(text) > 4
    found = build_local(checkpoints, "wav2vec2-ctc")
    assert found.transcribe(clip, 16000) == text
    assert found.transcribe(clip[:399], 16000) == ""


@pytest.mark.parametrize("name", ["whisper", "wav2vec2-ctc"])
def test_what_decides_the_text_is_described_and_travels(checkpoints, name, clip, tmp_path):
    found = build_local(checkpoints, name)
    text = found.transcribe(clip, 16000, "en")
    pickled = pickle.dumps(found)
    assert len(pickled) < 5000, "the model does not travel"
    assert pickle.loads(pickled).transcribe(clip, 16000, "en") == text
    shutil.copytree(checkpoints[name], tmp_path / "copy")
    copy = {name: tmp_path / "copy"}
    assert build_local(copy, name).describe() == found.describe()
    config = tmp_path / "copy" / "config.json"
    config.write_text(config.read_text() + "\n")
    assert build_local(copy, name).describe() != found.describe()


@pytest.mark.parametrize("name", ["whisper", "wav2vec2-ctc"])
def test_a_checkpoint_that_is_not_whole_is_refused(checkpoints, name, clip, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(checkpoints[name], folder)
    weights = load_file(folder / "model.safetensors")
    weights.pop(next(key for key in weights if "fc1" in key or "q_proj" in key))
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(BenchError, match="lack 1 tensors"):
        build_local({name: folder}, name).transcribe(clip, 16000, "en")
    (folder / "processor_config.json").unlink()
    with pytest.raises(BenchError, match=r"no preprocessor_config.json or processor_config.json; save"):
        build_local({name: folder}, name)


def test_a_checkpoint_of_something_else_is_named(checkpoints):
    with pytest.raises(BenchError, match="a checkpoint of whisper, not of wav2vec2"):
        build(f"wav2vec2-ctc={checkpoints['whisper']}")


def cached(folder: Path, repo: str, checkpoint: Path) -> Path:
    """A checkpoint as the hub's client keeps it."""
    commit = "0123456789" * 4
    root = folder / f"models--{repo.replace('/', '--')}"
    (root / "refs").mkdir(parents=True)
    (root / "refs" / "main").write_text(commit)
    shutil.copytree(checkpoint, root / "snapshots" / commit)
    return root / "snapshots" / commit


def test_the_hubs_cache_is_read_and_the_revision_stated(bench, checkpoints, clip, tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    folder = cached(tmp_path, "openai/whisper-tiny", checkpoints["whisper"])
    found = build("whisper@tiny")
    assert (found.label, found.describe()["revision"]) == ("whisper tiny 01234567", "0123456789" * 4)
    assert found.transcribe(clip, 16000, "en") == build_local(checkpoints, "whisper").transcribe(clip, 16000, "en")  # type: ignore[attr-defined]
    assert bench("fetch", "whisper@tiny", HF_HUB_CACHE=str(tmp_path)).stdout == f"whisper@tiny: {folder}\n"
    (folder / "tokenizer.json").unlink()
    with pytest.raises(Unavailable, match=r"no tokenizer.json or vocab.json; run: bench fetch whisper@tiny$"):
        build("whisper@tiny")


@pytest.mark.parametrize(
    ("spec", "command"),
    [
        ("whisper@tiny.en", "hf:openai/whisper-tiny.en .* run: bench fetch whisper@tiny.en$"),
        ("whisper@someone/else,revision=v2", "run: bench fetch whisper@someone/else,revision=v2$"),
        ("wav2vec2-ctc", "run: bench fetch wav2vec2-ctc@facebook/wav2vec2-base-960h$"),
    ],
)
def test_what_is_not_here_says_how_to_get_it(spec, command, tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(Unavailable, match=command):
        build(spec)
