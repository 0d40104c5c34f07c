"""Word error rates: jiwer's over the whole set, their bootstrap, and what becomes of utterances without a value."""

from __future__ import annotations

import math
import unicodedata
from importlib import metadata
from pathlib import Path

import jiwer
import numpy as np
import pyarrow
import pytest
import scipy.stats
import soundfile
from audio_data import audio_batch, distorted, prompt, sound

from bench.contracts.options import Options
from bench.contracts.system import parse
from bench.contracts.task import Job, Request, open_task
from bench.errors import BenchError, Unavailable
from bench.machine.pool import Pool
from bench.metrics import bootstrap
from bench.metrics.bootstrap import ratio_of_sums
from bench.modalities.audio.metrics.utterances import RATIOS, words
from bench.modalities.audio.metrics.word_errors import WordErrors
from bench.modalities.audio.normalizers import NORMALISERS, normaliser
from bench.modalities.audio.recognizers.base import Recognizer

SAID = ("The cat sat.", "On a MAT!", "hello world", "yes", "[beep]", None, "gone")
ORIGINAL = ("the cat sat", "on the mat", "hello", "", "a", "so do", "gone")
RECONSTRUCTION = ("the bat sat down", "", "yellow world", "yes", "a", "so to", None)


@pytest.fixture
def transcripts(tmp_path) -> str:
    """The spec of a table with these texts for ``clip-0`` and on."""
    rows = ["id\tside\ttext"]
    for side, texts in (("original", ORIGINAL), ("reconstruction", RECONSTRUCTION)):
        rows += [f"clip-{at}\t{side}\t{text}" for at, text in enumerate(texts) if text is not None]
    (tmp_path / "heard.tsv").write_text("\n".join(rows) + "\n")
    return f"transcripts={tmp_path / 'heard.tsv'}"


def silent_batch(said=SAID):
    clips = [np.zeros(100, np.float32)] * len(said)
    return audio_batch(clips, clips, transcripts=said)


def measured(batch, **settings) -> WordErrors:
    metric = WordErrors(settings)
    metric.update(batch)
    return metric


def test_a_case_by_hand(transcripts):
    found = measured(silent_batch(), recogniser=transcripts).compute()
    # the cat sat | the bat sat down: 2 of 3; on a mat | nothing: 3 of 3; hello world | yellow world: 1 of 2; yes
    assert found["wer"].value == 6 / 9
    # on a mat | on the mat; hello world | hello; yes | nothing
    assert found["wer_original"].value == 3 / (9 + 1)
    # (2, 3), (3, 3), hello | yellow world (2, 1), a | a (0, 1), so do | so to (1, 2)
    assert found["dwer"].value == 8 / 10
    assert {name: (one.n, one.failures) for name, one in found.items()} == {
        "wer": (4, 3),
        "cer": (4, 3),
        "wer_original": (5, 2),
        "cer_original": (5, 2),
        "dwer": (5, 2),
    }
    assert found["wer"].note == (
        "recognizer transcripts heard.tsv; normalizer english-v1; left out: 1: no transcript; "
        "1: the transcript has no word once normalized; 1: no recognized text of the reconstruction"
    )
    assert "1: no word was recognized in the original" in found["dwer"].note


@pytest.mark.parametrize("name", NORMALISERS)
def test_equal_to_jiwer_over_the_whole_set(transcripts, name):
    found = measured(silent_batch(), recogniser=transcripts, normaliser=name).compute()
    normalise = normaliser(name)
    for texts, suffix in ((RECONSTRUCTION, ""), (ORIGINAL, "_original")):
        pairs = [
            (normalise(said), normalise(text))
            for said, text in zip(SAID, texts, strict=True)
            if None not in (said, text)
        ]
        said, heard = (list(side) for side in zip(*((a, b) for a, b in pairs if a), strict=True))
        assert found[f"wer{suffix}"].value == pytest.approx(jiwer.wer(said, heard), rel=1e-12)
        assert found[f"cer{suffix}"].value == pytest.approx(jiwer.cer(said, heard), rel=1e-12)


