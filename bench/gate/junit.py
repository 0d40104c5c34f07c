"""The report as JUnit XML: one test suite per system, one test case per judged metric."""

from __future__ import annotations

import re
from xml.etree import ElementTree as Xml

from bench.gate.comparison import JUDGED, Comparison, Verdict
from bench.gate.lines import NOT_BEYOND_CHANCE, amount, data_needed, headline, numbers, probability
from bench.gate.verdicts import Report

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, not even escaped."""


def text(report: Report) -> str:
    """Return the report as JUnit XML.

    Regressions and lost systems or metrics are failures, failed cells are errors, and what is not compared is skipped.
    Losses beyond the tolerance that are not beyond chance are skipped with a message, or failures in a strict report.
    """
    suites: dict[str, list[Xml.Element]] = {}
    for row in report.comparisons:
        if not row.detail and row.verdict != Verdict.SHOWN:
            suites.setdefault(f"{row.task}: {row.system}", []).append(_case(row, report.strict))
    for missing in report.matched.missing:
        case = _element("testcase", name="measured", classname=f"{missing.task}.{missing.name}")
        case.append(_element("failure", message="in the baseline, but missing from the run"))
        suites.setdefault(f"{missing.task}: {missing.name}", []).append(case)
    for failed in report.matched.failed:
        case = _element("testcase", name="measured", classname=f"{failed.task}.{failed.name}")
        message = failed.result.errors[0].told if failed.result.errors else "the cell failed"
        case.append(_element("error", message=message))
        suites.setdefault(f"{failed.task}: {failed.name}", []).append(case)
    root = _element("testsuites", name=headline(report), **_counts([c for cases in suites.values() for c in cases]))
    for name, cases in suites.items():
        suite = _element("testsuite", name=name, **_counts(cases))
        suite.extend(cases)
        root.append(suite)
    Xml.indent(root, " ")
    return Xml.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _case(row: Comparison, strict: bool) -> Xml.Element:
    case = _element("testcase", name=row.metric, classname=f"{row.task}.{row.system}", time="0")
    before, after, change, interval = numbers(row)
    body = f"before {before}, after {after}, difference {change}, 95% interval {interval} {row.shown_in[0]}".strip()
    if row.verdict == Verdict.REGRESSED:
        worse = "" if row.adjusted is None else f"worse by more than {amount(row)}, p {probability(row.adjusted)}"
        case.append(_element("failure", message="; ".join(filter(None, (worse, row.reason))), body=body))
    elif row.verdict == Verdict.MISSING:
        case.append(_element("failure", message=row.lacking))
    elif row.verdict in (Verdict.WORSE, Verdict.UNDECIDED):
        chance = "" if row.adjusted is None else f"p {probability(row.adjusted)}"
        verdict = NOT_BEYOND_CHANCE if row.verdict == Verdict.WORSE else ""
        message = "; ".join(filter(None, (verdict, chance, data_needed(row), row.reason)))
        case.append(_element("failure" if strict else "skipped", message=message, body=body))
    elif row.verdict not in JUDGED:
        case.append(_element("skipped", message=row.lacking))
    else:
        case.append(_element("system-out", body=body))
    return case


def _counts(cases: list[Xml.Element]) -> dict[str, str]:
    kinds = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    return {"tests": str(len(cases))} | {
        name: str(sum(case.find(kind) is not None for case in cases)) for name, kind in kinds.items()
    }


def _element(tag: str, body: str = "", **attributes: str) -> Xml.Element:
    element = Xml.Element(tag, {name: _FORBIDDEN.sub("�", value) for name, value in attributes.items()})
    element.text = _FORBIDDEN.sub("�", body) or None
    return element
