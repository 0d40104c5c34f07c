"""Registry lines of pretrained tokenizers: one per model class, for NAME=PATH, and the known checkpoints."""

from __future__ import annotations

from typing import Any

from bench.registry import Entry

_KL = "bench.modalities.image.tokenizers.diffusers_autoencoders:AutoencoderKL"
_TINY = "bench.modalities.image.tokenizers.diffusers_autoencoders:AutoencoderTiny"
_DC = "bench.modalities.image.tokenizers.diffusers_autoencoders:AutoencoderDC"
_VQ = "bench.modalities.image.tokenizers.diffusers_vq:VQModel"
_JANUS = "bench.modalities.image.tokenizers.transformers_vq:JanusVQ"
_EMU3 = "bench.modalities.image.tokenizers.transformers_vq:Emu3VQ"

_DISCRETE = {_VQ, _JANUS, _EMU3}

_LLAMAGEN = {"codebook_size": 16384, "codebook_embed_dim": 8, "codebook_l2_norm": True, "z_channels": 256}
_DS16 = _LLAMAGEN | {"encoder_ch_mult": [1, 1, 2, 2, 4], "decoder_ch_mult": [1, 1, 2, 2, 4]}
_DS8 = _LLAMAGEN | {"encoder_ch_mult": [1, 2, 2, 4], "decoder_ch_mult": [1, 2, 2, 4]}
"""ModelArgs of LlamaGen's vq_model.py. Its evaluation takes the moving average where a file holds one."""

_TAMING_F16 = {
    "embed_dim": 256,
    "ddconfig": {
        "double_z": False,
        "z_channels": 256,
        "resolution": 256,
        "in_channels": 3,
        "out_ch": 3,
        "ch": 128,
        "ch_mult": [1, 1, 2, 2, 4],
        "num_res_blocks": 2,
        "attn_resolutions": [16],
    },
}
"""``model.params`` of taming-transformers' f16 models, whatever their number of entries."""

_TAMING = "Esser et al. 2021, arXiv 2012.09841; github.com/CompVis/taming-transformers"
_SUN = "Sun et al. 2024, arXiv 2406.06525; github.com/FoundationVision/LlamaGen"
_LDM = "Rombach et al. 2022, arXiv 2112.10752"
_DCAE = "Chen et al. 2024, arXiv 2410.10733; github.com/mit-han-lab/efficientvit"
_TAESD = "github.com/madebyollin/taesd"


def _extra(target: str) -> str | None:
    """What a model class needs beside transformers, which is always there."""
    return None if target in (_JANUS, _EMU3) else "hf"


def _class(
    name: str,
    target: str,
    summary: str,
    source: str,
    license: str = "the checkpoint's",
    /,
    **args: Any,
) -> Entry:
    """A model class, or one of its configurations; by default the license is that of the checkpoint it is given."""
    return Entry(
        name,
        target,
        f"{summary}; {name}=PATH",
        args=args,
        modality="image",
        tokens="discrete" if target in _DISCRETE else "continuous",
        source=source,
        license=license,
        extra=_extra(target),
        local=True,
    )


def _checkpoint(
    name: str, target: str, hub: str, summary: str, source: str, license: str, /, file: str = "", **more: Any
) -> Entry:
    """A checkpoint on the hub: ``OWNER/NAME[/SUBFOLDER]``, or a file there that has a name of its own."""
    owner, model, *inside = hub.split("/", 2)
    args: dict[str, Any] = {"repo": f"{owner}/{model}"} | ({"subfolder": inside[0]} if inside else {})
    args |= {"file": file} if file else {}
    return Entry(
        name,
        target,
        summary,
        args=args | more,
        modality="image",
        tokens="discrete" if target in _DISCRETE else "continuous",
        source=f"{source}; huggingface.co/{owner}/{model}",
        license=license,
        weights=(f"hf:{hub}/{file}" if file else f"hf:{hub}",),
        extra=_extra(target),
        local=True,
    )


