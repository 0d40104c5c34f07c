"""Semantic units: the clusters of a layer of HuBERT, WavLM or wav2vec 2.0, which have no decoder."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.contracts.tokens import Codebook, Tokens
from bench.datasets.base import BadSample, Dataset, Spread
from bench.errors import BenchError, whole_number
from bench.machine.file_hashes import file_sha256
from bench.modalities.audio.batch import Audio
from bench.modalities.audio.tokenizers.base import AudioEncoder, resampled
from bench.quantizers.one_thread import one_thread
from bench.quantizers.vector import POINTS, VectorQuantizer
from bench.tokenizers.checkpoint import locate
from bench.tokenizers.transformers_models import load_transformers

MODELS = {"hubert": "HubertModel", "wavlm": "WavLMModel", "wav2vec2": "Wav2Vec2Model"}
"""The class of transformers of each type of model."""
RATE = 16000
CLUSTERS = 100
MOST_CLUSTERS = 2**16
ITERATIONS = 25
MAGIC = b"\x93NUMPY"
EPSILON = 1e-7
"""Added to the variance of a clip that is normalized, as in transformers' feature extractor."""


class SemanticUnits(AudioEncoder):
    """The nearest centroid of each frame of a hidden layer: discrete units of speech that only encode.

    The layer is one of HuBERT (Hsu et al. 2021, arXiv 2106.07447), WavLM (Chen et al. 2021, arXiv 2110.13900) or
    wav2vec 2.0 (Baevski et al. 2020, arXiv 2006.11477), clustered as in Lakhotia et al. 2021 (arXiv 2102.01192).
    Centroids are published ones, or learned by k-means from frames of the fit split.

    The convolutions make a frame of 25 ms every 20 ms and never pad, so a clip of n samples has ⌊(n - 400) / 320⌋ + 1
    codes. Clips of a batch must be equally long: the first convolution of the base models is normalized over
    time, padding included. Clips are normalized to zero mean and unit variance for models whose convolutions have
    layer normalization, which were trained so; the others undo it in their first layer.

    Args:
        path, repo, subfolder, revision, offline, weights: see ``bench.tokenizers.checkpoint.locate``.
        layer: transformer layer whose output is clustered, counted from 1.
        clusters: number of centroids; those of the file, or 100, if None.
        centroids: a ``.npy`` file of centroids ``[clusters, width]``; learned on the fit split if None.
        fit_clips: most clips of the fit split to learn from, evenly spaced.

    Raises:
        BenchError: the checkpoint is of another model, or layer, clusters or centroids do not fit it.
    """

    rate = RATE
    equal_lengths = True

    def __init__(
        self,
        path: str | None = None,
        repo: str | None = None,
        subfolder: str | None = None,
        revision: str | None = None,
        layer: int = 6,
        clusters: int | None = None,
        centroids: str | None = None,
        fit_clips: int = 1000,
        offline: bool = False,
        weights: str | None = None,
    ) -> None:
        located = locate(path, repo, subfolder, revision, offline, weights=weights)
        stated = located.config.get("model_type")
        if stated not in MODELS:
            origin = located.configuration.origin
            raise BenchError(f"{origin}: a checkpoint of {stated or 'an unknown model'}, not of {', '.join(MODELS)}")
        unneeded = ("masked_spec_embed",)
        checkpoint, self.model = load_transformers(
            MODELS[stated], path, repo, subfolder, revision, offline, weights=weights, unneeded=unneeded
        )
        config = self.model.config
        self.layer = whole_number(f"{checkpoint.place}: layer", layer, 1, config.num_hidden_layers)
        self.fit_clips = whole_number("fit_clips", fit_clips, 1, 10**9)
        self.normalized = config.feat_extract_norm == "layer"
        self.model.encoder.layers = self.model.encoder.layers[: self.layer]  # nothing sees what comes after them
        self.model.eval().requires_grad_(False)
        self.weights, self.revision = checkpoint.hashes(checkpoint.files), checkpoint.revision
        self.units: VectorQuantizer | None = None
        if clusters is not None:
            whole_number("clusters", clusters, 2, MOST_CLUSTERS)
        if centroids is not None:
            self.units = VectorQuantizer.holding(_centroids(Path(centroids), config.hidden_size, clusters))
            self.weights |= {Path(centroids).name: file_sha256(Path(centroids))}
        hop = math.prod(config.conv_stride)
        size = len(self.units.codewords) if self.units else clusters or CLUSTERS
        self.codebooks = (Codebook(size, f"{Fraction(hop, RATE)} s", RATE / hop),)
        self.device, self.dtype = torch.device("cpu"), torch.float32

    @classmethod
    def is_fitted(cls, arguments: Mapping[str, Any]) -> bool:
        return arguments.get("centroids") is None

    @one_thread()
    def fit(self, dataset: Dataset, seed: int) -> None:
        """Learn the centroids by k-means from frames of clips, with the same result on any number of threads.

        Of each clip equally many frames are taken, drawn by the seed, together 256 per cluster, as many as
        faiss' k-means looks at.

        Raises:
            BenchError: there are fewer frames than clusters.
        """
        size = self.codebooks[0].size
        chosen = Spread(dataset, self.fit_clips)
        each = math.ceil(POINTS * size / len(chosen))
        generator = torch.Generator().manual_seed(seed)
        drawn = [clip[torch.randperm(len(clip), generator=generator)[:each]] for clip in self._frames(chosen)]
        if (count := sum(map(len, drawn))) < size:
            raise BenchError(
                f"{count} frames to learn {size} clusters from; lower clusters, or use a dataset with more to fit on"
            )
        self.units = VectorQuantizer.holding(VectorQuantizer.learned(torch.cat(drawn), size, seed, ITERATIONS))

    @torch.no_grad()
    def hidden(self, waves: torch.Tensor) -> torch.Tensor:
        """Output of the layer for clips ``[batch, samples]`` of one length, float32 ``[batch, frames, width]``.

        Raises:
            BenchError: they are shorter than one frame.
        """
        least = _receptive(self.model.config)
        if waves.shape[1] < least:
            raise BenchError(f"a clip of {waves.shape[1]} samples at 16 kHz is shorter than a frame, which has {least}")
        if self.normalized:
            waves = (waves - waves.mean(1, keepdim=True)) / (waves.var(1, correction=0, keepdim=True) + EPSILON).sqrt()
        output = self.model(waves.to(self.device, self.dtype), output_hidden_states=True)
        states: torch.Tensor = output.hidden_states[self.layer]
        return states.float()

    def encode_waves(self, waves: Audio) -> Tokens:
        if not waves.equal_lengths:
            raise BenchError(
                f"{type(self).__name__} takes clips of one length at a time, not {sorted(set(waves.lengths.tolist()))} "
                "samples: padding would change the codes; batch equal lengths, as equal_lengths says"
            )
        if self.units is None:
            raise BenchError("there are no centroids yet; call fit, or give centroids=PATH")
        # Clip by clip, since the search of many vectors at once rounds otherwise.
        rows = [self.units.encode(frames)[:, 0] for frames in self.hidden(waves.samples[:, 0])]
        return Tokens(codes=(torch.stack(rows),))

    def to(self, device: torch.device, dtype: torch.dtype) -> SemanticUnits:
        self.device, self.dtype = torch.device(device), dtype
        torch.nn.Module.to(self.model, self.device, dtype)
        return self

    def _frames(self, dataset: Dataset) -> Iterator[torch.Tensor]:
        """Frames of each clip that can be read and is long enough for one, ``[frames, width]``."""
        least = _receptive(self.model.config)
        for index in range(len(dataset)):
            try:
                sample = dataset.load(index)
            except BadSample:
                continue
            wave = resampled(Audio.of([sample.signal.mean(0, keepdim=True)], sample.rate), RATE).samples[0]
            if wave.shape[1] >= least:
                yield self.hidden(wave)[0]


