"""Results of older schemas as documents of the current one; nothing is measured again.

Up to schema 3 the fingerprint was of everything, the metrics that were measured included, and a text said why a value
is missing and what helps. Schema 4 has a fingerprint for the conditions and one for each metric
(``bench/contracts/protocol.py``), and keeps causes and remedies apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from bench.contracts.protocol import FINGERPRINT_LENGTH
from bench.machine.canonical import digest

OF_METRICS = 4
"""The schema from which on metrics have fingerprints of their own, and remedies a field."""
OLDER = (1, 2, 3)
OF_TASKS = frozenset({"nll", "token_perplexity", "bits_per_pixel_model", "bitrate_model"})
"""Values that tasks give and no metric, beside those of sampling."""
_SAMPLING = "sampling_"
_DERIVED = re.compile(r"_(level_\d+|joint|continuation|tokenized|model_loss)$")
_DEFAULTS: dict[str, Any] = {"dtype": "float32", "tf32": False, "seed": 0}
_REMEDY = re.compile(
    r"; (?=run: |unset |fetch |if it is gated |install |set |shorten |lengthen |choose |give |raise the metric|"
    r"compare nll |measure at least |on Debian )"
)
"""Where the remedy began in texts of schemas 1 to 3."""
_OTHER_WAY = re.compile(r" +\(or give the file: [^)]*\)$")
_ABSENT = re.compile(r"(not in the cache(?: and (?:cannot be fetched.*|--offline is set).*|, the hub out of reach.*))$")
"""What the attempt to get a file came to, which now stands in brackets behind what lacks."""


def migrated(document: Any) -> Any:
    """A result of any schema as one of the current schema.

    What has another form than results ever had is left as it is, for the schema to name.

    Args:
        document: the parsed result file.
    """
    schema = document.get("schema_version", OF_METRICS) if isinstance(document, Mapping) else None
    if schema not in OLDER:
        return document
    changed: dict[str, Any] = {**document, "schema_version": OF_METRICS}
    protocol, metrics, errors = (document.get(name) for name in ("protocol", "metrics", "errors"))
    if isinstance(errors, list):
        changed["errors"] = [_split(error, "message") for error in errors]
    if not _is_whole(protocol):
        return changed
    changed["protocol"] = _protocol(protocol)
    if document.get("fingerprint") == _old_fingerprint(protocol):
        changed["fingerprint"] = _fingerprint(changed["protocol"])
    if isinstance(metrics, Mapping):
        names = list(protocol["metrics"])
        changed["metrics"] = {
            value: {**_split(estimate, "unavailable"), "metric": giver(value, names)}
            if isinstance(estimate, Mapping)
            else estimate
            for value, estimate in metrics.items()
        }
    return changed


def giver(value: str, metrics: Iterable[str]) -> str:
    """Which of the measured metrics gave a value, or what it was made of; empty if the task gave it.

    A value that no registry line claims is of a metric whose package is not installed: of the one that it is named
    after, or else of the first. So it compares only where that metric was measured likewise.
    """
    known = list(metrics)
    if value in OF_TASKS or value.startswith(_SAMPLING):
        return ""
    base = value
    while True:
        if found := next((name for name in known if name == base or base in outputs(name)), None):
            return found
        if (shorter := _DERIVED.sub("", base)) == base:
            break
        base = shorter
    foreign = sorted(name for name in known if not _is_registered(name))
    return next((name for name in foreign if value.startswith(name)), foreign[0] if foreign else "")


def outputs(metric: str) -> tuple[str, ...]:
    """The values that a registered metric gives, where they are called otherwise than it."""
    from bench.site.definitions import OUTPUTS

    return OUTPUTS.get(metric, ())


def weights_of(metric: str) -> tuple[str, ...] | None:
    """The weights files that a metric uses, as its registry line says; None if it has no line that could say so."""
    from bench import registry

    entry = registry.entries("metrics").get(metric)
    return None if entry is None or entry.plugin else entry.weights


def _is_registered(metric: str) -> bool:
    return weights_of(metric) is not None


def _is_whole(protocol: Any) -> bool:
    """Whether a protocol has the fields that its new form is made of."""
    return isinstance(protocol, Mapping) and all(
        isinstance(protocol.get(name), Mapping) for name in ("settings", "metrics", "weights", "dataset")
    )


def _protocol(old: Mapping[str, Any]) -> dict[str, Any]:
    settings, weights = dict(old["settings"]), old["weights"]
    sections = settings.pop("metrics", None) or {}
    uses = {name: weights_of(name) for name in old["metrics"]}
    claimed = {file for files in uses.values() for file in files or ()}
    # What no known metric uses is of those that cannot be asked, any of them.
    others = [file for file in weights if file not in claimed]
    metrics = {
        name: {
            "version": version,
            "settings": sections.get(name) or {},
            "weights": {
                file: weights[file] for file in (others if uses[name] is None else uses[name] or ()) if file in weights
            },
        }
        for name, version in old["metrics"].items()
    }
    return {
        **{name: value for name, value in old.items() if name != "weights"},
        "settings": settings,
        "metrics": metrics,
    }


def _old_fingerprint(protocol: Mapping[str, Any]) -> str:
    """The fingerprint of schemas 1 to 3: of all fields but the preset's name, defaults written out."""
    whole = {**_DEFAULTS, **protocol, "dataset": {"limit": None, **protocol["dataset"]}}
    whole.pop("preset", None)
    return digest(whole)[:FINGERPRINT_LENGTH]


def _fingerprint(protocol: Mapping[str, Any]) -> str:
    """That of the conditions, as :attr:`bench.contracts.protocol.Protocol.fingerprint` has it."""
    return _old_fingerprint({name: value for name, value in protocol.items() if name != "metrics"})


def _split(record: Any, field: str) -> Any:
    """A record with the remedy of a text in a field of its own."""
    text = record.get(field) if isinstance(record, Mapping) else None
    if not isinstance(text, str) or not (found := _REMEDY.search(text)):
        return dict(record) if isinstance(record, Mapping) else record
    cause, remedy = text[: found.start()], text[found.end() :]
    return {**record, field: _ABSENT.sub(r"missing (\1)", cause), "remedy": _OTHER_WAY.sub("", remedy)}
