"""How long a folder of many small files takes to be listed and hashed, as a run does before its first batch.

    python benchmarks/file_hashes.py --files 50000

Both times are of the same process, without its imports: with an empty store of hashes, and with one that has them all.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import click

CLASSES = 100


@click.command()
@click.option("--files", default=50_000, show_default=True, help="Number of files.")
@click.option("--kilobytes", default=10, show_default=True, help="Size of each.")
def main(files: int, kilobytes: int) -> None:
    """Time listing and hashing of a folder, cold and warm."""
    from bench.machine.file_hashes import SETTLED_NS
    from bench.modalities.image.datasets.image_folder import ImageFolder

    with tempfile.TemporaryDirectory() as name:
        os.environ["BENCH_CACHE"] = f"{name}/cache"
        folder = Path(name) / "images"
        for label in range(CLASSES):
            (folder / f"{label:03}").mkdir(parents=True)
        for number in range(files):
            (folder / f"{number % CLASSES:03}" / f"{number:06}.png").write_bytes(os.urandom(1024 * kilobytes))
        time.sleep(2 * SETTLED_NS / 1e9)  # files of this moment are not remembered
        whole = {"crop": "none", "resize": "none", "smaller": "skip", "size": 1}
        fingerprints = set()
        for state in ("cold", "warm"):
            start, before = time.perf_counter(), time.process_time()
            dataset = ImageFolder(whole, data=str(folder))
            listed = time.perf_counter()
            fingerprints.add(dataset.fingerprint)
            end = time.perf_counter()
            click.echo(
                f"{state}: {files} files of {kilobytes} KiB listed in {listed - start:.2f} s and hashed in "
                f"{end - listed:.2f} s, {time.process_time() - before:.2f} s of processor time"
            )
        assert len(fingerprints) == 1


if __name__ == "__main__":
    main()
