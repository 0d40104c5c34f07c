"""Packages are imported without what is not used of them, and whole when it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = {
    "heavy/__init__.py": "import json as whole\nfrom heavy.part import VALUE\nfrom heavy.other import LATER\n",
    "heavy/part.py": "from heavy import _logger\nVALUE = object()\n",
    "heavy/other.py": "LATER = 1\n",
}
USE = """
import sys
from bench.machine.deferred import defer
defer("heavy", {"_logger": None})
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
BIG = {
    "big/__init__.py": "from big.part import Kind\nVALUE = 7\n",
    "big/part.py": "class Kind:\n    pass\ndef double(x):\n    return 2 * x\n",
    "user.py": "import big\nfrom big import VALUE\nfrom big.part import Kind, double\n"
    "def check(x, kind: Kind | None = None):\n    return isinstance(x, Kind)\n",
    "heir.py": "from big.part import Kind\nclass Heir(Kind):\n    pass\n",
    "picky.py": "import big\nassert type(big.VALUE) is int\nclass Model:\n    pass\n",
}
POSTPONED = """
import sys
from bench.machine.deferred import Later, postponed
with postponed(("big", "not_installed")):
    import user
assert isinstance(user.VALUE, Later) and not user.check(1)
assert "VALUE" not in vars(sys.modules["big"]), "isinstance and annotations import nothing"
assert user.double(4) == 8 and user.big.VALUE == 7 and user.check(sys.modules["big.part"].Kind())
import big.part
assert big.part.Kind is big.Kind and big.part.double is not user.double
from heir import Heir
assert issubclass(Heir, user.Kind) and Heir.__mro__[1] is big.Kind
print("whole")
"""
HEIR = """
from bench.machine.deferred import postponed
with postponed(("big",)):
    from heir import Heir
import big
assert Heir.__mro__[1] is big.Kind
print("whole")
"""
PICKY = """
from bench.machine import light
light.POSTPONED = {"picky": ("big",)}
assert light.library_class("picky", "Model").__module__ == "picky"
print("whole")
"""
COMPILER = """
import sys
import torch
from bench.machine.deferred import Deferred
from bench.machine.light import lighten
lighten()

@torch.compiler.disable
def untraced(x):
    seen.append(torch.compiler.is_compiling())
    return x + 1

@torch.compiler.allow_in_graph
def opaque(x):
    return x * 2

seen = []
assert untraced(torch.ones(1)) == 2 and opaque(torch.ones(1)) == 2
torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], 0.1).step()
assert isinstance(torch._dynamo, Deferred), "marks alone import the compiler"
graphs = []
def backend(graph, inputs):
    graphs.append(graph)
    return graph.forward
compiled = torch.compile(lambda x: untraced(opaque(x).sin()).cos(), backend=backend)
assert torch.allclose(compiled(torch.ones(2)), (torch.tensor(2.0).sin() + 1).cos().expand(2))
assert len(graphs) == 2 and seen == [False, False]
assert opaque in [node.target for node in graphs[0].graph.nodes]
import torch._dynamo.utils
print("whole")
"""
METRICS = """
import sys
import bench.measuring.cell_process
heavy = {"transformers", "librosa", "onnxruntime", "torchvision", "matplotlib", "torchmetrics.functional"}
assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()
import torchmetrics
from bench.metrics.base import Metric
assert issubclass(Metric, torchmetrics.Metric)
from torchmetrics.image import PeakSignalNoiseRatio
assert torchmetrics.functional.image.peak_signal_noise_ratio
assert torchmetrics.metric.plot_single_or_multi_val(torchmetrics.MeanMetric()(1.0))
print("whole")
"""


def test_a_package_is_whole_when_it_is_asked_for(tmp_path: Path) -> None:
    for name, text in PACKAGE.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert run(USE, tmp_path) == "whole"


@pytest.mark.parametrize("program", [POSTPONED, HEIR, PICKY])
def test_what_stands_in_for_a_package_gives_way_to_it(program: str, tmp_path: Path) -> None:
    (tmp_path / "big").mkdir()
    for name, text in BIG.items():
        (tmp_path / name).write_text(text)
    assert run(program, tmp_path) == "whole"


def test_marks_for_the_compiler_are_made_when_it_is_imported(tmp_path: Path) -> None:
    assert run(COMPILER, tmp_path) == "whole"


def test_the_process_of_a_cell_imports_no_metrics_but_its_own(tmp_path: Path) -> None:
    assert run(METRICS, tmp_path) == "whole"


def run(program: str, folder: Path) -> str:
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
