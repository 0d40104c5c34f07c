"""Tiny recognizers of the real classes with random weights, saved with their processors as their publishers do."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from transformers import (
    GenerationConfig,
    Wav2Vec2Config,
    Wav2Vec2CTCTokenizer,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForCTC,
    Wav2Vec2Processor,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperProcessor,
    WhisperTokenizer,
)

LANGUAGES = ("en", "fr")
LETTERS, LENGTH = 95, 24
TASKS = ("translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps")
SPECIAL = ("endoftext", "startoftranscript", *LANGUAGES, *TASKS)
TIMES = 1501


def whisper_tokens() -> dict[str, int]:
    """Return printable ASCII, then Whisper's special tokens in its order, then its timestamps."""
    plain = ["Ġ", *(chr(code) for code in range(33, 127))]
    special = [f"<|{name}|>" for name in SPECIAL]
    times = [f"<|{0.02 * step:.2f}|>" for step in range(TIMES)]
    return {token: at for at, token in enumerate([*plain, *special, *times])}


def save_whisper(folder: Path, multilingual: bool = True) -> Path:
    """Save a multilingual or English-only Whisper that writes up to ``LENGTH`` tokens per window."""
    torch.manual_seed(0)
    tokens = whisper_tokens()
    special = {name: tokens[f"<|{name}|>"] for name in SPECIAL}
    start, end = special["startoftranscript"], special["endoftext"]
    config = WhisperConfig(
        vocab_size=len(tokens),
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        max_target_positions=64,
        init_std=0.5,
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        decoder_start_token_id=start,
        suppress_tokens=None,
        begin_suppress_tokens=None,
    )
    model = WhisperForConditionalGeneration(config).eval()
    model.model.decoder.embed_tokens.weight.data[LETTERS:] *= 0.01  # letters are likelier than what is special
    model.generation_config = GenerationConfig(
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        decoder_start_token_id=start,
        max_length=LENGTH,
        is_multilingual=multilingual,
        no_timestamps_token_id=special["notimestamps"],
        prev_sot_token_id=special["startofprev"],
        max_initial_timestamp_index=50,
        suppress_tokens=[],
        begin_suppress_tokens=[end],
        **(
            {
                "lang_to_id": {f"<|{name}|>": special[name] for name in LANGUAGES},
                "task_to_id": {name: special[name] for name in TASKS[:2]},
            }
            if multilingual
            else {}
        ),
    )
    tokenizer = WhisperTokenizer(
        vocab={token: at for token, at in tokens.items() if at <= special["endoftext"]}, merges=[]
    )
    tokenizer.add_special_tokens(
        {"additional_special_tokens": [token for token, at in tokens.items() if end < at <= special["notimestamps"]]}
    )
    tokenizer.add_tokens([token for token, at in tokens.items() if at > special["notimestamps"]])
    model.save_pretrained(folder)
    WhisperProcessor(WhisperFeatureExtractor(feature_size=80), tokenizer).save_pretrained(folder)
    return folder


def save_wav2vec2(folder: Path) -> Path:
    """Save a wav2vec 2.0 with the letters of the pretrained one."""
    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    letters = ["<pad>", "<s>", "</s>", "<unk>", "|", *"ETAONIHSRDLUMWCFGYPBVK'XJQZ"]
    vocabulary = folder / "vocab.json"
    vocabulary.write_text(json.dumps({letter: at for at, letter in enumerate(letters)}))
    config = Wav2Vec2Config(
        vocab_size=len(letters),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        conv_dim=(8,) * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
        pad_token_id=0,
        initializer_range=0.5,
    )
    model = Wav2Vec2ForCTC(config).eval()
    model.lm_head.bias.data[0] = 0.0
    model.save_pretrained(folder)
    Wav2Vec2Processor(
        Wav2Vec2FeatureExtractor(feature_size=1, sampling_rate=16000, do_normalize=True),
        Wav2Vec2CTCTokenizer(str(vocabulary)),
    ).save_pretrained(folder)
    return folder