def test_each_utterance_has_its_counts_and_texts(transcripts):
    metric = measured(silent_batch(), recogniser=transcripts)
    columns, estimates = metric.samples(), metric.compute()
    np.testing.assert_array_equal(columns["wer"], [2 / 3, 1, 1 / 2, 0, math.nan, math.nan, math.nan])
    assert columns["heard_original"].tolist() == list(ORIGINAL)
    assert columns["heard_reconstruction"].tolist() == list(RECONSTRUCTION)
    for name in RATIOS:
        errors, length = columns[f"{name}_errors"], columns[f"{name}_length"]
        assert estimates[name].value == errors.sum() / length.sum()
        assert (np.isnan(columns[name]) == (length == 0)).all()


def test_pocketsphinx_on_speech(cache):
    """On the spot and in the pool alike; the originals are heard once."""
    batch = sound().batch(range(4))
    metric, pooled = WordErrors(), WordErrors()
    metric.update(batch)
    found = metric.compute()
    kept = {file: file.stat().st_mtime_ns for file in (cache / "transcripts").rglob("*.json")}
    assert len(kept) == 4
    pooled.pool = Pool(2)
    try:
        pooled.update(batch)
        assert pooled.compute() == found
    finally:
        pooled.pool.close()
    assert {file: file.stat().st_mtime_ns for file in (cache / "transcripts").rglob("*.json")} == kept
    assert 0 <= found["wer_original"].value < 1
    assert found["dwer"].value > 0
    assert found["wer"].note.startswith("recognizer pocketsphinx 5.")
    normalise = normaliser("english-v1")
    said, heard = (
        [normalise(text) for text in texts] for texts in (sound().transcripts, metric.samples()["heard_reconstruction"])
    )
    assert found["wer"].value == pytest.approx(jiwer.wer(said, heard), rel=1e-12)


class Parrot(Recognizer):
    """Says what it is given, and counts how often it was asked."""

    label = "parrot"
    asked = 0

    def __init__(self, word: str = "word") -> None:
        self.word = word

    def describe(self):
        return {"word": self.word}

    def transcribe(self, samples, rate, language=""):
        type(self).asked += 1
        if not samples.any():
            raise RuntimeError("silence")
        return f"{self.word} {len(samples)} {rate} {language}"


def test_originals_are_kept_by_recogniser_and_sound(monkeypatch):
    monkeypatch.setattr(Parrot, "asked", 0)
    clips = [prompt("conf-muted"), prompt("conf-full")]
    batch = audio_batch(clips, [distorted(clip) for clip in clips], transcripts=("a", "b"))
    parrot = f"{__name__}:Parrot"
    first = measured(batch, recogniser=parrot).samples()
    assert Parrot.asked == 4
    again = measured(batch, recogniser=parrot).samples()
    assert Parrot.asked == 6, "the originals are known"
    assert again["heard_original"].tolist() == first["heard_original"].tolist()
    other = measured(batch, recogniser=f"{parrot}@word=other").samples()
    assert other["heard_original"][0].startswith("other"), "another recogniser finds nothing of this one"
    assert Parrot.asked == 10


def test_a_damaged_file_of_the_cache_is_no_transcript(cache):
    batch = audio_batch([prompt("conf-muted")], [distorted(prompt("conf-muted"))])
    parrot = f"{__name__}:Parrot"
    first = measured(batch, recogniser=parrot).samples()
    for file in (cache / "transcripts").rglob("*.json"):
        file.write_bytes(b'"word')
    assert measured(batch, recogniser=parrot).samples()["heard_original"] == first["heard_original"]


def test_a_clip_on_which_the_recogniser_breaks_costs_itself_alone():
    speech, silence = prompt("conf-muted"), np.zeros(1000, np.float32)
    batch = audio_batch([speech, silence, speech], [speech, speech[:1000], silence], transcripts=("word",) * 3)
    found = measured(batch, recogniser=f"{__name__}:Parrot").compute()
    assert [found[name].n for name in ("wer", "wer_original", "dwer")] == [2, 2, 1]
    assert "1: the recognizer broke on the reconstruction (RuntimeError (test_word_errors.py, line" in found["wer"].note
    assert "1: the recognizer broke on the original" in found["dwer"].note


def test_padding_and_channels_never_reach_the_recognizer():
    clips = [prompt("conf-muted"), np.stack([prompt("conf-full")] * 2)[0][:5000]]
    found = measured(audio_batch(clips, clips), recogniser=f"{__name__}:Parrot").samples()
    assert found["heard_original"].tolist() == [f"word {len(clip)} 16000 en" for clip in clips]


