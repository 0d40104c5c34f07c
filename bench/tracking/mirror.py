"""The mirror of a run directory in an MLflow experiment: found by tags, written, read back."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.machine.canonical import sha256_file
from bench.tracking.address import Address
from bench.tracking.client import experiment_of
from bench.tracking.record import (
    FILE_TAG,
    PARENT_TAG,
    RESULT_TAG,
    RUN_TAG,
    SOURCE_TAGS,
    SUPERSEDED_TAG,
    Record,
    Unexportable,
)
from bench.tracking.state import Closing, State

PAGE = 1000  # runs that a search returns at a time
SHOWN = 5  # differences that a message names
REMOVED = "removed"  # value of the tag for a result that its run directory no longer has


@dataclass(frozen=True)
class Stored:
    """The outcome for a record: its child run, whether that is new, what was missing before, and the runs removed."""

    mlflow_run: str
    new: bool
    lost: list[str]
    removed: list[str]


@dataclass
class Mirror:
    """The parent run and child runs of a run directory in the experiment of a suite.

    Attributes:
        client: MLflow's client of the store.
        experiment: id of the experiment.
        suite: its name.
        run: id of the run directory, the tag all its runs carry.
        title: name of the parent run.
        parents: parent runs, the one in use first.
        children: child runs by the sha256 of their result file.
    """

    client: Any
    experiment: str
    suite: str
    run: str
    title: str
    parents: list[Any] = field(default_factory=list)
    children: dict[str, list[Any]] = field(default_factory=dict)

    @classmethod
    def open(
        cls, client: Any, address: Address, suite: str, state: State, title: str, contents: Iterable[str]
    ) -> Mirror:
        """The mirror with what the store has of a run directory; the experiment is created if there is none.

        A state that knows of no store takes over the id under which any of ``contents`` (sha256 of the
        result files) is already there, so that losing ``tracking.json`` makes no duplicates.
        """
        experiment = experiment_of(client, address, suite)
        if not state.stores:
            holding = (_search(client, experiment, RESULT_TAG, content) for content in contents)
            state.run = next((runs[0].data.tags[RUN_TAG] for runs in holding if runs), state.run)
        mirror = cls(client, experiment, suite, state.run, title)
        for run in _search(client, experiment, RUN_TAG, state.run):
            content = run.data.tags.get(RESULT_TAG)
            (mirror.parents if content is None else mirror.children.setdefault(content, [])).append(run)
        # A request that was answered too late and sent again leaves twins: every process picks the same.
        used = Counter(run.data.tags.get(PARENT_TAG) for copies in mirror.children.values() for run in copies)
        mirror.parents.sort(key=lambda run: (-used[run.info.run_id], run.info.run_id))
        return mirror

    def put(self, record: Record, thorough: bool = True) -> Stored:
        """Make MLflow hold a record exactly once, and read it back.

        ``thorough`` compares the bytes of artifacts that were there before, not only their sizes.

        Raises:
            Unexportable: what was read back differs and cannot be repaired.
        """
        wanted = record.tags | {RUN_TAG: self.run, PARENT_TAG: self._parent(record.start)}
        copies = [(_differences(run, record, wanted), run) for run in self.children.get(record.content, [])]
        copies.sort(key=lambda copy: (len(copy[0]), copy[1].info.run_id))
        removed = [run.info.run_id for _, run in copies[1:]]
        for twin in removed:
            self.client.delete_run(twin)
        if copies:
            lost, child = copies[0]
            files = self._wrong_artifacts(child.info.run_id, record, thorough)
            lost = lost + [f"artifact {file.name}" for file in files]
        else:
            identity = {key: wanted[key] for key in (RUN_TAG, RESULT_TAG, PARENT_TAG)}
            child = self.client.create_run(self.experiment, record.start, identity, record.name)
            lost, files = [], list(record.artifacts)
        if lost or not copies:
            child = self._write(child, record, wanted, files)
        self.children[record.content] = [child]
        self._supersede(child, wanted[FILE_TAG])
        return Stored(child.info.run_id, not copies, lost, removed)

    def answers(self) -> bool:
        """Whether the store still works after something went wrong."""
        try:
            self.client.get_experiment(self.experiment)
        except Exception:
            return False
        return True

    def reopen(self) -> None:
        """Mark the parent run as running again, since the run directory is being resumed."""
        if self.parents and self.parents[0].info.status != "RUNNING":
            self.client.update_run(self.parents[0].info.run_id, "RUNNING")

    def close(self, closing: Closing) -> None:
        """End the parent run as stated; does nothing if no result was ever exported."""
        if not self.parents:
            return
        parent = self.client.get_run(self.parents[0].info.run_id)
        if (parent.info.status, parent.info.end_time) != (closing.status, closing.time):
            self.client.set_terminated(parent.info.run_id, closing.status, closing.time)

    def remove_empty_parents(self) -> list[str]:
        """Delete duplicates of the parent run that have no children, and return their ids."""
        used = {run.data.tags.get(PARENT_TAG) for copies in self.children.values() for run in copies}
        spare = [run.info.run_id for run in self.parents[1:] if run.info.run_id not in used]
        for mlflow_run in spare:
            self.client.delete_run(mlflow_run)
        return spare

    def _parent(self, start: int) -> str:
        if not self.parents:
            tags = {RUN_TAG: self.run, "bench.suite": self.suite, **SOURCE_TAGS}
            self.parents = [self.client.create_run(self.experiment, start, tags, self.title)]
        identifier: str = self.parents[0].info.run_id
        return identifier

    def _supersede(self, child: Any, file: str) -> None:
        """Tag the children of a file's earlier contents, so that a cell measured again shows once."""
        latest = child.info.run_id
        if SUPERSEDED_TAG in child.data.tags:  # an earlier result was put back
            self.client.delete_tag(latest, SUPERSEDED_TAG)
            del child.data.tags[SUPERSEDED_TAG]
        for run in (run for copies in self.children.values() for run in copies):
            stale = run.data.tags.get(FILE_TAG) == file and run.info.run_id != latest
            if stale and SUPERSEDED_TAG not in run.data.tags:
                self.client.set_tag(run.info.run_id, SUPERSEDED_TAG, latest)
                run.data.tags[SUPERSEDED_TAG] = latest

    def _write(self, run: Any, record: Record, tags: Mapping[str, str], files: Iterable[Path]) -> Any:
        from mlflow.entities import Metric, Param, RunTag

        identifier, data = run.info.run_id, run.data
        # A param cannot be overwritten: one that differs is left for the comparison below to report.
        self.client.log_batch(  # splits what is more than a request may hold
            identifier,
            metrics=[Metric(k, v, record.end, 0) for k, v in record.metrics.items() if data.metrics.get(k) != v],
            params=[Param(k, v) for k, v in record.params.items() if k not in data.params],
            tags=[RunTag(k, v) for k, v in tags.items() if data.tags.get(k) != v],
        )
        for file in files:
            self.client.log_artifact(identifier, str(file))
        self.client.set_terminated(identifier, record.status, record.end)  # last: a child cut short is not ended
        run = self.client.get_run(identifier)
        wrong = self._wrong_artifacts(identifier, record, thorough=True)
        differing = _differences(run, record, tags) + [f"artifact {file.name}" for file in wrong]
        if differing:
            shown = "; ".join(differing[:SHOWN]) + " ..." * (len(differing) > SHOWN)
            raise Unexportable(
                f"MLflow run {identifier} differs from the result even after writing: {shown}; "
                "delete that run in MLflow and sync again"
            )
        return run

    def _wrong_artifacts(self, identifier: str, record: Record, thorough: bool) -> list[Path]:
        sizes = {item.path: item.file_size for item in self.client.list_artifacts(identifier)}
        return [
            file
            for file in record.artifacts
            if file.name not in sizes
            or sizes[file.name] not in (None, file.stat().st_size)  # not every artifact store reports sizes
            or (thorough and not self._same(identifier, file))
        ]

    def _same(self, identifier: str, file: Path) -> bool:
        with tempfile.TemporaryDirectory(prefix="bench-sync-") as folder:
            copy = self.client.download_artifacts(identifier, file.name, folder)
            return sha256_file(Path(copy)) == sha256_file(file)


