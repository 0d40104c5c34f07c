"""Registry lines of the tasks."""

from __future__ import annotations

from bench.registry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "image-recon",
        "bench.tasks.image_recon:ImageReconstruction",
        "What an image tokenizer loses, at what rate, and how fast",
        modality="image",
    ),
    Entry(
        "image-generation",
        "bench.tasks.image_generation:ImageGeneration",
        "How far generated images are from real ones as a set (--samples, --reference)",
        modality="image",
    ),
    Entry(
        "audio-recon",
        "bench.tasks.audio_recon:AudioReconstruction",
        "What a tokenizer of speech loses to listeners and recognisers, at what rate, and how fast",
        modality="audio",
        extra="audio",
    ),
    Entry(
        "token-modelling",
        "bench.tasks.token_modelling:TokenModelling",
        "How learnable the tokens of images are: held-out likelihood of a probe, or of a backbone, in bits a pixel",
        modality="image",
    ),
    Entry(
        "ntp-probe",
        "bench.tasks.ntp_probe:NtpProbe",
        "What a small model makes of a tokenizer's tokens: likelihood and generated images, beside reconstruction",
        modality="image",
    ),
    Entry(
        "audio-token-modelling",
        "bench.tasks.audio_token_modelling:AudioTokenModelling",
        "How learnable the tokens of sound are: held-out likelihood of a probe, or of a backbone, in kbit/s",
        modality="audio",
        extra="audio",
    ),
    Entry(
        "audio-ntp-probe",
        "bench.tasks.audio_ntp_probe:AudioProbe",
        "How well a small probe goes on in the tokens of sound: held-out likelihood, and continuations judged alone",
        modality="audio",
        extra="audio",
    ),
)
