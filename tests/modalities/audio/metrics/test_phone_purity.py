"""What codes know of phones: worked out by hand, by leaving groups out, and on real speech."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from audio_data import RATE, prompt
from places import SYSTEMS
from sklearn.metrics import mutual_info_score
from sklearn.metrics.cluster import contingency_matrix

from bench.contracts.options import Options
from bench.contracts.system import parse
from bench.contracts.task import Job, Request, open_task
from bench.contracts.tokens import Codebook, Tokens
from bench.errors import Unavailable
from bench.metrics.agreement import agreement
from bench.metrics.base import Batch
from bench.modalities.audio.batch import Audio
from bench.modalities.audio.metrics import phone_purity
from bench.modalities.audio.metrics.phone_purity import PhonePurity
from bench.modalities.audio.recognizers.phone_alignment import PHONES, PhoneAligner, Unaligned, UnknownWords

AA, B, SIL = (PHONES.index(phone) for phone in ("AA", "B", "SIL"))
BOOK = (Codebook(3, "1/50 s", rate=50),)


class Scripted(PhoneAligner):
    """An alignment for each text: two frames of 10 ms per letter, A and B for phones and a dash for silence."""

    def align(self, samples: np.ndarray, rate: int, text: str) -> np.ndarray:
        if text == "wrong":
            raise Unaligned("it does not fit")
        if text == "break":
            raise ValueError("of its own")
        return np.repeat([{"A": AA, "B": B, "-": SIL}[letter] for letter in text], 2)


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    aligner = Scripted()
    monkeypatch.setattr(phone_purity, "_aligner", lambda: aligner)


def batch(*clips: tuple[str | None, list[int], int], languages: str = "en") -> Batch:
    """Clips of 20 ms per code: text, codes, group; shorter ones are padded with the code 2."""
    longest = max(len(codes) for _, codes, _ in clips)
    audio = Audio.of([torch.zeros(1, 320 * len(codes)) for _, codes, _ in clips], RATE)
    padded = torch.tensor([codes + [2] * (longest - len(codes)) for _, codes, _ in clips])
    return Batch(
        index=torch.arange(len(clips)),
        group=torch.tensor([group for _, _, group in clips]),
        reference=audio,
        reconstruction=None,
        tokens=Tokens((padded,), lengths=(torch.tensor([len(codes) for _, codes, _ in clips]),)),
        transcripts=tuple(text for text, _, _ in clips),
        languages=(languages,) * len(clips),
    )


def computed(*clips: tuple[str | None, list[int], int], languages: str = "en") -> dict[str, Any]:
    metric = PhonePurity(codebooks=BOOK)
    metric.update(batch(*clips, languages=languages))
    return metric.compute()


def test_by_hand(scripted: None) -> None:
    """Phones A A B B - and codes 0 0 0 1 1: code 0 is A in 2 of 3, code 1 is B or silence in 1 of 2."""
    found = computed(("AABB-", [0, 0, 0, 1, 1], 0), ("A", [0], 1))
    # With the second clip A is said 3 times, B twice, silence once; code 0 stands for A 3 times and for B once.
    assert found["phone_purity"].value == pytest.approx((3 + 1) / 6)
    assert found["cluster_purity"].value == pytest.approx((3 + 1 + 1) / 6)
    entropy = -(3 * np.log(3 / 6) + 2 * np.log(2 / 6) + np.log(1 / 6)) / 6
    information = (3 * np.log(6 * 3 / (3 * 4)) + np.log(6 * 1 / (2 * 4)) + np.log(6 / (2 * 2)) + np.log(6 / 2)) / 6
    assert found["pnmi"].value == pytest.approx(information / entropy)
    assert found["phone_purity"].n == 2 and found["phone_purity"].note.startswith("6 codes; phones by pocketsphinx")
    assert "biased high" in found["pnmi"].note


def test_a_code_for_every_phone_and_codes_that_know_nothing(scripted: None) -> None:
    perfect = computed(("ABA-", [0, 1, 0, 2], 0), ("BAB", [1, 0, 1], 1))
    assert [perfect[name].value for name in ("phone_purity", "cluster_purity", "pnmi")] == pytest.approx([1, 1, 1])
    nothing = computed(("AABB", [0, 1, 0, 1], 0), ("ABAB", [0, 0, 1, 1], 1))
    assert [nothing[name].value for name in ("phone_purity", "cluster_purity")] == [0.5, 0.5]
    assert nothing["pnmi"].value == pytest.approx(0)


def test_the_error_is_that_of_leaving_out_groups(scripted: None) -> None:
    generator = np.random.default_rng(0)
    clips: list[tuple[str | None, list[int], int]] = []
    for index in range(12):
        text = generator.choice(list("AB-"), 20)
        codes = np.where(generator.random(20) < 0.6, [list("AB-").index(letter) for letter in text], 1)
        clips.append(("".join(text), codes.tolist(), index // 2))
    whole = computed(*clips)
    for name in ("phone_purity", "cluster_purity", "pnmi"):
        without = [computed(*(clip for clip in clips if clip[2] != group))[name].value for group in range(6)]
        assert whole[name].replicates == pytest.approx(without)
        expected = np.sqrt(5 / 6 * np.square(np.array(without) - np.mean(without)).sum())
        assert whole[name].stderr == pytest.approx(expected)


def test_clips_that_cannot_be_aligned_are_left_out_and_counted(scripted: None) -> None:
    clips = (("AB", [0, 1], 0), (None, [0], 1), ("wrong", [0], 2), ("break", [0], 3), ("BA", [1, 0], 4))
    found = computed(*clips)["phone_purity"]
    assert (found.value, found.n, found.failures) == (1, 2, 3)
    for reason in ("1: no transcript", "1: the transcript could not be aligned", "1: the aligner broke (ValueError"):
        assert reason in found.note
    nothing = computed((None, [0], 0), languages="")["pnmi"]
    assert (nothing.value, nothing.unavailable) == (None, "no clip counts: 1: no transcript")
    assert (
        "in a language that the aligner is not for" in computed(("AB", [0, 1], 0), languages="fr")["pnmi"].unavailable
    )
    assert "it is taken for en" in computed(("AB", [0, 1], 0), languages="")["phone_purity"].note
    assert "a single phone" in computed(("AA", [0, 1], 0))["pnmi"].unavailable


def test_what_has_no_codes_says_so(scripted: None) -> None:
    for tokens, reason in (
        (Tokens(latents=torch.zeros(1, 5, 2)), "continuous tokens have no codes"),
        (Tokens(payload=(b"ogg",)), "a codec's bytes have no codes"),
        (Tokens(unknown=1), "the tokens are not known, only the reconstructions"),
    ):
        metric, given = PhonePurity(), batch(("AB", [0, 1], 0))
        given.tokens = tokens
        metric.update(given)
        assert {estimate.unavailable for estimate in metric.compute().values()} == {reason}


def test_agreement_is_scikit_learns() -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 7, 500)
    codes = np.where(generator.random(500) < 0.5, labels * 2, generator.integers(0, 30, 500))
    table = contingency_matrix(labels, codes)
    label, code = np.nonzero(table)
    purity, cluster, normalized = agreement(label, code, table[label, code])
    assert purity == table.max(0).sum() / 500 and cluster == table.max(1).sum() / 500
    share = table.sum(1) / 500
    assert normalized == pytest.approx(mutual_info_score(labels, codes) / -(share * np.log(share)).sum(), rel=1e-12)


def test_phones_of_a_prompt_are_those_of_its_words() -> None:
    clip, aligner = prompt("conf-muted"), PhoneAligner()
    phones = aligner.align(clip, RATE, "You are now muted.")
    runs = phones[np.flatnonzero(np.diff(phones, prepend=-1))]
    spoken = [PHONES[phone] for phone in runs if PHONES[phone] != "SIL"]
    assert " ".join(spoken) in {
        "Y UW AA R N AW M Y UW T IH D",
        "Y UW ER N AW M Y UW T IH D",
        "Y UW AA R N AW M Y UW T AH D",
    }
    assert abs(len(phones) - len(clip) / 160) <= 2
    # What was aligned before does not matter, whether it could be or not.
    aligner.align(prompt("conf-full"), RATE, "The conference is full.")
    for text, kind in (("You are 2 muted", UnknownWords), ("xqzt", UnknownWords), ("...", Unaligned)):
        with pytest.raises(kind):
            aligner.align(clip, RATE, text)
    with pytest.raises(Unaligned):
        aligner.align(np.zeros(800, np.float32), RATE, "a great many words that are never said in so little time")
    assert np.array_equal(aligner.align(clip, RATE, "you are now muted"), phones)
    # At another rate and loudness the words are found where they were.
    assert (aligner.align(clip[::2], RATE // 2, "you are now muted")[: len(phones)] == phones).mean() > 0.7


def test_another_aligner_than_the_protocols_is_not_taken() -> None:
    settled = PhonePurity.settle(PhonePurity.Settings())
    assert PhonePurity.settle(settled) == settled
    with pytest.raises(Unavailable, match="revision of pocketsphinx differs"):
        PhonePurity.settle(PhonePurity.Settings(revision={"package": "0"}))


def test_units_of_a_tokenizer_that_only_encodes(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loudness tells something of the phone; the clock tells nothing, save what so few codes tell by chance."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    task = open_task("audio-recon")
    settings: dict[str, Any] = {"metrics": {"phone_purity": {}, "codebook": {}}}
    protocol = task.protocol(Request(("own", settings), "asterisk-prompts", Options(limit=8, workers=0)))
    found = {}
    for name in ("encoders.py:SoundUnits", "sounds.py:Clock"):
        job = Job(parse(f"{SYSTEMS}/{name}"), protocol, Options(limit=8, workers=0))
        found[name] = task.measure(job, lambda *_: None).metrics["pnmi"]
        assert not found[name].failures
    units, clock = found.values()
    assert units.value > clock.value + 0.1
