"""Published backbones do what their libraries do, sample by sample, whatever the batch."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
import transformers
from local_hub import COMMIT, empty_cache, serving, use
from tiny_pretrained import CODES, OPTIONS, SAVE, SIDE, save

from bench.backbones.masked import masks_of_all_sizes
from bench.backbones.pretrained.base import PretrainedBackbone
from bench.backbones.sampling import Sampling
from bench.commands.fetch import fetch_names
from bench.contracts.system import BackboneSpec, parse
from bench.contracts.tokens import TokenError, Tokens
from bench.errors import BenchError, Unavailable
from bench.machine.canonical import sha256_file
from bench.modalities.audio.batch import Audio
from bench.modalities.image.backbones.amused import MASKS, _generator
from bench.modalities.image.lines.backbones import ENTRIES

TEXTS = ["a red cat", "the blue dog sings , a green cat .", "a"]
NAMES = list(SAVE)
CACHED = ["emu3", "janus", "musicgen"]
UNCONDITIONAL = ["musicgen", "amused"]
FLAWS = "blue ."
GREEDY = Sampling(temperature=0, guidance=3)


def load(text: str, **stated: Any) -> PretrainedBackbone:
    """The backbone that a user named."""
    spec = parse(text)
    assert isinstance(spec, BackboneSpec)
    return spec.backbone(**stated)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("backbones")
    return {name: save(name, root / name) for name in NAMES}


@pytest.fixture(scope="module")
def tiny(folders: dict[str, Path]) -> Any:
    """The backbone of a name, with the small options, loaded once."""
    return cache(lambda name: load(f"{name}={folders[name]}", **OPTIONS.get(name, {})))


def same(one: Tokens, other: Tokens) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.codes, other.codes, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_samples_become_signals_and_signals_tokens(name, tiny, folders):
    built = tiny(name)
    tokens = built.generate(2, 0, TEXTS[:2])
    tokens.check(built.codebooks)
    tokens.check_rates(built.codebooks)
    signal = built.decode(tokens)
    shape = signal.samples.shape if isinstance(signal, Audio) else signal.shape
    assert shape == (2, *built.structure.signal_shape)
    again = built.encode(signal if isinstance(signal, Audio) else signal.clamp(0, 1))
    assert [code.shape for code in again.codes] == [code.shape for code in tokens.codes]
    assert torch.isfinite(built.log_likelihood(again, TEXTS[:2])).all()
    assert {file: sha256_file(folders[name] / file) for file in built.weights} == built.weights != {}


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_depends_on_its_seed_and_number_alone(name, tiny):
    built = tiny(name)
    whole = built.generate(3, 5, TEXTS)
    alone = [built.generate(1, 5, [text], first=index) for index, text in enumerate(TEXTS)]
    for level, codes in enumerate(whole.codes):
        assert torch.equal(codes, torch.cat([one.codes[level] for one in alone]))
    assert same(whole, built.generate(3, 5, TEXTS))
    assert not same(whole, built.generate(3, 6, TEXTS))
    apart = built.log_likelihood(whole, TEXTS)
    for index, text in enumerate(TEXTS):
        torch.testing.assert_close(built.log_likelihood(alone[index], [text])[0], apart[index], atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_conditions_and_guidance_matter(name, tiny):
    built = tiny(name)
    plain = built.generate(3, 1, TEXTS, Sampling())
    assert not same(plain, built.generate(3, 1, TEXTS[1:] + TEXTS[:1], Sampling()))
    assert not same(plain, built.generate(3, 1, TEXTS, Sampling(guidance=4)))
    # A hair's breadth from 1 the samples go through the guided path, both halves of it.
    assert same(plain, built.generate(3, 1, TEXTS, Sampling(guidance=1 + 1e-6)))
    assert (built.log_likelihood(plain, TEXTS)[::2] != built.log_likelihood(plain, TEXTS[::-1])[::2]).all()
    assert same(built.generate(3, 1, TEXTS), built.generate(3, 1, TEXTS, built.recommended))


@pytest.mark.parametrize("name", CACHED)
def test_the_cache_changes_nothing(name, tiny, monkeypatch):
    built, sampling = tiny(name), Sampling(top_k=9, guidance=2)
    kept = built.generate(3, 2, TEXTS, sampling)
    monkeypatch.setattr(built, "cached", False)
    assert same(kept, built.generate(3, 2, TEXTS, sampling))


@pytest.mark.parametrize("name", NAMES)
def test_log_likelihood_equals_the_librarys_logits(name, tiny, folders):
    built = tiny(name)
    tokens = built.generate(3, 3, TEXTS, Sampling())
    for index, text in enumerate(TEXTS):
        codes = [level[index] for level in tokens.codes]
        with torch.no_grad():
            expected = NAIVE[name](folders[name], text, codes)
        one = Tokens(
            codes=tuple(code[None] for code in codes),
            signal_shape=tokens.signal_shape,
            signal_rate=tokens.signal_rate,
        )
        assert float(built.log_likelihood(one, [text])) == pytest.approx(expected, rel=1e-5)
        assert float(built.log_likelihood(tokens, TEXTS)[index]) == pytest.approx(expected, rel=1e-5)


def emu3_naive(folder: Path, text: str, codes: list[torch.Tensor]) -> float:
    """From the logits of the library's model over the whole vocabulary, a code at a time."""
    model = transformers.Emu3ForConditionalGeneration.from_pretrained(folder).eval()
    words = transformers.Emu3Processor.from_pretrained(folder).tokenizer
    (grid,) = codes
    height, width = grid.shape
    start = words.encode(
        f"<|s|>{text} masterpiece, film grained, best quality.<|image start|>", add_special_tokens=False
    )
    ids = [*start, *words.encode(f"{height}*{width}<|image token|>", add_special_tokens=False)]
    images = [words.convert_tokens_to_ids(f"<|visual token {code:06d}|>") for code in range(CODES)]
    total = 0.0
    for row in grid.tolist():
        for code in row:
            chances = model(input_ids=torch.tensor([ids])).logits[0, -1].double().softmax(-1)[images]
            assert float(chances.sum()) < 1  # the text has a part of it
            total += float((chances[code] / chances.sum()).log())
            ids.append(images[code])
        ids.append(words.convert_tokens_to_ids("<|extra_200|>"))
    return total