PRETRAINED: tuple[Entry, ...] = (
    _class("autoencoder-kl", _KL, "diffusers AutoencoderKL", _LDM),
    _class("autoencoder-tiny", _TINY, "diffusers AutoencoderTiny", _TAESD),
    _class("autoencoder-dc", _DC, "diffusers AutoencoderDC", _DCAE),
    _class("vq-model", _VQ, "diffusers VQModel", "Esser et al. 2021, arXiv 2012.09841"),
    _class("janus-vq", _JANUS, "transformers JanusVQVAE, and LlamaGen's VQ", "Sun et al. 2024, arXiv 2406.06525"),
    _class("emu3-vq", _EMU3, "transformers Emu3VQVAE on single images", "Wang et al. 2024, arXiv 2409.18869"),
    _checkpoint(
        "sd-vae",
        _KL,
        "CompVis/stable-diffusion-v1-4/vae",
        "Stable Diffusion 1's original VAE: kl-f8, 4 channels",
        _LDM,
        "CreativeML Open RAIL-M",
    ),
    _checkpoint(
        "sd-vae-ft-ema",
        _KL,
        "stabilityai/sd-vae-ft-ema",
        "kl-f8 with the decoder fine-tuned, EMA weights",
        _LDM,
        "MIT",
    ),
    _checkpoint(
        "sd-vae-ft-mse",
        _KL,
        "stabilityai/sd-vae-ft-mse",
        "kl-f8 with the decoder fine-tuned further, more weight on MSE",
        _LDM,
        "MIT",
    ),
    _checkpoint(
        "sdxl-vae",
        _KL,
        "stabilityai/sdxl-vae",
        "Stable Diffusion XL's VAE: f8, 4 channels; overflows in float16",
        "Podell et al. 2023, arXiv 2307.01952",
        "MIT",
    ),
    _checkpoint(
        "flux-vae",
        _KL,
        "black-forest-labs/FLUX.1-schnell/vae",
        "FLUX.1's VAE: f8, 16 channels; the hub may ask to accept its terms",
        "github.com/black-forest-labs/flux",
        "Apache-2.0",
    ),
    _checkpoint("taesd", _TINY, "madebyollin/taesd", "tiny autoencoder for the latents of sd-vae", _TAESD, "MIT"),
    _checkpoint("taesdxl", _TINY, "madebyollin/taesdxl", "tiny autoencoder for the latents of sdxl-vae", _TAESD, "MIT"),
    _checkpoint("taef1", _TINY, "madebyollin/taef1", "tiny autoencoder for the latents of flux-vae", _TAESD, "MIT"),
    *(
        _checkpoint(
            f"dc-ae-{shape}-{data}",
            _DC,
            f"mit-han-lab/dc-ae-{shape}-{data}-1.0-diffusers",
            f"deep-compression autoencoder {shape} trained on {corpus}",
            _DCAE,
            "Apache-2.0",
        )
        for shape in ("f32c32", "f64c128", "f128c512")
        for data, corpus in (("in", "ImageNet"), ("mix", "a mixture of datasets"))
    ),
    _checkpoint(
        "dc-ae-f32c32-sana",
        _DC,
        "mit-han-lab/dc-ae-f32c32-sana-1.0-diffusers",
        "deep-compression autoencoder f32c32 of SANA",
        f"{_DCAE}; Xie et al. 2024, arXiv 2410.10629",
        "Apache-2.0",
    ),
    _checkpoint(
        "movq",
        _VQ,
        "kandinsky-community/kandinsky-2-2-decoder/movq",
        "MoVQGAN f8 of Kandinsky 2.2, 16384 entries",
        "Zheng et al. 2022, arXiv 2209.09002; github.com/ai-forever/MoVQGAN",
        "Apache-2.0",
    ),
    _checkpoint(
        "amused-vq",
        _VQ,
        "amused/amused-512/vqvae",
        "VQGAN f16 of aMUSEd, 8192 entries",
        "Patil et al. 2024, arXiv 2401.01808",
        "CreativeML Open RAIL++-M",
    ),
    _checkpoint(
        "llamagen-vq-ds16",
        _JANUS,
        "FoundationVision/vq-ds16-c2i",
        "LlamaGen's VQ f16 for ImageNet, 16384 entries",
        "Sun et al. 2024, arXiv 2406.06525",
        "MIT",
        config=_DS16,
        weights="ema-if-any",
    ),
    _checkpoint(
        "llamagen-vq-ds8",
        _JANUS,
        "FoundationVision/LlamaGen",
        "LlamaGen's VQ f8 for ImageNet, 16384 entries",
        _SUN,
        "MIT",
        file="vq_ds8_c2i.pt",
        config=_DS8,
        weights="ema-if-any",
    ),
    _checkpoint(
        "llamagen-vq",
        _JANUS,
        "FoundationVision/LlamaGen",
        "LlamaGen's VQ f16 for ImageNet as its authors publish it, 16384 entries",
        _SUN,
        "MIT",
        file="vq_ds16_c2i.pt",
        config=_DS16,
        weights="ema-if-any",
    ),
    _checkpoint(
        "llamagen-vq-ds16-t2i",
        _JANUS,
        "peizesun/llamagen_t2i",
        "LlamaGen's VQ f16 for text to image, 16384 entries",
        _SUN,
        "not stated; the code is MIT",
        file="vq_ds16_t2i.pt",
        config=_DS16,
        weights="ema-if-any",
    ),
    _class(
        "vqgan",
        _VQ,
        "taming-transformers' VQGAN f16, or that of the YAML file beside it",
        _TAMING,
        config=_TAMING_F16,
    ),
    *(
        _class(
            f"vqgan-f16-{entries}",
            _VQ,
            f"taming-transformers' VQGAN f16 for ImageNet, {entries} entries",
            _TAMING,
            "not stated; the code is MIT",
            config=_TAMING_F16 | {"n_embed": entries},
            weights="raw",
        )
        for entries in (1024, 16384)
    ),
    _checkpoint(
        "janus-pro-vq",
        _JANUS,
        "deepseek-community/Janus-Pro-1B",
        "VQ f16 within Janus-Pro 1B, 16384 entries; the whole model is fetched",
        "Chen et al. 2025, arXiv 2501.17811",
        "DeepSeek Model License",
    ),
    _checkpoint(
        "emu3-vision-tokenizer",
        _EMU3,
        "BAAI/Emu3-VisionTokenizer",
        "Emu3's vision tokenizer f8, 32768 entries, on single images",
        "Wang et al. 2024, arXiv 2409.18869; github.com/baaivision/Emu3",
        "Apache-2.0",
    ),
)
