"""Registry lines of the datasets of images."""

from bench.registry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        name="skimage-photos",
        target="bench.modalities.image.datasets.skimage_photos:SkimagePhotos",
        summary="photographs installed with scikit-image: 29 crops of 256x256 from 8, and 6 others to fit on",
        modality="image",
        source="https://scikit-image.org/docs/stable/api/skimage.data.html",
        license="CC0 or public domain per scikit-image's documentation; coins: no known copyright restrictions; "
        "moon and the fit split's motorcycle (Middlebury 2014 stereo): none stated",
    ),
    Entry(
        name="image-folder",
        target="bench.modalities.image.datasets.image_folder:ImageFolder",
        summary="any folder of images, searched recursively (--data PATH); center crop of 256x256 as ADM makes it",
        positional="data",
        modality="image",
        license="that of the images",
        source="your files",
    ),
    Entry(
        name="image-splits",
        target="bench.modalities.image.datasets.image_splits:ImageSplits",
        summary="a folder of val/ to measure on and train/ to learn from (--data PATH); folders in them are classes",
        positional="data",
        modality="image",
        license="that of the images",
        source="your files",
    ),
)