def janus_naive(folder: Path, text: str, codes: list[torch.Tensor]) -> float:
    model = transformers.JanusForConditionalGeneration.from_pretrained(folder).eval()
    words = transformers.JanusProcessor.from_pretrained(folder).tokenizer
    ids = words.encode(f"<s> <|User|> {text} <|Assistant|><begin_of_image>", add_special_tokens=False)
    seen = model.get_input_embeddings()(torch.tensor([ids]))
    total = 0.0
    for code in codes[0].flatten():
        hidden = model.model.language_model(inputs_embeds=seen).last_hidden_state[:, -1]
        total += float(model.model.generation_head(hidden)[0].double().log_softmax(-1)[code])
        seen = torch.cat([seen, model.prepare_embeddings_for_image_generation(code.view(1, 1))], 1)
    return total


def musicgen_naive(folder: Path, text: str, codes: list[torch.Tensor]) -> float:
    model = transformers.MusicgenForConditionalGeneration.from_pretrained(folder).eval()
    read = transformers.AutoTokenizer.from_pretrained(folder)([text], return_tensors="pt")
    levels, frames = len(codes), len(codes[0])
    shifted = torch.cat([torch.full((levels, 1), CODES), torch.stack(codes)], 1)
    _, pattern = model.decoder.build_delay_pattern_mask(shifted, CODES, max_length=frames + levels)
    total = 0.0
    for step in range(1, frames + levels):
        output = model(input_ids=read.input_ids, decoder_input_ids=pattern[:, :step])
        for level in range(levels):
            if (code := int(pattern[level, step])) != CODES:
                total += float(output.logits[level, -1].double().log_softmax(-1)[code])
    return total


