"""The built-in datasets."""

from bench.registry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        name="skimage-photos",
        target="bench.datasets.skimage_photos:SkimagePhotos",
        summary="photographs installed with scikit-image: 29 crops of 256x256 from 8, and 6 others to fit on",
        modality="image",
        source="https://scikit-image.org/docs/stable/api/skimage.data.html",
        licence="CC0 or public domain per scikit-image's documentation; coins: no known copyright restrictions; "
        "moon and the fit split's motorcycle (Middlebury 2014 stereo): none stated",
    ),
    Entry(
        name="image-folder",
        target="bench.datasets.image_folder:ImageFolder",
        summary="any folder of images, searched recursively (--data PATH); centre crop of 256x256 as ADM makes it",
        positional="data",
        modality="image",
        licence="that of the images",
        source="your files",
    ),
    Entry(
        name="image-splits",
        target="bench.datasets.image_splits:ImageSplits",
        summary="a folder of val/ to measure on and train/ to learn from (--data PATH); folders in them are classes",
        positional="data",
        modality="image",
        licence="that of the images",
        source="your files",
    ),
    Entry(
        name="asterisk-prompts",
        target="bench.datasets.asterisk_prompts:AsteriskPrompts",
        summary="telephone prompts with transcripts, one speaker a language (@en, es, fr, it, ru), from Debian's "
        "packages or --data PATH; 16 kHz, stored in G.722, which is lossy and ends at 7 kHz; "
        "en: 20 of 2 to 6 s, and 511 others to fit on; @split=all measures on all 537",
        positional="language",
        modality="audio",
        source="https://packages.debian.org/source/stable/asterisk-core-sounds",
        licence="CC BY-SA 3.0 (en, es, fr), CC BY 3.0 (it, ru) per Debian's copyright file",
        extra="audio",
    ),
    Entry(
        name="librispeech",
        target="bench.datasets.librispeech:LibriSpeech",
        summary="read English audiobooks with transcripts: a subset's folder, such as test-clean (--data PATH)",
        positional="data",
        modality="audio",
        source="https://www.openslr.org/12",
        licence="CC BY 4.0",
        extra="audio",
    ),
    Entry(
        name="audio-folder",
        target="bench.datasets.audio_folder:AudioFolder",
        summary="any folder of sound files, searched recursively (--data PATH); "
        "transcripts.tsv or a .txt beside each file",
        positional="data",
        modality="audio",
        source="your files",
        licence="that of the files",
        extra="audio",
    ),
)
