"""How well probes model a tokenizer's audio tokens: by likelihood, and by continuations judged without references."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.backbones.base import Backbone
from bench.contracts.protocol import Protocol
from bench.contracts.stats import Estimate, clustered_mean
from bench.errors import Unavailable
from bench.learning.drawing import Drawing
from bench.learning.probe import ProbeSettings, mean_of_trainings
from bench.learning.sampling_costs import sampling_costs
from bench.learning.study import ModelingSettings, Study
from bench.lines.values import SAMPLING_MEMORY, SAMPLING_RTF, SAMPLING_TOKENS
from bench.measuring.planning import metric_class, preloaded
from bench.modalities.audio.continuation import ContinuationSettings, Excerpts, Judged, judge
from bench.modalities.audio.datasets.audio import AudioPreprocessing
from bench.modalities.audio.lines.values import of_continuations
from bench.values import Value


class ProbeChoices(ModelingSettings):
    """Settings of audio-ntp-probe."""

    preprocessing: AudioPreprocessing
    probe: ProbeSettings = ProbeSettings(repeats=3)
    continuation: ContinuationSettings = ContinuationSettings()


class Continuations(Drawing):
    """Continuations that probes make of the beginnings of clips, judged without references.

    Each value of a judge is reported three times: ``*_continuation`` of the probe's continuation,
    ``*_tokenized`` of the clip's own continuation through the tokenizer, and ``*_model_loss``, the second less the
    first, clip by clip.
    """

    metrics = ("dnsmos", "speaker_similarity")
    looks_at = "looks at tokens and continuations"
    costs = (SAMPLING_TOKENS, SAMPLING_RTF, SAMPLING_MEMORY)

    def preload(self, protocol: Protocol) -> tuple[str, ...]:
        return preloaded(protocol)

    def further(self, study: Study, backbones: Sequence[Backbone]) -> dict[str, Estimate]:
        choice = study.settings.continuation  # type: ignore[attr-defined]
        named = [name for name in self.metrics if name in study.job.protocol.metrics]
        try:
            if not backbones[0].continues:
                raise Unavailable(
                    f"{study.settings.probe.paradigm} does not draw in order, so it cannot continue prompts",
                    "choose another probe.paradigm in the protocol",
                )
            excerpts = Excerpts.of(study, choice)
        except Unavailable as reason:
            return self._nothing(named, reason)
        judged = judge(study, backbones, named, excerpts, choice)
        self._keep(study, excerpts, judged)
        note = f"{min(study.job.options.batch_size, len(excerpts.numbers))} prompts at a time"
        return sampling_costs(judged.timings, note, choice.seconds) | self._quality(study, excerpts, judged)

    def _quality(self, study: Study, excerpts: Excerpts, judged: Judged) -> dict[str, Estimate]:
        groups = np.array([study.evaluated.seen.groups[number] for number in excerpts.numbers])
        lines = {name: line for metric in self.metrics for name, line in metric_class(metric).outputs.items()}
        givers = {name: metric for metric in self.metrics for name in metric_class(metric).outputs}
        estimates: dict[str, Estimate] = {}
        for name, drawn in judged.drawn.items():
            real = judged.real[name]
            continuation, tokenized, lost = of_continuations(lines[name])
            why, why_tokenized = ("; ".join(filter(None, (reason, excerpts.note))) for reason in judged.reasons[name])
            thrice = {
                continuation.name: mean_of_trainings(drawn, groups).described_by(continuation, why),
                tokenized.name: clustered_mean(real, groups).described_by(tokenized, why_tokenized),
                lost.name: mean_of_trainings(real - drawn, groups).described_by(lost, why),
            }
            estimates |= {key: value.model_copy(update={"metric": givers[name]}) for key, value in thrice.items()}
        for name, estimate in judged.unavailable.items():
            estimates |= _thrice(lines.get(name, Value(name)), estimate)
        return estimates

    def _nothing(self, named: Sequence[str], reason: Unavailable) -> dict[str, Estimate]:
        """Unavailable estimates of all values, with the reason."""
        nothing = Estimate(value=None, unavailable=reason.cause, remedy=reason.remedy)
        estimates = {cost.name: nothing.described_by(cost) for cost in self.costs}
        for listener in named:
            for value in metric_class(listener).outputs.values():
                estimates |= _thrice(value, nothing.model_copy(update={"metric": listener}))
        return estimates

    def _keep(self, study: Study, excerpts: Excerpts, judged: Judged) -> None:
        """The values of each clip, for paired tests; clips left out have none."""
        for name, drawn in judged.drawn.items():
            for kind, values in (("continuation", drawn.mean(0)), ("tokenized", judged.real[name])):
                column = np.full(len(study.evaluated.seen.ids), np.nan)
                column[excerpts.numbers] = values
                study.columns[f"{name}_{kind}"] = column.tolist()


def _thrice(value: Value, nothing: Estimate) -> dict[str, Estimate]:
    return {line.name: nothing.described_by(line) for line in of_continuations(value)}
