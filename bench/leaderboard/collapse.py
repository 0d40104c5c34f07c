"""What a survey claims of codebook collapse, beside what the trainings of a table show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.contracts.results import Result
from bench.contracts.suite import shipped
from bench.leaderboard.page import DASH
from bench.leaderboard.reasons import clean
from bench.leaderboard.table import Row, Table
from bench.reported.claims import Claims, Family, Method, claims
from bench.reported.collapse import Finding, Use, collapsed, gain_of, judged, raised, use_of

PLAIN: Mapping[str, str] = {"remedy": "none", "estimator": "straight-through", "update": "loss"}
"""The recipe of a bottleneck to which nothing was done; ``bench.quantizers.trained.codebook.Recipe`` has the same."""
UNCLAIMED = {
    "remedy": "Other remedies",
    "estimator": "Gradient estimators",
    "update": "Updates of the codewords",
}
"""Kinds of systems of which the survey claims nothing, by the argument that makes them so."""
OTHERS = {True: "collapses", False: "does not collapse", None: "cannot tell"}
HIGHER = {"confirmed": "uses more", "refuted": "does not use more"}


@dataclass(frozen=True)
class Line:
    """One claim beside one system, or beside none where nothing of it was measured.

    Attributes:
        subject: the family or the remedy.
        group: the kind of remedy; empty for families.
        claim: what is claimed, in a word or two; empty if nothing is.
        why: what the claim rests on.
        row: the system's row in the table; None without one.
        use: how it used its codebooks.
        plain: that of the system without the remedy.
        finding: what the trainings say of the claim.
        verdict: its kind in words.
    """

    subject: str
    group: str
    claim: str
    why: str
    row: Row | None
    use: Use | None
    plain: Use | None
    finding: Finding
    verdict: str = ""

    @property
    def measured(self) -> bool:
        """Whether there is a system beside the claim."""
        return self.row is not None

    @property
    def label(self) -> str:
        """The system's name in the table."""
        return clean(self.row.label) if self.row else DASH

    @property
    def kind(self) -> str:
        """The verdict in words."""
        return self.verdict or self.finding.kind

    @property
    def judgment(self) -> str:
        """The verdict and its reason."""
        return clean(f"{self.kind} ({self.finding.reason})" if self.finding.reason else self.kind)

    def record(self) -> dict[str, Any]:
        """Return the line for machines."""
        gain = gain_of(self.use, self.plain) if self.use and self.plain else None
        return {
            "subject": self.subject,
            "kind": self.group,
            "claim": self.claim,
            "label": self.row.label if self.row else None,
            "used": list(self.use.mean) if self.use else None,
            "least_used": list(self.use.worst) if self.use else None,
            "gain": gain.value if gain else None,
            "verdict": self.kind,
            "reason": self.finding.reason,
        }


@dataclass(frozen=True)
class Judged:
    """All claims beside a table.

    Attributes:
        source: the survey and its authors.
        budget: how long the systems were trained, as a sentence.
        families: the claims of its table 1, a line per family and system.
        remedies: the claims of its §2.9, in groups of one kind.
    """

    source: str
    budget: str
    families: tuple[Line, ...]
    remedies: tuple[Line, ...]


def judged_claims(table: Table) -> Judged | None:
    """What a survey claims beside what a table shows; None if no row of it has trainings of codebooks."""
    rows = [row for row in table.rows if not row.failed and row.result.trainings]
    uses = {row.result.key: use for row in rows if (use := use_of(row.result))}
    if not uses:
        return None
    measured = _Rows([row for row in rows if row.result.key in uses], uses)
    said = claims()
    return Judged(
        source=f"{said.survey} ({said.authors})",
        budget=_budget(measured.rows[0].result),
        families=tuple(_families(said, measured)),
        remedies=tuple(_remedies(said, measured)),
    )


def _budget(result: Result) -> str:
    """How long a system was trained, in words."""
    study = result.protocol.setting("study") or {}
    steps, repeats, batch = (study.get("schedule") or {}).get("steps"), study.get("repeats"), study.get("batch")
    if not (steps and repeats and batch):
        return "How long the systems were trained is not stated in this protocol."
    return (
        f"Each system was trained {repeats} times, for {steps} steps of {batch} examples in a small network: what is "
        "confirmed or refuted is what the claim says of such a training, not of one that has converged."
    )


def plain_vq(table: Table) -> Row | None:
    """The first row of plain VQ, which others are compared with; None without one."""
    family = claims().families[0]
    rows = (row for row in table.rows if row.result.trainings and not row.failed and not _changed(row))
    return next((row for row in rows if family.covers(row.result.system.entry)), None)


