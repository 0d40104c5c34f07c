"""What the process of a small cell may not import: each of these takes half a second to five seconds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_audio_models import save_audio
from tiny_models import TINY, tiny_model

NEVER = {
    *("torch._dynamo", "torch._inductor.compile_fx", "torch.onnx", "triton.compiler"),
    *("torchvision.models", "torchvision.datasets", "torchvision.ops"),
    *("matplotlib", "pandas", "scipy.stats", "sklearn", "librosa", "mlflow"),
}
CELLS = {
    "AutoencoderKL": ("image-recon", "autoencoder-kl", {"torchvision", "sympy", "transformers"}),
    "EncodecModel": ("audio-recon", "encodec", {"accelerate", "diffusers", "scipy.optimize"}),
}
PROGRAM = """
import json, sys
import torch
import bench.measuring.cell_process
from bench import registry
from bench.contracts.system import parse
from bench.contracts.task import open_task
from bench.machine.deferred import Deferred
task, text = sys.argv[1:]
opened = open_task(task)
for name in opened.default_metrics():
    registry.load(registry.get("metrics", name).target)
tokenizer = parse(text).build()
if task == "image-recon":
    tokenizer.decode(tokenizer.encode(torch.rand(1, 3, 32, 32)))
    from bench.contracts.stats import student_quantile
    from bench.modalities.image.extractors.inception import Inception
    student_quantile(4)
print(json.dumps([name for name, module in sys.modules.items() if not isinstance(module, Deferred)]))
"""


@pytest.mark.parametrize("model", CELLS)
def test_a_cell_imports_only_what_it_needs(model: str, tmp_path: Path) -> None:
    task, system, unneeded = CELLS[model]
    if model in TINY:
        tiny_model(model).save_pretrained(tmp_path)
    else:
        save_audio(model, tmp_path)
    command = [sys.executable, "-c", PROGRAM, task, f"{system}={tmp_path}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    imported = set(json.loads(done.stdout.splitlines()[-1]))
    assert imported & (NEVER | unneeded) == set()
