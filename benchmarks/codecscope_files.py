"""codecscope's values of every WAV file in a folder, with G.711 μ-law as its codec, as a JSON object of columns.

    PYTHON benchmarks/codecscope_files.py FOLDER

``PYTHON`` has codecscope with its quality metrics, and needs nothing of this package. Its own command takes one file
and none but its own codecs; here one process has them all, through its Python interface.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import codecscope
import numpy as np
from codecscope.adapters import CodecOutput

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop  # gone from Python 3.13; the package audioop-lts has it


class MuLaw:
    """G.711 μ-law of 16-bit samples at whatever rate they have."""

    name = "mulaw"
    sample_rate = 0

    def encode(self, audio: Any) -> CodecOutput:
        """Codes of ``[samples]`` float32, and the samples that they stand for."""
        data = np.clip(np.rint(audio * 32768.0), -32768, 32767).astype("<i2").tobytes()
        codes = audioop.lin2ulaw(data, 2)
        back = np.frombuffer(audioop.ulaw2lin(codes, 2), "<i2").astype(np.float32) / 32768
        return CodecOutput([np.frombuffer(codes, np.uint8)], 256, back)


def main(folder: Path) -> None:
    """Print the values by name, a list each in the order of the files' names."""
    codec = MuLaw()
    reports = [codecscope.analyze_file(str(file), codec, speech=True) for file in sorted(folder.glob("*.wav"))]
    columns = {name: [getattr(one, name) for one in reports] for name in ("pesq", "stoi", "si_snr", "si_snr_aligned")}
    columns["token_rate"] = [one.token_rate for one in reports]
    delays = [(one.delay_samples, one.codec_sample_rate) for one in reports]
    columns["delay_ms"] = [None if delay is None else 1000 * delay / rate for delay, rate in delays]
    print(json.dumps(columns))  # noqa: T201 - the output


if __name__ == "__main__":
    main(Path(sys.argv[1]))
