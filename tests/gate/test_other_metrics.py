"""Results that measured other metrics, or measured them otherwise: what compares, compares; the rest is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gate_parts import mean_of, protocol, values, write

from bench.contracts.protocol import MetricProtocol, Protocol
from bench.contracts.results import Run, result_files
from bench.gate import baseline
from bench.gate.comparison import Comparison, Verdict
from bench.gate.lines import describe, headline
from bench.gate.pairing import match, read
from bench.gate.verdicts import Report, compare

PSNR = MetricProtocol(version=1)
LPIPS = MetricProtocol(version=1, weights={"alexnet": "0" * 64})
BOTH = protocol(metrics={"psnr": PSNR, "lpips_alex": LPIPS})
OTHERWISE = protocol(metrics={"psnr": PSNR, "lpips_alex": LPIPS.model_copy(update={"settings": {"size": 64}})})


def measured(folder: Path, under: Protocol, loss: float = 0.0, **fields: str) -> Path:
    """One result with the metrics of a protocol."""
    samples = {name: values(seed) - loss for seed, name in enumerate(under.metrics)}
    metrics = {name: mean_of(column, name).model_copy(update={"metric": name}) for name, column in samples.items()}
    return write(folder, metrics=metrics, samples=samples, under=under, **fields)


def held(before: Path, after: Path) -> tuple[Report, dict[str, Comparison]]:
    report = compare(match(read(before), read(after)))
    return report, {row.metric: row for row in report.comparisons}


def test_the_same_psnr_is_judged_whatever_was_measured_beside_it(tmp_path: Path) -> None:
    both, alone = measured(tmp_path / "both", BOTH), measured(tmp_path / "alone", protocol())
    for before, after in ((both, alone), (alone, both)):
        _, rows = held(before, after)
        assert rows["psnr"].verdict == Verdict.HELD and rows["psnr"].difference == 0
    assert held(both, alone)[1]["lpips_alex"].verdict == Verdict.MISSING
    assert held(alone, both)[1]["lpips_alex"].verdict == Verdict.NOT_COMPARED
    assert held(both, measured(tmp_path / "worse", protocol(), loss=1.0))[0].regressed


def test_a_metric_that_was_measured_otherwise_is_named_with_what_differs(tmp_path: Path) -> None:
    report, rows = held(measured(tmp_path / "one", BOTH), measured(tmp_path / "other", OTHERWISE))
    assert rows["psnr"].verdict == Verdict.HELD
    assert rows["lpips_alex"].verdict == Verdict.MISSING
    assert rows["lpips_alex"].reason == "measured differently: size None before, 64 after"
    assert "INCOMPLETE" in headline(report) and "LPIPS (alex) of a" in headline(report)
    assert any("--tolerance lpips_alex=inf" in line for line in describe(report).remarks)


def test_results_of_one_subject_are_compared_as_one(tmp_path: Path) -> None:
    whole = measured(tmp_path / "whole", BOTH)
    parts = tmp_path / "parts"
    only = protocol(metrics={"lpips_alex": LPIPS})
    # The lone metric is the first of its protocol, so its samples are other ones: write those of the whole.
    (of_whole,) = read(whole)
    for under, name in ((protocol(), "psnr"), (only, "lpips_alex")):
        own = of_whole.result.model_copy(
            update={
                "protocol": under,
                "metrics": {name: of_whole.result.metrics[name]},
                "subject": "s",
                "key": name,
            }
        )
        columns = {column: of_whole.samples[column] for column in ("id", "group", name)}
        Run(parts).write(Run(parts).file_of("a", under), own, columns)
    _, rows = held(whole, parts)
    assert {row.verdict for row in rows.values()} == {Verdict.HELD}
    baseline.apply(baseline.plan(read(parts), tmp_path / "kept"), tmp_path / "kept")
    assert held(tmp_path / "kept", whole)[1].keys() == rows.keys()


def test_a_baseline_takes_the_metrics_of_the_run(tmp_path: Path) -> None:
    folder = tmp_path / "kept"

    def update(run: Path) -> int:
        changes = baseline.plan(read(run), folder)
        baseline.apply(changes, folder)
        return len(changes.write)

    steps: tuple[tuple[Callable[[], Path], int], ...] = (
        (lambda: measured(tmp_path / "alone", protocol()), 1),
        (lambda: measured(tmp_path / "both", BOTH), 1),
        (lambda: measured(tmp_path / "again", BOTH), 0),
    )
    for run, written in steps:
        assert update(run()) == written
        assert len(result_files(folder)) == 1, "an earlier one with other metrics is replaced"
    assert read(folder)[0].result.metrics.keys() == {"psnr", "lpips_alex"}
