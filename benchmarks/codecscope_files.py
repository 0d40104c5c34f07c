"""Print codecscope's values for every WAV file in a folder, with G.711 μ-law as its codec, as JSON columns.

    PYTHON benchmarks/codecscope_files.py FOLDER

``PYTHON`` needs codecscope with its quality metrics, and nothing of this package. codecscope's own command takes one
file and only its own codecs; here one process takes all files, through its Python interface.
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
    """G.711 μ-law for 16-bit samples at any rate."""

    name = "mulaw"
    sample_rate = 0

    def encode(self, audio: Any) -> CodecOutput:
        """Encode float32 ``[samples]``; return the codes and the decoded samples."""
        data = np.clip(np.rint(audio * 32768.0), -32768, 32767).astype("<i2").tobytes()
        codes = audioop.lin2ulaw(data, 2)
        back = np.frombuffer(audioop.ulaw2lin(codes, 2), "<i2").astype(np.float32) / 32768
        return CodecOutput([np.frombuffer(codes, np.uint8)], 256, back)


def main(folder: Path) -> None:
    """Print the values by name, one list each in the order of the file names."""
    codec = MuLaw()
    reports = [codecscope.analyze_file(str(file), codec, speech=True) for file in sorted(folder.glob("*.wav"))]
    names = ("pesq", "stoi", "si_snr", "si_snr_aligned", "token_rate")
    columns = {name: [getattr(report, name) for report in reports] for name in names}
    delays = [(report.delay_samples, report.codec_sample_rate) for report in reports]
    columns["delay_ms"] = [None if delay is None else 1000 * delay / rate for delay, rate in delays]
    print(json.dumps(columns))  # noqa: T201 - the output


if __name__ == "__main__":
    main(Path(sys.argv[1]))
