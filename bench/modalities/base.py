"""The face of a modality: what is known of a kind of signal before anything heavy is imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.values import Value


@dataclass(frozen=True)
class Bits:
    """The likelihood of tokens in bits of an amount of signal.

    Attributes:
        value: its line, such as that of ``bits_per_pixel_model`` in ``bit/px``.
        per_unit: bits in one of its unit: 1000 for kilobits.
    """

    value: Value
    per_unit: float = 1.0


@dataclass(frozen=True)
class Modality:
    """A kind of signal, as a folder of ``bench/modalities`` or an installed package offers it.

    The registry imports the module of a face to list names, so it must import nothing heavy: whatever computes is
    named as ``module:Attribute`` and loaded when it is needed.

    Attributes:
        name: what lines of other kinds call it, such as ``image``.
        signals: what its samples are called, in the plural, such as ``images``.
        signal: a :class:`bench.modalities.signal.Signal`: how batches of samples are made, checked and stored.
        finish: a pydantic model whose instances make of a decoder's output what is scored, such as clamped images; its
            fields are the protocol's section ``reconstruction``.
        preprocessing: the pydantic model of the protocol's section ``preprocessing``.
        lines: registry lines by kind (``tokenizers``, ``datasets``, ...), each the ``module:ATTRIBUTE`` of a tuple of
            :class:`bench.registry.Entry`; the module is imported when the kind is listed. Under ``values``, a tuple of
            the :class:`bench.values.Value` that its tasks report beside metrics and ``bits``.
        metrics: the metrics of a protocol that names none, by what they judge: ``reconstruction`` of a sample,
            ``generation`` of a set, ``tokens`` where nothing is decoded, ``bottleneck`` where one was trained. They
            are named so that what is installed beside them changes no protocol.
        bits: the likelihood of tokens as a rate; without it the modality has no task ``token-modelling``.
        folder: the dataset that ``--data PATH`` alone stands for.
        drawing: a :class:`bench.learning.drawing.Drawing`: what trained probes are asked to draw and how that is
            judged; without it the modality has no task ``ntp-probe``.
        generated: a :class:`bench.contracts.generated.Generated`: how sets of samples that were made elsewhere are
            taken, and what they are compared with.
        autoencoder: a :class:`bench.learning.autoencoder.Autoencoder`: the network that bottlenecks are trained in;
            its task ``bottleneck-study`` needs it.
        tasks: names of its tasks by kind, where they are not ``MODALITY-KIND``; empty for a kind it does not offer.
        choices: settings of its tasks by kind, where they are more than the sections above.
        extra: the optional extra of ntp-bench that its tasks need.
        view: ``module:Attribute`` of the :class:`bench.modalities.view.View` that shows its kept samples on the site;
            without a view they are links.
        doctor: ``module:function`` whose sections ``bench doctor`` prints: ``[(title, [(name, state), ...]), ...]``.
    """

    name: str
    signals: str
    signal: str
    finish: str
    preprocessing: str
    lines: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    bits: Bits | None = None
    folder: str = ""
    drawing: str = ""
    generated: str = ""
    autoencoder: str = ""
    tasks: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[str, str] = field(default_factory=dict)
    extra: str | None = None
    view: str = ""
    doctor: str = ""
