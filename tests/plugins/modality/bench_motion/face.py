"""The face of the modality, with its registry lines; importing it imports nothing heavy."""

from __future__ import annotations

from bench.modalities.base import Bits, Modality
from bench.registry import Entry
from bench.values import FROM_ZERO, Value

TOKENIZERS = (
    Entry(
        "grid",
        "bench_motion.tokenizers:Grid",
        "Each joint rounded to a few levels, one code per step; grid@LEVELS",
        positional="levels",
        modality="motion",
        tokens="discrete",
        source="uniform scalar quantization",
        license="Apache-2.0",
    ),
    Entry(
        "cosines",
        "bench_motion.tokenizers:Cosines",
        "The first coefficients of a cosine transform in time, not quantized; cosines@KEPT",
        positional="kept",
        modality="motion",
        tokens="continuous",
        source="Ahmed et al. 1974",
        license="Apache-2.0",
    ),
)
DATASETS = (
    Entry(
        "motion-folder",
        "bench_motion.data:MotionFolder",
        "a folder of eval/ to measure on and train/ to learn from, a CSV file per sample (--data PATH)",
        positional="data",
        modality="motion",
        source="your files",
        license="that of the files",
    ),
)
ENDPOINT_ERROR = Entry(
    "endpoint_error",
    "bench_motion.metrics:EndpointError",
    "Distance between the last positions",
    modality="motion",
    source="Euclidean distance",
    values=(Value("endpoint_error", "Endpoint error", "", False, FROM_ZERO),),
)
METRICS = (ENDPOINT_ERROR,)

MOTION = Modality(
    name="motion",
    signals="motions",
    signal="bench_motion.signal:MotionSignal",
    finish="bench_motion.signal:MotionFinish",
    preprocessing="bench_motion.data:MotionPreprocessing",
    lines={
        "tokenizers": "bench_motion.face:TOKENIZERS",
        "datasets": "bench_motion.face:DATASETS",
        "metrics": "bench_motion.face:METRICS",
    },
    metrics={"reconstruction": ("endpoint_error", "codebook", "peak_memory"), "tokens": ("codebook",)},
    bits=Bits(Value("bits_per_step_model", "bits per step (model)", "bit/step", False, FROM_ZERO)),
    folder="motion-folder",
    view="bench_motion.view:MotionView",
)
