"""A folder as people have them: every odd file is handled as the protocol states, counted and named."""

from __future__ import annotations

import numpy as np
from PIL import Image

from bench.contracts.results import Run


def test_odd_files_never_stop_a_run(bench, tmp_path):
    folder = tmp_path / "images"
    (folder / "deep").mkdir(parents=True)
    rng = np.random.default_rng(0)
    colour = Image.fromarray(rng.integers(0, 256, (300, 280, 3), np.uint8))
    colour.save(folder / "a.jpg")
    colour.convert("CMYK").save(folder / "cmyk.jpg")
    colour.convert("L").save(folder / "deep" / "grey.png")
    colour.convert("P").save(folder / "palette.png")
    colour.save(folder / "moving.gif", save_all=True, append_images=[colour.rotate(90)])
    Image.fromarray(rng.integers(0, 65536, (300, 300), np.uint16)).save(folder / "deep.png")
    colour.crop((0, 0, 100, 90)).save(folder / "small.png")
    (folder / "cut.jpg").write_bytes((folder / "a.jpg").read_bytes()[:5000])
    (folder / "empty.png").touch()
    (folder / "notes.txt").write_text("no image")
    done = bench(
        *("run", "--suite", "image-recon", "--data", folder, "--system", "jpeg@50", "--offline", "--no-mlflow"),
        *("--out", "out"),
    )
    (result,) = Run(tmp_path / "out").results()
    data = result.dataset
    assert data.n == result.metrics["psnr"].n == 7
    assert set(data.skipped) == {"cut.jpg", "empty.png"}
    converted = {name: set(ids) for name, ids in data.converted.items()}
    named = set().union(*converted.values())
    assert {"cmyk.jpg", "deep/grey.png", "palette.png", "moving.gif", "deep.png", "small.png"} <= named
    assert result.protocol.dataset.n == 9
    assert "cut.jpg" in done.stdout
    assert "Samples converted as the protocol states:" in done.stdout