def amused_naive(folder: Path, text: str, codes: list[torch.Tensor]) -> float:
    pipeline = diffusers.AmusedPipeline.from_pretrained(folder)
    ids = pipeline.tokenizer([text], padding="max_length", max_length=12, return_tensors="pt").input_ids
    read = pipeline.text_encoder(ids, output_hidden_states=True)
    total = 0.0
    for hidden in masks_of_all_sizes(SIDE * SIDE, MASKS):
        shown = codes[0].flatten().masked_fill(hidden, CODES + 7).view(1, SIDE, SIDE)
        micro = torch.tensor([[2.0 * SIDE, 2.0 * SIDE, 0, 0, 6]])
        logits = pipeline.transformer(shown, read.hidden_states[-2], read.text_embeds, micro)[0].flatten(1)
        logs = logits.double().log_softmax(0)[codes[0].flatten(), torch.arange(SIDE * SIDE)]
        total += float(logs[hidden].mean()) * SIDE * SIDE / MASKS
    return total


NAIVE = {"emu3": emu3_naive, "janus": janus_naive, "musicgen": musicgen_naive, "amused": amused_naive}


def test_the_chances_of_image_codes_sum_to_one_though_words_have_some(folders):
    one = load(f"emu3={folders['emu3']}", area=64)
    everything = Tokens(codes=(torch.arange(CODES).view(-1, 1, 1),), signal_shape=(3, 8, 8))
    assert float(one.log_likelihood(everything, TEXTS[:1] * CODES).exp().sum()) == pytest.approx(1, abs=1e-6)


def test_emu3_decodes_greedily_as_the_library(folders):
    built = load(f"emu3={folders['emu3']}", **OPTIONS["emu3"], against=FLAWS)
    height, width = built.structure.grids[0]
    processor, words = built.processor, built.processor.tokenizer  # type: ignore[attr-defined]
    prompts = [text + built.quality for text in TEXTS]  # type: ignore[attr-defined]
    images = [words.convert_tokens_to_ids(f"<|visual token {code:06d}|>") for code in range(CODES)]

    def allowed(_: int, ids: torch.Tensor) -> list[int]:
        place = len(ids) - int((ids == words.image_wrapper_token_id).nonzero())
        return [words.eol_token_id] if place % (width + 1) == 0 else images

    form = {"return_for_image_generation": True, "ratio": built.ratio, "image_area": built.area}  # type: ignore[attr-defined]
    for text, codes in zip(prompts, built.generate(3, 0, TEXTS, GREEDY).codes[0], strict=True):
        read, against = (processor(text=[one], **form, return_tensors="pt") for one in (text, FLAWS))
        found = built.model.generate(
            input_ids=read["input_ids"],
            attention_mask=read["attention_mask"],
            max_new_tokens=height * (width + 1),
            prefix_allowed_tokens_fn=allowed,
            negative_prompt_ids=against["input_ids"],
            negative_prompt_attention_mask=against["attention_mask"],
            guidance_scale=GREEDY.guidance,
            do_sample=False,
        )[:, read["input_ids"].shape[1] :]
        grid = built.model.vocabulary_mapping.convert_bpe2img(found.view(height, width + 1))
        assert torch.equal(grid, codes)


def test_janus_decodes_greedily_as_the_library(tiny, monkeypatch):
    built = tiny("janus")
    # The published configuration has it; the library forgets it where it saves one.
    boi = {"boi_token_id": built.processor.tokenizer.boi_token_id}
    monkeypatch.setattr(built.model.generation_config, "generation_kwargs", boi, raising=False)
    for text, codes in zip(TEXTS, built.generate(3, 0, TEXTS, GREEDY).codes[0], strict=True):
        ids = built.prompt(text)[0][None]
        found = built.model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            generation_mode="image",
            guidance_scale=GREEDY.guidance,
            do_sample=False,
        )
        assert torch.equal(found.view(SIDE, SIDE), codes)


@pytest.mark.parametrize("texts", [TEXTS, None], ids=["text", "none"])
def test_musicgen_decodes_greedily_as_the_library(texts, tiny):
    built = tiny("musicgen")
    if texts is None:
        read, sampling = built.model.get_unconditional_inputs(3), Sampling(temperature=0)
    else:
        read, sampling = built.words(texts, padding=True, return_tensors="pt"), GREEDY
    found = built.model.generate(
        **{**read, "guidance_scale": sampling.guidance}, do_sample=False, max_new_tokens=5 + 4 - 1
    )
    waves = built.decode(built.generate(3, 0, texts, sampling))
    torch.testing.assert_close(waves.samples, found, atol=1e-5, rtol=0)


