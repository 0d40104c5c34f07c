"""Registry lines of the tasks: each kind is offered by every modality that has what it needs."""

from __future__ import annotations

from dataclasses import dataclass

from bench.modalities.base import Modality
from bench.registry import Entry


@dataclass(frozen=True)
class TaskKind:
    """A kind of task.

    Attributes:
        name: the task of a modality is called ``MODALITY-NAME``, unless its face says otherwise.
        target: the class, built with the task's name and the modality's face.
        summary: one line, in which ``{signals}`` and ``{unit}`` are the modality's.
        needs: the field of a face without which a modality does not offer it.
    """

    name: str
    target: str
    summary: str
    needs: str = ""

    def of(self, face: Modality) -> Entry | None:
        """The registry line of this kind of task on a modality; None if the modality does not offer it."""
        name = face.tasks.get(self.name, f"{face.name}-{self.name}")
        if not name or (self.needs and not getattr(face, self.needs)):
            return None
        unit = face.bits.value.unit if face.bits else ""
        summary = self.summary.format(signals=face.signals, unit=unit)
        return Entry(name, self.target, summary, modality=face.name, extra=face.extra)


KINDS: tuple[TaskKind, ...] = (
    TaskKind(
        "recon",
        "bench.tasks.reconstruction:Reconstruction",
        "What tokenizers of {signals} lose, at what rate, and how fast",
    ),
    TaskKind(
        "token-modelling",
        "bench.tasks.token_modelling:TokenModeling",
        "How learnable the tokens of {signals} are: held-out likelihood of a probe, or of a backbone, in {unit}",
        needs="bits",
    ),
    TaskKind(
        "ntp-probe",
        "bench.tasks.probe:Probe",
        "What a small model makes of the tokens of {signals}: held-out likelihood, and quality of what it generates",
        needs="drawing",
    ),
    TaskKind(
        "throughput",
        "bench.tasks.throughput:Throughput",
        "How fast tokenizers and backbones of {signals} are by batch size, dtype and torch.compile, and what it costs",
    ),
    TaskKind(
        "bottleneck-study",
        "bench.tasks.bottleneck_study:BottleneckStudy",
        "What is left of a codebook when it is trained in a small autoencoder of {signals}, over seeds",
        needs="autoencoder",
    ),
)


def tasks_of(face: Modality) -> list[Entry]:
    """The registry lines of all tasks that a modality offers."""
    return [line for kind in KINDS if (line := kind.of(face))]