def mark_removed(client: Any, runs: Iterable[str]) -> list[str]:
    """Tag child runs whose result was removed, and return their ids; runs that no longer exist are skipped."""
    from mlflow.exceptions import MlflowException

    marked = []
    for identifier in runs:
        try:
            run = client.get_run(identifier)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            continue
        if run.info.lifecycle_stage == "active" and SUPERSEDED_TAG not in run.data.tags:
            client.set_tag(identifier, SUPERSEDED_TAG, REMOVED)
            marked.append(identifier)
    return marked


def _search(client: Any, experiment: str, tag: str, value: str) -> list[Any]:
    runs: list[Any] = []
    token: str | None = ""
    while token is not None:
        page = client.search_runs([experiment], f"tags.`{tag}` = '{value}'", max_results=PAGE, page_token=token or None)
        runs += page
        token = page.token or None
    return runs


def _differences(run: Any, record: Record, tags: Mapping[str, str]) -> list[str]:
    """What a run lacks of a record or has differently, one phrase each."""
    kinds: list[tuple[str, Mapping[str, Any], Mapping[str, Any]]] = [
        ("status", {"": run.info.status, " time": run.info.end_time}, {"": record.status, " time": record.end}),
        ("tag ", run.data.tags, tags),
        ("param ", run.data.params, record.params),
        ("metric ", run.data.metrics, record.metrics),
    ]
    return [
        f"{kind}{key} is {_short(stored[key])}, not {_short(value)}" if key in stored else f"{kind}{key} is missing"
        for kind, stored, wanted in kinds
        for key, value in wanted.items()
        if key not in stored or stored[key] != value
    ]


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"