def test_another_language_has_no_value_and_a_remedy(transcripts):
    batch = silent_batch()
    batch.languages = ("fr",) * len(SAID)
    found = measured(batch, recogniser=transcripts).compute()["wer"]
    assert found.value is None
    assert found.lacking.endswith(
        "(english-v1 is for en); set recogniser and normaliser of word_errors to others, such as whisper and lower-v2"
    )
    assert measured(batch, recogniser=transcripts, normaliser="basic-v1").compute()["wer"].value == 6 / 9


FRENCH = "Le chat est sur la table."
HINDI = "हिन्दी में किताब पढ़ना अच्छा है"


@pytest.mark.parametrize(
    ("dataset", "said", "normaliser", "expected"),
    [
        (
            "audio-folder@language=fr",
            FRENCH,
            "english-v1",
            "audio-folder is in the language fr, so no clip counts (pocket",
        ),
        (
            "audio-folder@language=fr",
            None,
            "english-v1",
            "audio-folder is in the language fr, so no clip counts (pocket",
        ),
        ("audio-folder", FRENCH, "english-v1", "audio-folder does not state its language: pocketsphinx"),
        (
            "audio-folder@language=en",
            HINDI,
            "basic-v1",
            "basic-v1 splits words at combining marks, which 1 of 1 transc",
        ),
        (
            "audio-folder@language=en",
            HINDI,
            "lower-v1",
            "lower-v1 splits words at combining marks, which 1 of 1 transc",
        ),
        ("audio-folder@language=en", HINDI, "lower-v2", ""),
        ("audio-folder@language=en", "The cat", "english-v1", ""),
        ("audio-folder", None, "english-v1", ""),
    ],
)
def test_what_makes_the_rates_worthless_is_told_before_they_are_measured(tmp_path, dataset, said, normaliser, expected):
    (tmp_path / "sound").mkdir()
    soundfile.write(tmp_path / "sound" / "a.wav", np.full(8000, 0.1), 16000)
    if said:
        (tmp_path / "sound" / "a.txt").write_text(said)
    task = open_task("audio-recon")
    settings = {"metrics": {"word_errors": {"normaliser": normaliser}, "stoi": {}}}
    options = Options(data=str(tmp_path / "sound"), batch_size=1, workers=0)
    protocol = task.protocol(Request(("small", settings), dataset, options))
    job = Job(parse("mulaw"), protocol, options)
    (*warnings,) = task.warnings(job)
    assert [warning.startswith(f"word_errors: {expected}") for warning in warnings] == [True] * bool(expected)


def test_a_value_says_that_its_language_is_taken_for_granted(transcripts):
    batch = silent_batch()
    assert "does not say" not in measured(batch, recogniser=transcripts).compute()["wer"].note
    batch.languages = ("",) * len(SAID)
    note = measured(batch, recogniser=transcripts).compute()["wer"].note
    assert "the dataset does not state its language: english-v1 takes it for en" in note


def test_one_text_in_two_forms_has_no_error_and_a_wrong_vowel_sign_one():
    said = unicodedata.normalize("NFC", "Tiếng Việt rất đẹp")
    assert words(*map(normaliser("lower-v2"), (said, unicodedata.normalize("NFD", said)))) == (0, 4)
    assert words(*map(normaliser("lower-v2"), (HINDI, HINDI.replace("किताब", "कीताब")))) == (1, 6)
    assert words(*map(normaliser("none-v2"), (said, unicodedata.normalize("NFD", said)))) == (0, 4)


def test_the_protocol_states_what_decides(transcripts):
    settled = WordErrors.settle(WordErrors.Settings())
    assert settled.revision["recogniser"]["files"]["en-us.lm.bin"]
    assert settled.revision["normaliser"]["name"] == "english-v1"
    assert settled.revision["jiwer"] == metadata.version("jiwer")
    assert WordErrors.settle(settled) == settled
    chosen = WordErrors.settle(WordErrors.Settings(recogniser=transcripts))
    file = Path(transcripts.partition("=")[2])
    file.write_text(file.read_text() + "another\treconstruction\ttext\n")
    with pytest.raises(Unavailable, match="the revision of recogniser differs"):
        WordErrors.settle(chosen)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"recogniser": "pocketsphnix"}, "did you mean pocketsphinx"),
        ({"recogniser": "pocketsphinx@beam=1"}, "pocketsphinx takes: no arguments"),
        (
            {"recogniser": "bench.contracts.tokens:Codebook@size=2,covers=x"},
            "is not a bench.modalities.audio.recognizers",
        ),
        ({"normaliser": "english"}, "did you mean english-v1"),
    ],
)
def test_wrong_settings_are_explained(settings, message):
    with pytest.raises(BenchError, match=message):
        WordErrors(settings)