def test_amused_samples_as_the_pipeline(tiny, folders):
    built = tiny("amused")
    pipeline = diffusers.AmusedPipeline.from_pretrained(folders["amused"])
    pipeline.set_progress_bar_config(disable=True)
    for index, (text, codes) in enumerate(zip(TEXTS, built.generate(3, 4, TEXTS).codes[0], strict=True)):
        found = pipeline(text, num_inference_steps=4, generator=_generator(4, index), output_type="latent")
        assert torch.equal(found.images[0], codes)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("sampling", "least"), [(Sampling(temperature=0), 1), (Sampling(top_k=2), 2), (Sampling(top_p=1e-9), 1)]
)
def test_sampling_overrides_what_is_published(name, sampling, least, tiny):
    built = tiny(name)
    drawn = {tuple(built.generate(1, seed, TEXTS[:1], sampling).codes[0].flatten().tolist()) for seed in range(3)}
    # aMUSEd chooses at random which codes to keep, whatever they are drawn from.
    assert len(drawn) >= least if least > 1 or name == "amused" else len(drawn) == 1


@pytest.mark.parametrize("name", UNCONDITIONAL)
def test_without_conditions_nothing_is_guided(name, tiny):
    built = tiny(name)
    published = built.recommended
    plain = Sampling(published.temperature, published.top_k, published.top_p)
    assert same(built.generate(2, 0), built.generate(2, 0, sampling=plain))
    assert torch.isfinite(built.log_likelihood(built.generate(2, 0))).all()
    with pytest.raises(BenchError, match="guidance needs conditions"):
        built.generate(2, 0, sampling=Sampling(guidance=2))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("n", "conditions", "message"),
    [
        (0, [], "at least one sample"),
        (2, ["a"], "1 conditions for 2 samples"),
        (1, "a", "wants a sequence of texts, one per sample, not str"),
        (1, torch.tensor([3]), "wants a sequence of texts, one per sample, not Tensor"),
    ],
)
def test_wrong_conditions_are_refused(name, n, conditions, message, tiny):
    with pytest.raises(BenchError, match=message):
        tiny(name).generate(n, 0, conditions)


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(UNCONDITIONAL)))
def test_a_text_is_needed_where_there_is_no_model_without(name, tiny):
    with pytest.raises(BenchError, match="generates from text only; give conditions"):
        tiny(name).generate(1, 0)


def test_foreign_tokens_are_refused(tiny):
    with pytest.raises(TokenError, match=r"\(\(2, 2\),\) do not fit Janus, which is set to \(\(4, 4\),\)"):
        tiny("janus").log_likelihood(Tokens(codes=(torch.zeros(1, 2, 2, dtype=torch.int64),)), ["a"])
    with pytest.raises(TokenError, match="1 levels of codes for 4"):
        tiny("musicgen").log_likelihood(Tokens(codes=(torch.zeros(1, 2, dtype=torch.int64),)), ["a"])


def test_padding_after_a_clip_costs_nothing(tiny):
    built = tiny("musicgen")
    short = built.generate(1, 0, TEXTS[:1])
    padded = [torch.cat([code, torch.ones(1, 3, dtype=torch.int64)], 1) for code in short.codes]
    tokens = Tokens(codes=tuple(padded), lengths=(torch.tensor([5]),) * 4)
    torch.testing.assert_close(built.log_likelihood(tokens, TEXTS[:1]), built.log_likelihood(short, TEXTS[:1]))


@pytest.mark.parametrize("name", NAMES)
def test_half_precision_leaves_the_angles_of_positions(name, folders):
    built = load(f"{name}={folders[name]}", **OPTIONS.get(name, {})).to(torch.device("cpu"), torch.bfloat16)
    assert {p.dtype for p in built.model.parameters()} == {torch.bfloat16}
    angles = [b.dtype for n, b in built.model.named_buffers() if n.endswith("inv_freq")]
    assert set(angles) == ({torch.float32} if name in ("emu3", "janus") else set())
    tokens = built.generate(2, 0, TEXTS[:2])
    assert torch.isfinite(built.log_likelihood(tokens, TEXTS[:2])).all()
    built.decode(tokens)


