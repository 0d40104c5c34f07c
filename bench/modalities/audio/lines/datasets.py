"""Registry lines of the datasets of audio."""

from bench.registry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        name="asterisk-prompts",
        target="bench.modalities.audio.datasets.asterisk_prompts:AsteriskPrompts",
        summary="telephone prompts with transcripts, one speaker per language (@en, es, fr, it, ru), from Debian's "
        "packages or --data PATH; 16 kHz, stored in G.722, which is lossy and ends at 7 kHz; "
        "en: 20 of 2 to 6 s, and 511 others to fit on; @split=all measures on all 537",
        positional="language",
        modality="audio",
        source="https://packages.debian.org/source/stable/asterisk-core-sounds",
        license="CC BY-SA 3.0 (en, es, fr), CC BY 3.0 (it, ru) per Debian's copyright file",
        extra="audio",
    ),
    Entry(
        name="librispeech",
        target="bench.modalities.audio.datasets.librispeech:LibriSpeech",
        summary="read English audiobooks with transcripts: a subset's folder, such as test-clean (--data PATH)",
        positional="data",
        modality="audio",
        source="https://www.openslr.org/12",
        license="CC BY 4.0",
        extra="audio",
    ),
    Entry(
        name="audio-folder",
        target="bench.modalities.audio.datasets.audio_folder:AudioFolder",
        summary="any folder of audio files, searched recursively (--data PATH); "
        "transcripts.tsv or a .txt beside each file",
        positional="data",
        modality="audio",
        source="your files",
        license="that of the files",
        extra="audio",
    ),
)
