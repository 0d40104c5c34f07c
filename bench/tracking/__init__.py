"""MLflow: an exporter that never fails a run, and the sync that replays what it missed.

The run directory is the source of truth; MLflow mirrors it. The layout there:

- experiment: the suite.
- parent run: one run directory, tag ``bench.run`` (an id kept in its ``tracking.json``).
- child run: one result, of a system on a task; ``bench.result`` is the sha256 of the result file, so
  that the same measurement is never there twice. A cell measured again is a new child, and the earlier
  one gets ``bench.superseded_by``; one that ``bench remove`` removed gets it too, with the value "removed".
- metrics: ``NAME``, ``NAME.stderr``, ``NAME.low``, ``NAME.high`` (95% interval) and ``wall_seconds``,
  all at step 0 with the result's own time, so that a replay writes the same rows.
- tags ``bench.fingerprint`` of the conditions and ``bench.metric_fingerprints`` of each metric;
  ``unavailable.NAME``: why there is no value, ``remedy.NAME``: what helps; ``nonfinite.NAME``: an
  infinite or undefined value, which MLflow would turn into a finite number.
- params ``system.*`` and ``protocol.*``: arguments and protocol, flattened.
- artifacts: the result JSON and the per-sample parquet.

Nothing here imports mlflow before there is something to export: that takes a second. The commands use ``apart``, which
exports in another process, whose time and memory are limited.
"""

from bench.tracking.apart import ExporterApart, sync_apart
from bench.tracking.exporter import Exporter
from bench.tracking.sync import SyncReport, sync

__all__ = ["Exporter", "ExporterApart", "SyncReport", "sync", "sync_apart"]
