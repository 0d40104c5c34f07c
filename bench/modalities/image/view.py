"""How images are shown on the site: in their own size, each beside its original."""

from __future__ import annotations

import io

from bench.errors import BenchError
from bench.modalities.view import Side, View


class ImageView(View):
    """The view of images that browsers show, with their size; pages add a divider to drag and a magnifier."""

    suffixes = (".png",)

    def side(self, data: bytes) -> Side:
        """The ``width`` and ``height`` of an image in pixels."""
        from PIL import Image

        try:
            with Image.open(io.BytesIO(data)) as image:
                return Side({"width": image.width, "height": image.height})
        except OSError as error:
            raise BenchError(f"not an image: {error}") from error