def utterances(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Errors and words of ``n`` utterances, the longer the worse."""
    generator = np.random.default_rng(seed)
    words = generator.integers(1, 30, n)
    return generator.binomial(words, np.minimum(0.9, words / 60)), words


def test_the_bootstrap_equals_scipys():
    errors, words = utterances(60, 0)
    found = ratio_of_sums(errors, words, np.arange(60))
    expected = scipy.stats.bootstrap(
        (errors, words),
        lambda e, w, axis: e.sum(axis) / w.sum(axis),
        paired=True,
        vectorized=True,
        n_resamples=20000,
        method="BCa",
    )
    width = found.interval[1] - found.interval[0]
    assert found.interval == pytest.approx(tuple(expected.confidence_interval), abs=0.05 * width)
    assert found.stderr == pytest.approx(expected.standard_error, rel=0.06)
    assert found == ratio_of_sums(errors, words, np.arange(60)), "it is the same every time"


def test_scipys_interval_on_the_same_resamples():
    """The quantiles alone, without the noise of drawing."""
    errors, words = utterances(40, 1)
    sums = np.stack([errors, words], 1).astype(float)
    resampled = bootstrap.resampled_ratios(sums)
    found = bootstrap.bca(errors.sum() / words.sum(), resampled, bootstrap.left_out(sums))
    given = scipy.stats.bootstrap(
        (errors, words),
        lambda e, w, axis: e.sum(axis) / w.sum(axis),
        paired=True,
        vectorized=True,
        n_resamples=0,
        bootstrap_result=type("Given", (), {"bootstrap_distribution": resampled})(),
        method="BCa",
    )
    assert found == pytest.approx(tuple(given.confidence_interval), rel=1e-12)


def test_the_interval_covers_as_often_as_it_says():
    truth = utterances(200_000, 2)
    rate = truth[0].sum() / truth[1].sum()
    intervals = [ratio_of_sums(*utterances(50, seed), groups=np.arange(50)).interval for seed in range(3, 303)]
    covered = np.mean([low <= rate <= high for low, high in intervals])
    assert 0.91 <= covered <= 0.98


def test_groups_are_resampled_whole():
    errors, words = utterances(30, 3)
    once = ratio_of_sums(errors, words, np.arange(30))
    twice = ratio_of_sums(*(np.repeat(part, 2) for part in (errors, words)), groups=np.repeat(np.arange(30), 2))  # type: ignore[misc]
    assert (twice.stderr, twice.interval) == (once.stderr, once.interval)
    assert twice.n == 2 * once.n


@pytest.mark.parametrize(
    ("errors", "groups", "method"),
    [((1, 2), (0, 0), "a single group"), ((0, 0), (0, 1), "the same ratio in each of 2 groups")],
)
def test_no_interval_where_the_groups_say_nothing_of_it(errors, groups, method):
    found = ratio_of_sums(np.array(errors), np.array([3, 4]), np.array(groups))
    assert found.interval is None
    assert method in found.method


def test_a_table_is_searched_by_the_systems_name(tmp_path):
    file = tmp_path / "heard.tsv"
    file.write_text("id\tsystem\ttext\nclip-0\tgood\tyes\nclip-0\tbad\tno\n")
    found = {}
    for system in ("good", "bad", "other"):
        metric = WordErrors({"recogniser": f"transcripts={file}"})
        metric.system = system
        metric.update(silent_batch(("yes",)))
        found[system] = metric.compute()["wer"].value
    assert found == {"good": 0, "bad": 1, "other": None}


def test_the_columns_can_be_written(transcripts):
    columns = measured(silent_batch(), recogniser=transcripts).samples()
    table = pyarrow.table({name: list(values) for name, values in columns.items()})
    assert table["heard_reconstruction"].to_pylist() == list(RECONSTRUCTION)
    assert table["wer_errors"].type == pyarrow.int64()
