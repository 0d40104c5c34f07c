"""--dtype and --device reach what a class of somebody's own holds, or are rejected for it."""

from __future__ import annotations

import pytest
import torch
from held import SEEN, Held, Itself, Plain, Waves

from bench import registry
from bench.contracts.options import Options
from bench.contracts.results import Run
from bench.contracts.suite import load_suite
from bench.contracts.system import parse
from bench.errors import BenchError
from bench.machine.weights import WeightStore
from bench.measuring.runner import plan
from bench.modalities.audio.batch import Audio
from bench.tokenizers.base import Tokenizer

CPU = torch.device("cpu")
LOW = torch.bfloat16


@pytest.fixture(autouse=True)
def _nothing_seen():
    for seen in SEEN.values():
        seen.clear()


@pytest.mark.parametrize("dtype", [torch.float32, LOW, torch.float64])
@pytest.mark.parametrize("how", ["attribute", "list", "tuple", "dict", "object", "itself"])
def test_what_a_class_holds_is_cast_wherever_it_holds_it(how, dtype):
    built: Tokenizer = Itself() if how == "itself" else Held(how)
    tokenizer = built.to(CPU, dtype)
    batch = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    output = tokenizer.decode(tokenizer.encode(batch))
    assert {"in": {dtype}, "out": {dtype}} == SEEN
    assert output.dtype == dtype
    assert torch.allclose(output.float(), batch.mean((2, 3), keepdim=True).expand_as(batch), atol=0.01)


def test_the_waves_of_a_class_are_cast_after_they_are_resampled():
    tokenizer = Waves().to(CPU, LOW)
    clips = Audio.of([torch.rand(1, 160, generator=torch.Generator().manual_seed(0)) - 0.5], 16000)
    back = tokenizer.decode(tokenizer.encode(clips))
    assert {"in": {LOW}, "out": {LOW}} == SEEN
    assert back.samples.dtype == torch.float32


def test_a_module_in_another_dtype_is_cast_to_the_one_that_the_result_states():
    tokenizer = Held()
    tokenizer.net.to(LOW)
    tokenizer.exact = torch.zeros(1, dtype=torch.float64)  # type: ignore[attr-defined]
    tokenizer.to(CPU, torch.float32)
    assert tokenizer.net.linear.weight.dtype == torch.float32
    assert tokenizer.exact.dtype == torch.float64  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["klt-vq", "jpeg", "mulaw", "pcm", "mdct-vq", "mel-griffinlim", "opus", "codec2"])
def test_what_cannot_be_cast_is_rejected(name):
    kind = registry.load(registry.get("tokenizers", name).target)
    built = kind.__new__(kind)
    assert built.to(CPU, torch.float32) is built
    with pytest.raises(BenchError, match="no result in bfloat16; leave out --dtype"):
        built.to(CPU, LOW)


def test_a_class_that_holds_nothing_is_rejected():
    assert Plain().to(CPU, torch.float32)
    with pytest.raises(BenchError, match="Plain holds no module and no tensor that could be cast to bfloat16"):
        Plain().to(CPU, LOW)


def test_a_plan_says_which_systems_have_no_result(tmp_path):
    options = Options(dtype="bfloat16", limit=1, dataset="skimage-photos")
    found = plan(load_suite("image-recon"), [parse("klt-vq")], options, WeightStore({}, offline=True), Run(tmp_path))
    assert "KLT computes in its own way whatever the dtype" in found.missing["klt-vq"]
