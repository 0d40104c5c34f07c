"""`bench remove`: what belongs to a result goes, all else stays, and MLflow is told by the next sync."""

from __future__ import annotations

import pytest
from tracking_parts import SUITE, client_of, export, failed, result, runs_in, write

from bench.contracts.kept import Kept
from bench.contracts.results import KeptRecord, Run
from bench.tracking import sync


def kept(run, measured, suffix=".png"):
    """Write a result with a kept sample."""
    file = run.file_of(measured.system.name, measured.protocol)
    sample = Kept(index=3, id="a", suffix=suffix, original=b"original", reconstruction=b"own")
    return file, run.write(file, measured, {"id": ["a"], "psnr": [1.5]}, [sample])


def contents(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() or path.is_symlink()}


def test_a_result_goes_with_all_that_belongs_to_it_and_nothing_else(bench, tmp_path):
    run = Run(tmp_path / "run")
    kept(run, result("stays"), ".toy")
    before = contents(tmp_path)
    file, gone = kept(run, result("goes", 1), ".toy")
    note, outside = run.folder / "kept" / file.stem / "note.txt", tmp_path / "outside.png"
    note.write_text("mine")
    outside.write_bytes(b"")
    state = run.partial_of(file) / "features" / "rows"
    state.parent.mkdir(parents=True)
    for path in (state, state.parents[1] / "last"):
        path.write_bytes(b"")
    # What a result says of its files is not where files are removed.
    record = KeptRecord(id="a", index=0, original="../../outside.png", reconstruction=str(outside))
    file.write_text(gone.model_copy(update={"samples": "../../outside.png", "kept": [record]}).model_dump_json())
    refused = bench("remove", "run", "--system", "goes", code=2)
    assert "give --yes" in refused.stderr
    assert "1 result and 4 files" in refused.stdout
    assert file.exists()
    bench("remove", "run", "--system", "goes", "--yes")
    assert contents(tmp_path) == before | {str(path.relative_to(tmp_path)) for path in (note, outside)}
    bench("remove", "run", "--system", "stays", "--yes")
    assert contents(tmp_path) == {str(path.relative_to(tmp_path)) for path in (note, outside)}


def test_links_are_not_followed(bench, tmp_path):
    run = Run(tmp_path / "run")
    file, _ = kept(run, result())
    samples = run.folder / "kept" / file.stem
    samples.rename(tmp_path / "elsewhere")
    samples.symlink_to(tmp_path / "elsewhere")
    bench("remove", "run", "--system", "klt-vq@8", "--yes")
    assert contents(tmp_path) == {"elsewhere/000003.png", str(samples.relative_to(tmp_path))}


def test_failed_cells_alone(bench, tmp_path):
    run = Run(tmp_path / "run")
    good, _ = write(run, result("good"))
    for name in ("one", "two"):
        write(run, failed(name))
    (run.folder / "damaged.json").write_text("{")
    assert bench("remove", "run", "--failed", "--system", "good", "--yes", code=3).returncode == 3
    bench("remove", "run", "--failed", "--system", "one", "--yes")
    assert len(run.files()) == 3
    done = bench("remove", "run", "--failed", "--yes")
    assert "FAILED 2026-01-02T03:04:00: OSError: no such file" in done.stdout
    assert "left alone" in done.stderr
    assert {file.name for file in run.files()} == {good.name, "damaged.json"}
    for wrong in ((), ("--system", "goood")):
        assert bench("remove", "run", *wrong, code=2).stderr.count("good" if wrong else "--failed") >= 1


@pytest.mark.parametrize("all_of_them", [False, True])
def test_the_next_sync_marks_what_was_removed(bench, store, tmp_path, all_of_them):
    run = Run(tmp_path / "run")
    results = [write(run, result("good")), write(run, failed("bad", 1))]
    export(run, store, results)
    removed = bench("remove", "run", "--failed", "--yes")
    assert f"MLflow ({store}) keeps its record" in removed.stdout
    if all_of_them:
        bench("remove", "run", "--system", "good", "--yes")
    report = sync(run, store)
    assert len(report.marked) == 1 + all_of_them
    assert report.ok
    _, children = runs_in(store, run)
    current = {child.info.run_name for child in children if "bench.superseded_by" not in child.data.tags}
    assert current == (set() if all_of_them else {"good × image-recon"})
    # Measured again, it is there again, once.
    export(run, store, [write(run, failed("bad", 2))])
    sync(run, store)
    _, children = runs_in(store, run)
    assert len([c for c in children if "bad" in c.info.run_name and "bench.superseded_by" not in c.data.tags]) == 1


def test_a_run_that_is_gone_from_mlflow_is_no_trouble(bench, store, tmp_path):
    run = Run(tmp_path / "run")
    export(run, store, [write(run, result("good")), write(run, failed("bad", 1))])
    client = client_of(store)
    (bad,) = (child for child in runs_in(store, run)[1] if "bad" in child.info.run_name)
    client.delete_run(bad.info.run_id)
    bench("remove", "run", "--failed", "--yes")
    report = sync(run, store)
    assert (report.ok, report.marked) == (True, [])
    assert client.get_experiment_by_name(SUITE) is not None