@dataclass(frozen=True)
class _Rows:
    """The rows that used codebooks, and how they used them by the key of their result."""

    rows: Sequence[Row]
    uses: Mapping[str, Use]

    def use(self, row: Row) -> Use:
        return self.uses[row.result.key]

    def plain(self) -> list[Row]:
        """Those to which nothing was done."""
        return [row for row in self.rows if not _changed(row)]

    def without(self, row: Row, key: str) -> Use | None:
        """The use of the same system without one of its arguments; None if it was not measured."""
        left = {name: value for name, value in _arguments(row).items() if name != key}
        same = (
            other
            for other in self.rows
            if other.result.system.entry == row.result.system.entry and _arguments(other) == left
        )
        return next((self.use(other) for other in same), None)

    def plain_vq(self, said: Claims, row: Row) -> Use | None:
        """The use of plain VQ, of the same number of bits if there is one; None if it was not measured."""
        vq = [other for other in self.plain() if said.families[0].covers(other.result.system.entry)]
        bits = _arguments(row).get("bits")
        vq.sort(key=lambda other: _arguments(other).get("bits") != bits)
        return self.use(vq[0]) if vq else None


def _arguments(row: Row) -> dict[str, Any]:
    """The arguments of a system, without those that say what a plain one does anyway."""
    return {key: value for key, value in row.result.system.arguments.items() if PLAIN.get(key) != value}


def _changed(row: Row) -> list[str]:
    """The arguments that make it another than a plain one."""
    return [key for key in PLAIN if key in _arguments(row)]


def _families(said: Claims, measured: _Rows) -> Iterator[Line]:
    claimed: set[str] = set()
    for family in said.families:
        rows = [row for row in measured.plain() if family.covers(row.result.system.entry)]
        claimed |= {row.result.key for row in rows}
        subject, claim, why = f"{family.family} ({family.section})", family.prevents, family.reason
        if not rows:
            yield Line(subject, "", claim, why, None, None, None, Finding("not measured", _why_not(family)))
        for row in rows:
            use = measured.use(row)
            finding = judged(family.prevents, use, measured.plain_vq(said, row)).remarked(family.remark)
            yield Line(subject, "", claim, why, row, use, None, finding)
    for row in measured.plain():
        if row.result.key not in claimed and _method_of(said, row) is None:
            state, reason = collapsed(measured.use(row))
            finding = Finding("cannot tell", reason)
            yield Line(DASH, "", "", "", row, measured.use(row), None, finding, OTHERS[state])


def _remedies(said: Claims, measured: _Rows) -> Iterator[Line]:
    found: dict[str, list[tuple[Row, str]]] = {}
    unclaimed = []
    for row in measured.rows:
        match = _method_of(said, row)
        if match:
            found.setdefault(match[0].method, []).append((row, match[1]))
        elif _changed(row):
            unclaimed.append(row)
    for kind, method in said.methods():
        where = f" [{method.refs}]" if method.refs else f" ({method.source})" if method.source else ""
        subject = method.method + where
        if method.method not in found:
            why = method.why or "no system of this table has it"
            yield Line(subject, kind.kind, "more", kind.claim, None, None, None, Finding("not measured", why))
        for row, key in found.get(method.method, []):
            use, plain = measured.use(row), measured.without(row, key) if key else measured.plain_vq(said, row)
            yield Line(subject, kind.kind, "more", kind.claim, row, use, plain, _raised(use, plain))
    keys = [next((key for key in _changed(row) if measured.without(row, key)), _changed(row)[0]) for row in unclaimed]
    for row, key in sorted(zip(unclaimed, keys, strict=True), key=lambda pair: list(UNCLAIMED).index(pair[1])):
        finding = _raised(measured.use(row), measured.without(row, key))
        verdict = HIGHER.get(finding.kind, "")
        subject = clean(f"{key}={_arguments(row)[key]}")
        use, plain = measured.use(row), measured.without(row, key)
        yield Line(subject, UNCLAIMED[key], "", "the survey claims nothing of them", row, use, plain, finding, verdict)


def _raised(use: Use, plain: Use | None) -> Finding:
    return raised(use, plain) if plain else Finding("cannot tell", "the system without it was not measured")


def _method_of(said: Claims, row: Row) -> tuple[Method, str] | None:
    """The remedy that a row has, with the argument that it is; None if the survey names none."""
    system = row.result.system
    for _, method in said.methods():
        key = method.matched(system.entry, _arguments(row))
        if key is not None:
            return method, key
    return None


def _why_not(family: Family) -> str:
    if family.suite and family.suite in shipped("suites"):
        return f"{family.why}; bench run --suite {family.suite} measures its codes"
    return family.why or "no system of this table is of this family"
