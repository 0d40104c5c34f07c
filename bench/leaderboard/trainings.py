"""What was seen of trainings as text: a few looks at each value, the mean over seeds and the range between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.contracts.trainings import Row, Trainings
from bench.leaderboard.digits import significant
from bench.leaderboard.names import Heading, heading

DIGITS = 3
DASH = "–"
LOOKS = 5
"""Looks that a table shows, evenly over those that there are; the last is always one of them."""
SEVERAL = "Mean of {} trainings, in brackets the smallest and the largest."
TITLES = {
    "utilization": Heading("Utilization", percent=True),
    "perplexity": Heading("Perplexity"),
    "dead_codes": Heading("Dead codes", percent=True),
    "loss": Heading("Loss"),
    "quantization_error": Heading("Quantization error"),
    "commitment_distance": Heading("Commitment distance"),
    "encoder_gradient": Heading("Encoder gradient"),
}
"""Curves in the order in which they are shown; others follow under the headings that tables give them."""


@dataclass(frozen=True)
class Curve:
    """One value over the steps of several trainings, in the unit that is shown.

    Attributes:
        name: its name in results.
        title, unit: how it is called, and its unit; empty if there is none.
        steps: the steps of the looks.
        rows: the values at these steps, a row per seed; None where there is none.
    """

    name: str
    title: str
    unit: str
    steps: tuple[int, ...]
    rows: tuple[Row, ...]

    @property
    def words(self) -> str:
        """Title and unit."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    def at(self, look: int) -> list[float]:
        """The values of the seeds that have one at a look."""
        return [value for row in self.rows if (value := row[look]) is not None]

    def mean(self, look: int) -> float | None:
        """The mean over seeds at a look; None if none has a value."""
        values = self.at(look)
        return sum(values) / len(values) if values else None

    @property
    def means(self) -> Row:
        """The means over seeds at all looks."""
        return [self.mean(look) for look in range(len(self.steps))]

    def text(self, look: int) -> str:
        """The mean at a look, and in brackets the smallest and largest value where seeds differ."""
        values = self.at(look)
        if not values:
            return DASH
        mean, least, most = (significant(value, DIGITS) for value in (sum(values) / len(values), *_ends(values)))
        return mean if least == most else f"{mean} ({least} to {most})"


@dataclass(frozen=True)
class TrainingTable:
    """Trainings as people read them: a column per look, a row per value.

    Attributes:
        steps: the steps of the looks that are shown.
        rows: title of each value, and its texts at these steps.
        remark: how many trainings there are, and what the texts say.
    """

    steps: tuple[int, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    remark: str

    @property
    def titles(self) -> tuple[str, ...]:
        """Titles of the columns."""
        return ("Value", *(f"Step {step}" for step in self.steps))


def curves(trainings: Trainings) -> list[Curve]:
    """Return the values of trainings that were looked at, in the order in which they are shown."""
    names = [*(name for name in TITLES if name in trainings.curves), *sorted(trainings.curves.keys() - TITLES.keys())]
    return [_curve(trainings, name) for name in names]


def training_table(trainings: Trainings) -> TrainingTable:
    """Return a few looks at every value."""
    looks = chosen(len(trainings.steps))
    count = len(trainings.seeds)
    return TrainingTable(
        steps=tuple(trainings.steps[look] for look in looks),
        rows=tuple((curve.words, tuple(curve.text(look) for look in looks)) for curve in curves(trainings)),
        remark=SEVERAL.format(count) if count > 1 else "One training.",
    )


def chosen(count: int) -> list[int]:
    """Return the positions of a few of ``count`` looks, evenly, the last among them."""
    shown = min(LOOKS, count)
    return sorted({round(count * part / shown) - 1 for part in range(1, shown + 1)}) if count else []


def _curve(trainings: Trainings, name: str) -> Curve:
    said = TITLES.get(name) or heading(name)
    unit, scale = ("%", 100.0) if said.percent else (said.unit or "", 1.0)
    rows = tuple([None if value is None else scale * value for value in row] for row in trainings.curves[name])
    return Curve(name, said.title, unit, tuple(trainings.steps), rows)


def _ends(values: Sequence[float]) -> tuple[float, float]:
    return min(values), max(values)
