"""Registry lines of the speech recognizers."""

from __future__ import annotations

from bench.registry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "pocketsphinx",
        "bench.modalities.audio.recognizers.pocketsphinx:PocketSphinx",
        "CMU PocketSphinx, US English model in its wheel; for comparing systems, not for reported error rates",
        modality="audio",
        source="Huggins-Daines et al. 2006; github.com/cmusphinx/pocketsphinx",
        license="BSD-2-Clause; model BSD",
        extra="audio",
    ),
    Entry(
        "whisper",
        "bench.modalities.audio.recognizers.whisper:Whisper",
        "OpenAI's Whisper by transformers: whisper@large-v3, whisper@OWNER/NAME, whisper=PATH",
        positional="model",
        modality="audio",
        source="Radford et al. 2022, arXiv 2212.04356; huggingface.co/openai",
        license="Apache-2.0 or MIT, as the checkpoint says",
        extra="audio",
        local=True,
    ),
    Entry(
        "wav2vec2-ctc",
        "bench.modalities.audio.recognizers.wav2vec2:Wav2Vec2CTC",
        "wav2vec 2.0 with letters by CTC, best path: facebook/wav2vec2-base-960h, or @OWNER/NAME, =PATH",
        positional="model",
        modality="audio",
        source="Baevski et al. 2020, arXiv 2006.11477; huggingface.co/facebook/wav2vec2-base-960h",
        license="Apache-2.0, or as the checkpoint says",
        extra="audio",
        local=True,
    ),
    Entry(
        "transcripts",
        "bench.modalities.audio.recognizers.transcript_file:TranscriptFile",
        "transcripts made elsewhere: transcripts=FILE.tsv with the columns id and text, and side and system if need be",
        modality="audio",
        source="your file",
        local=True,
    ),
)
