"""Migration of results of older schemas to the current one; nothing is measured again.

Up to schema 3 the fingerprint covered everything, the metrics that were measured included, and one text said why a
value is missing and what helps. Schema 4 has a fingerprint for the conditions and one for each metric
(``bench/contracts/protocol.py``), keeps causes and remedies apart, and spells it license.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from bench.contracts.protocol import FINGERPRINT_LENGTH
from bench.machine.canonical import digest

OF_METRICS = 4
"""The first schema in which metrics have fingerprints of their own, and remedies a field."""
OLDER = (1, 2, 3)
"""The schemas that are migrated."""
_INCEPTION, _EFFICIENTNET = ("inception-2015-12-05",), ("efficientnet-lite0",)
_BY_NAME = (
    *("psnr", "ssim", "ms_ssim", "tokens_per_image", "bits_per_pixel", "bits_per_pixel_entropy", "peak_memory"),
    *("pesq_wb", "pesq_nb", "si_sdr", "si_sdr_aligned", "delay", "stft_distance", "mel_distance", "visqol"),
    *("speaker_similarity", "tokens_per_second", "bitrate", "bitrate_entropy", "bitrate_file"),
)
METRICS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    **dict.fromkeys(_BY_NAME, ((), ())),
    "lpips_alex": ((), ("alexnet",)),
    "lpips_vgg": ((), ("vgg16",)),
    "rfid": ((), _INCEPTION),
    "inception_score": ((), _INCEPTION),
    "kid": ((), _INCEPTION),
    "gfid": ((), _INCEPTION),
    "sfid": ((), _INCEPTION),
    "fd_efficientnet_lite0": ((), _EFFICIENTNET),
    "generation_inception_score": (("inception_score", "inception_score_file_order"), _INCEPTION),
    "generation_kid": (("kid",), _INCEPTION),
    "precision_recall": (("precision", "recall"), _INCEPTION),
    "density_coverage": (("density", "coverage"), _INCEPTION),
    "generation_fd_efficientnet_lite0": (("gfd_efficientnet_lite0",), _EFFICIENTNET),
    "generation_kd_efficientnet_lite0": (("kd_efficientnet_lite0",), _EFFICIENTNET),
    "density_coverage_efficientnet_lite0": (
        ("density_efficientnet_lite0", "coverage_efficientnet_lite0"),
        _EFFICIENTNET,
    ),
    "sliced_wasserstein": (("swd",), ()),
    "codebook": (("codebook_utilization", "codebook_perplexity", "codebook_entropy"), ()),
    "throughput": (("encode_images_per_second", "decode_images_per_second"), ()),
    "real_time_factor": (("encode_rtf", "decode_rtf", "encode_rtf_clip_mean", "decode_rtf_clip_mean"), ()),
    "stoi": (("stoi", "estoi"), ()),
    "dnsmos": (("dnsmos_ovrl", "dnsmos_sig", "dnsmos_bak", "dnsmos_p808"), ()),
    "word_errors": (("wer", "cer", "dwer", "wer_original", "cer_original"), ()),
}
"""The metrics at the time of schema 3: the values of each, where not named like the metric, and its weights files.

The registry's lines are not used, since they may have changed.
"""
OF_TASKS = frozenset({"nll", "token_perplexity", "bits_per_pixel_model", "bitrate_model"})
"""Values that tasks gave rather than metrics, besides those of sampling."""
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
"""Why a file was not available, which now stands in brackets after what is missing."""


def migrated(document: Any) -> Any:
    """The document of a result of any schema, in the form of the current schema.

    A document that was never a result is returned as it is; validation names what is wrong.

    Args:
        document: the parsed result file.
    """
    schema = document.get("schema_version", OF_METRICS) if isinstance(document, Mapping) else None
    if schema not in OLDER:
        return document
    changed: dict[str, Any] = {**document, "schema_version": OF_METRICS}
    protocol, metrics, errors, system = (document.get(name) for name in ("protocol", "metrics", "errors", "system"))
    if isinstance(system, Mapping) and "licence" in system:
        rest = {name: value for name, value in system.items() if name != "licence"}
        changed["system"] = {**rest, "license": system["licence"]}
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
    """Which of the measured metrics gave a value, or the value it was derived from; empty if the task gave it.

    A value that no metric of the bench gave is from a package: from the metric that it is named after, or else from
    the first. So it compares only where that metric was measured in the same way.

    Args:
        value: name of the value.
        metrics: names of the measured metrics.
    """
    measured = list(metrics)
    if value in OF_TASKS or value.startswith(_SAMPLING):
        return ""
    base = value
    while True:
        if metric := next((name for name in measured if name == base or base in METRICS.get(name, ((), ()))[0]), None):
            return metric
        if (shorter := _DERIVED.sub("", base)) == base:
            break
        base = shorter
    foreign = sorted(name for name in measured if name not in METRICS)
    return next((name for name in foreign if value.startswith(name)), foreign[0] if foreign else "")


def _is_whole(protocol: Any) -> bool:
    """Whether a protocol has the fields that its new form is made of."""
    return isinstance(protocol, Mapping) and all(
        isinstance(protocol.get(name), Mapping) for name in ("settings", "metrics", "weights", "dataset")
    )


def _protocol(old: Mapping[str, Any]) -> dict[str, Any]:
    settings, weights = dict(old["settings"]), old["weights"]
    sections = settings.pop("metrics", None) or {}
    claimed = {file for name in old["metrics"] if name in METRICS for file in METRICS[name][1]}
    # What no metric of the bench uses belongs to those of packages, possibly to any of them.
    others = tuple(file for file in weights if file not in claimed)
    metrics = {
        name: {
            "version": version,
            "settings": sections.get(name) or {},
            "weights": {file: weights[file] for file in METRICS.get(name, ((), others))[1] if file in weights},
        }
        for name, version in old["metrics"].items()
    }
    kept = {name: value for name, value in old.items() if name != "weights"}
    return {**kept, "settings": settings, "metrics": metrics}


def _old_fingerprint(protocol: Mapping[str, Any]) -> str:
    """The fingerprint of schemas 1 to 3: of all fields but the preset's name, defaults written out."""
    whole = {**_DEFAULTS, **protocol, "dataset": {"limit": None, **protocol["dataset"]}}
    whole.pop("preset", None)
    return digest(whole)[:FINGERPRINT_LENGTH]


def _fingerprint(protocol: Mapping[str, Any]) -> str:
    """The fingerprint of the conditions, as :attr:`bench.contracts.protocol.Protocol.fingerprint` computes it."""
    return _old_fingerprint({name: value for name, value in protocol.items() if name != "metrics"})


def _split(record: Any, field: str) -> Any:
    """A record whose text is split into the cause and, in a field of its own, the remedy."""
    text = record.get(field) if isinstance(record, Mapping) else None
    if not isinstance(text, str) or not (match := _REMEDY.search(text)):
        return dict(record) if isinstance(record, Mapping) else record
    cause, remedy = text[: match.start()], text[match.end() :]
    return {**record, field: _ABSENT.sub(r"missing (\1)", cause), "remedy": _OTHER_WAY.sub("", remedy)}
