"""Parts of packages are imported without the rest, which is there when it is asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PACKAGE = {
    "heavy/__init__.py": "import json as whole\nfrom heavy.part import VALUE\nfrom heavy.other import LATER\n",
    "heavy/part.py": "from heavy import _logger\nVALUE = object()\n",
    "heavy/other.py": "LATER = 1\n",
}
USE = """
import sys
from bench.machine.deferred import defer
defer("heavy", _logger=None)
from heavy.part import VALUE
assert "heavy.other" not in sys.modules
import heavy
assert heavy.part.VALUE is VALUE
assert "heavy.other" not in sys.modules
assert heavy.LATER == 1 and heavy.VALUE is VALUE and heavy.whole
defer("heavy")
assert heavy is sys.modules["heavy"]
defer("not_installed")
try:
    heavy.missing
except AttributeError:
    print("whole")
"""
METRICS = """
import sys
import bench.measuring.cell_process
heavy = {"transformers", "librosa", "onnxruntime", "torchvision", "torchmetrics.functional"} & sys.modules.keys()
assert not heavy, heavy
import torchmetrics
from bench.metrics.base import Metric
assert issubclass(Metric, torchmetrics.Metric)
from torchmetrics.image import PeakSignalNoiseRatio
assert torchmetrics.functional.image.peak_signal_noise_ratio
print("whole")
"""


def test_a_package_is_whole_when_it_is_asked_for(tmp_path: Path) -> None:
    for name, text in PACKAGE.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert run(USE, tmp_path) == "whole"


def test_the_process_of_a_cell_imports_no_metrics_but_its_own(tmp_path: Path) -> None:
    assert run(METRICS, tmp_path) == "whole"


def run(program: str, folder: Path) -> str:
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
