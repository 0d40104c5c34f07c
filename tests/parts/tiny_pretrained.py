"""Tiny checkpoints of pretrained backbones: the real classes with real tokenizers, written by save_pretrained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers

CODES = 32
SIDE = 4
"""Codes per side of the images of Janus and aMUSEd."""
WORDS = ["a", "the", "red", "green", "blue", "cat", "dog", "sings", ",", ".", "masterpiece", "film", "grained", "best"]
_LLAMA = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "initializer_range": 0.3,
}
_JANUS_TEMPLATE = (
    "<s> {% for m in messages %}<|User|> {{ m['content'][0]['text'] }} {% endfor %}"
    "{% if add_generation_prompt %}<|Assistant|>{% endif %}"
)


def words(special: dict[str, str], codes: int = 0, **named: str) -> Any:
    """Build a tokenizer of whole words and single digits, with special and image tokens."""
    everything = [*special.values(), *named.values(), *WORDS, *"0123456789*"]
    everything += [f"<|visual token {code:06d}|>" for code in range(codes)]
    vocabulary = {word: index for index, word in enumerate(dict.fromkeys(everything))}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token=special["unk_token"]))
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Whitespace(), pre_tokenizers.Digits(individual_digits=True)]
    )
    return transformers.PreTrainedTokenizerFast(tokenizer_object=core, **special, extra_special_tokens=named)


def emu3(folder: Path, lost: str = "") -> None:
    special = {"bos_token": "<|s|>", "eos_token": "<|e|>", "pad_token": "<|p|>", "unk_token": "<|u|>"}
    named = {
        "image_token": "<image>",
        "boi_token": "<|image start|>",
        "eoi_token": "<|image end|>",
        "image_wrapper_token": "<|image token|>",
        "eof_token": "<|extra_201|>",
        "eol_token": "<|extra_200|>",
    }
    tokenizer = words(special, CODES, **named)
    config = transformers.Emu3Config(
        vq_config={
            "base_channels": 32,
            "channel_multiplier": [1, 1, 1, 1],
            "num_res_blocks": 1,
            "attn_resolutions": [1],
            "hidden_size": 32,
            "codebook_size": CODES,
        },
        text_config={
            **_LLAMA,
            "vocab_size": len(tokenizer),
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        },
        vocabulary_map={word: index for word, index in tokenizer.get_vocab().items() if word != lost},
    )
    transformers.Emu3ForConditionalGeneration(config).save_pretrained(folder)
    transformers.Emu3Processor(transformers.Emu3ImageProcessor(), tokenizer).save_pretrained(folder)


def janus(folder: Path) -> None:
    special = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    named = {
        "image_token": "<image_placeholder>",
        "boi_token": "<begin_of_image>",
        "eoi_token": "<end_of_image>",
        "user": "<|User|>",
        "assistant": "<|Assistant|>",
    }
    tokenizer = words(special, 0, **named)
    vision = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 16 * SIDE}
    config = transformers.JanusConfig(
        text_config={"model_type": "llama", **_LLAMA, "vocab_size": len(tokenizer)},
        vision_config={**vision, "patch_size": 16, "projection_dim": 32, "num_image_tokens": SIDE * SIDE},
        vq_config={
            "base_channels": 32,
            "channel_multiplier": [1, 1],
            "num_res_blocks": 1,
            "latent_channels": 8,
            "num_embeddings": CODES,
            "projection_dim": 32,
            "image_token_embed_dim": 32,
            "initializer_range": 0.3,
        },
        image_token_id=tokenizer.image_token_id,
    )
    model = transformers.JanusForConditionalGeneration(config)
    settings = model.generation_config
    settings.bos_token_id, settings.eos_token_id = tokenizer.bos_token_id, tokenizer.eos_token_id
    settings.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(folder)
    images = transformers.JanusImageProcessor()
    transformers.JanusProcessor(images, tokenizer, chat_template=_JANUS_TEMPLATE).save_pretrained(folder)


def musicgen(folder: Path, channels: int = 1) -> None:
    tokenizer = words({"eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"})
    reader = {"vocab_size": len(tokenizer), "d_model": 24, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2}
    books = 4 * channels
    config = transformers.MusicgenConfig(
        text_encoder={"model_type": "t5", **reader, "initializer_factor": 3.0},
        audio_encoder={
            "model_type": "encodec",
            "num_filters": 2,
            "hidden_size": 16,
            "codebook_size": CODES,
            "num_lstm_layers": 1,
            "sampling_rate": 32000,
            "upsampling_ratios": [8, 5, 4, 4],
            "target_bandwidths": [1.0],  # four books of five bits at 50 Hz
        },
        decoder={
            "model_type": "musicgen_decoder",
            "vocab_size": CODES,
            "hidden_size": 32,
            "ffn_dim": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_codebooks": books,
            "audio_channels": channels,
            "pad_token_id": CODES,
            "bos_token_id": CODES,
            "initializer_factor": 0.4,
        },
    )
    model = transformers.MusicgenForConditionalGeneration(config)
    for name, tensor in model.audio_encoder.state_dict().items():
        if name.endswith((".embed", ".embed_avg")):
            tensor.normal_(std=0.1)
    settings = model.generation_config
    settings.decoder_start_token_id = settings.pad_token_id = settings.bos_token_id = CODES
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def amused(folder: Path) -> None:
    special = {"bos_token": "<|s|>", "eos_token": "<|e|>", "pad_token": "<|p|>", "unk_token": "<|u|>"}
    tokenizer = words(special)
    tokenizer.model_max_length = 12
    reader = transformers.CLIPTextModelWithProjection(
        transformers.CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=32,
            projection_dim=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=12,
            initializer_factor=5.0,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    codec = diffusers.VQModel(
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(8, 16),
        norm_num_groups=4,
        latent_channels=4,
        num_vq_embeddings=CODES,
        lookup_from_codebook=True,
    )
    codec.quantize.embedding.weight.data.normal_(std=0.3)
    transformer = diffusers.UVit2DModel(
        hidden_size=32,
        cond_embed_dim=16,
        micro_cond_encode_dim=4,
        micro_cond_embed_dim=20,
        encoder_hidden_size=32,
        vocab_size=CODES + 8,
        codebook_size=CODES,
        in_channels=16,
        block_out_channels=16,
        num_res_blocks=1,
        block_num_heads=2,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        sample_size=SIDE,
    )
    scheduler = diffusers.AmusedScheduler(mask_token_id=CODES + 7)
    pipeline = diffusers.AmusedPipeline(codec, tokenizer, reader, transformer, scheduler)
    pipeline.save_pretrained(folder)


SAVE: dict[str, Callable[..., None]] = {"emu3": emu3, "janus": janus, "musicgen": musicgen, "amused": amused}
OPTIONS: dict[str, dict[str, Any]] = {
    "emu3": {"area": 40 * 24, "ratio": "5:3"},  # 3 rows of 5 codes
    "musicgen": {"seconds": 0.1},  # 5 frames
    "amused": {"steps": 4},
}


def save(name: str, folder: Path, **changes: Any) -> Path:
    """Write a tiny checkpoint and return its folder."""
    torch.manual_seed(0)
    SAVE[name](folder, **changes)
    return folder