def remove(*names: str) -> Any:
    return lambda folder: [(folder / name).unlink() for name in names]


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        (
            "emu3",
            remove("processor_config.json"),
            "no processor_config.json or preprocessor_config.json; save the proc",
        ),
        ("janus", remove("chat_template.jinja"), "no chat template"),
        ("janus", remove("model.safetensors"), "no weights; save_pretrained writes"),
        ("musicgen", remove("tokenizer.json"), "no tokenizer.json or spiece.model; save the text's tokenizer"),
        ("musicgen", remove("config.json"), "give the folder that save_pretrained wrote"),
        ("amused", remove("scheduler/scheduler_config.json"), "scheduler_config.json; save the whole pipeline"),
        ("amused", remove("vqvae/config.json"), "no config.json in it"),
    ],
)
def test_an_incomplete_checkpoint_is_told_with_the_remedy(name, damage, message, folders, tmp_path):
    folder = shutil.copytree(folders[name], tmp_path / name)
    damage(folder)
    with pytest.raises(BenchError, match=message):
        load(f"{name}={folder}")


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("musicgen", {"channels": 2}, "2 channels, whose codes of left and right are interleaved"),
        ("emu3", {"lost": "<|extra_200|>"}, "32 image codes, or no end of a row"),
        ("emu3", {"lost": "<|visual token 000003|>"}, "the vocabulary has 31 image codes"),
    ],
)
def test_a_checkpoint_that_cannot_be_measured_is_refused(name, changes, message, tmp_path):
    with pytest.raises(BenchError, match=message):
        load(f"{name}={save(name, tmp_path / name, **changes)}")


def test_another_models_checkpoint_is_refused(folders):
    with pytest.raises(BenchError, match="a checkpoint of emu3, not of JanusForConditionalGeneration"):
        load(f"janus={folders['emu3']}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("emu3", "NAME=PATH"),
        ("raster", "raster"),
        ("janus-pro-1b@size=3", "unexpected keyword argument 'size'; janus-pro-1b takes: path, repo"),
    ],
)
def test_a_wrong_name_is_told(text, message):
    with pytest.raises(BenchError, match=message):
        load(text)


@pytest.fixture
def cached(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty cache of the hub."""
    empty_cache(monkeypatch, tmp_path / "hub")
    return tmp_path / "hub"


@pytest.mark.parametrize("entry", [one for one in ENTRIES if one.weights], ids=lambda one: one.name)
def test_a_missing_checkpoint_is_told_with_the_remedy(entry, cached):
    with pytest.raises(Unavailable, match=rf"offline\); run: bench fetch {entry.name}$"):
        load(entry.name, offline=True)


@pytest.mark.parametrize("name", NAMES)
def test_a_fetched_checkpoint_is_read_offline(name, tiny, folders, cached, monkeypatch):
    spec, files = f"{name}@repo=me/tiny", tiny(name).files
    assert not files.present("me/tiny")
    with serving(folders[name]) as address:
        use(monkeypatch, address)
        assert fetch_names((spec,), everything=False) == 0
    assert files.present("me/tiny")
    built = load(spec, **OPTIONS.get(name, {}), offline=True)
    assert (built.revision, built.weights) == (COMMIT, tiny(name).weights)
    assert same(built.generate(1, 0, ["a"]), tiny(name).generate(1, 0, ["a"]))
    lost = {"amused": "tokenizer/tokenizer_config.json"}.get(name, "tokenizer_config.json")
    (cached / "models--me--tiny" / "snapshots" / COMMIT / lost).unlink()
    with pytest.raises(Unavailable, match=f"no {lost}; run: hf download me/tiny"):
        load(spec, offline=True)
    with serving(folders[name]) as address:
        use(monkeypatch, address)
        assert load(spec, **OPTIONS.get(name, {})).revision == COMMIT


def test_every_family_says_what_it_is(tiny):
    for name in NAMES:
        built = tiny(name)
        assert isinstance(built, PretrainedBackbone)
        assert built.wants == "text" and built.speaks and built.modality in ("image", "audio")
        assert bool(built.bound) == (name == "amused")