def _receptive(config: Any) -> int:
    """The number of samples that a frame sees."""
    samples = 1
    for kernel, stride in zip(reversed(config.conv_kernel), reversed(config.conv_stride), strict=True):
        samples = (samples - 1) * stride + kernel
    return int(samples)


def _centroids(path: Path, width: int, clusters: int | None) -> torch.Tensor:
    """The centroids of a file, float32 ``[clusters, width]``.

    Raises:
        BenchError: it is not a ``.npy`` file, or does not hold such an array.
    """
    try:
        with path.open("rb") as file:
            begins = file.read(len(MAGIC))
    except OSError as error:
        raise BenchError(f"centroids={path}: {error.strerror}") from error
    if begins != MAGIC:
        raise BenchError(
            f"centroids={path}: not a .npy file; a k-means of joblib or scikit-learn is a pickle, which could run any "
            "code and is never loaded",
            "where you trust it, store its centroids with numpy.save(PATH, kmeans.cluster_centers_) and give that file",
        )
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise BenchError(f"centroids={path}: cannot be read ({str(error).splitlines()[0]})") from error
    if array.ndim != 2 or array.shape[1] != width or array.dtype.kind != "f" or not np.isfinite(array).all():
        raise BenchError(
            f"centroids={path}: {array.dtype} {list(array.shape)}, not finite floating-point numbers "
            f"[clusters, {width}], the width of the model"
        )
    if clusters not in (None, len(array)):
        raise BenchError(f"centroids={path}: {len(array)} centroids, but clusters={clusters}; leave out clusters")
    return torch.from_numpy(np.ascontiguousarray(array, np.float32))
