"""Lines of the values that audio tasks report themselves: those of continuations."""

from __future__ import annotations

from bench.modalities.audio.lines.metrics import DNSMOS, SPEAKER_SIMILARITY
from bench.values import Value


def of_continuations(value: Value, title: str = "") -> tuple[Value, Value, Value]:
    """The three values reported for a judge's value: of continuations, of tokenized originals, and their difference.

    Args:
        title: name of the judge in their titles; by default the value's title without its brackets.
    """
    title = title or value.title.replace(" (", " ").rstrip(")") or value.name
    lost = Value(
        # Where the tokenizer leaves nothing to lose the loss is least, so neither direction is better.
        f"{value.name}_model_loss",
        f"{title} (model's loss)",
        value.unit,
        default=value.default,
    )
    return (
        value.called(f"{value.name}_continuation", f"{title} (continuation)"),
        value.called(f"{value.name}_tokenized", f"{title} (tokenized)"),
        lost,
    )


VALUES: tuple[Value, ...] = (
    *(each for value in DNSMOS for each in of_continuations(value)),
    *of_continuations(SPEAKER_SIMILARITY, "Speaker"),
)
