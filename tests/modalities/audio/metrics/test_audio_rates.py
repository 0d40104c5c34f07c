"""Rates of sound: the structural ones exact, the counted ones over totals, padding in none."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from bench.contracts.results import CodebookRecord
from bench.contracts.tokens import Codebook, TokenError, Tokens
from bench.metrics.base import Batch, Metric
from bench.metrics.codebook import CodebookUse
from bench.modalities.audio.batch import Audio
from bench.modalities.audio.metrics.rates import Bitrate, EntropyBitrate, FileBitrate, RealTimeFactor, TokensPerSecond

RATE = 1000
# SNAC's way: levels at 50 and 100 codes a second.
BOOKS = (Codebook(16, "20 ms", rate=50), Codebook(4, "10 ms", rate=100))
LENGTHS = torch.tensor([200, 100])


def batch(tokens: Tokens, bitrate: float | None = None, seconds: float = 0.03) -> Batch:
    audio = Audio(torch.zeros(2, 1, 200), RATE, LENGTHS)
    return Batch(
        torch.arange(2), torch.arange(2), audio, audio, tokens,
        encode_seconds=seconds, decode_seconds=2 * seconds, nominal_bitrate=bitrate,
    )  # fmt: skip


def codes() -> Tokens:
    """10 and 5 codes at level 0, 20 and 10 at level 1; what is past them is padding and must not count."""
    first = torch.tensor([[1, 2] * 5, [1, 2, 1, 2, 1, 9, 9, 9, 9, 9]])
    second = torch.tensor([[0, 1, 2, 3] * 5, [0, 1, 2, 3, 0, 1, 2, 3, 0, 1] + [3] * 10])
    lengths = (torch.tensor([10, 5]), torch.tensor([20, 10]))
    return Tokens((first, second), signal_rate=RATE, signal_lengths=LENGTHS, lengths=lengths)


def value(metric: Metric, *batches: Batch) -> float | None:
    for one in batches:
        metric.update(one)
    (estimate,) = list(metric.compute().values())[:1]
    return estimate.value


def test_structural_rates_are_exact() -> None:
    assert value(TokensPerSecond(codebooks=BOOKS), batch(codes())) == 150
    bitrate = Bitrate(codebooks=BOOKS)
    bitrate.update(batch(codes()))
    estimate = bitrate.compute()["bitrate"]
    assert (estimate.value, estimate.stderr) == ((50 * 4 + 100 * 2) / 1000, 0)


def of_the_speaker(count: int = 3) -> tuple[Tokens, tuple[Codebook, ...]]:
    """The codes of above after those of a codebook that has three for each clip."""
    tokens = codes()
    lengths = (torch.full((2,), count), *tokens.lengths)
    once = torch.arange(count).repeat(2, 1)
    return Tokens((once, *tokens.codes), lengths=lengths, **side(tokens)), (
        Codebook(8, "1/3 of a clip", per_clip=3),
        *BOOKS,
    )


def test_codes_per_clip_are_counted_over_the_clips() -> None:
    """Clips of 0.2 and 0.1 s have 30 and 15 codes of 80 and 40 bits, and 3 codes of 9 bits each beside."""
    tokens, books = of_the_speaker()
    tokens.check(books)
    tokens.check_rates(books)
    assert value(TokensPerSecond(codebooks=books), batch(tokens)) == pytest.approx((45 + 6) / 0.3)
    assert value(Bitrate(codebooks=books), batch(tokens)) == pytest.approx((120 + 18) / 300)
    with pytest.raises(TokenError, match="4 codes for a clip, where its codebook declares 3"):
        of_the_speaker(4)[0].check_rates(books)
    with pytest.raises(TokenError, match="must declare its rate, in codes per second, or else its codes per clip"):
        tokens.check_rates((Codebook(8, "?"), *BOOKS))


def test_a_result_states_codes_per_clip_only_where_there_are_any() -> None:
    first, second, _ = (CodebookRecord(**vars(book)) for book in of_the_speaker()[1])
    assert first.model_dump() == {"size": 8, "covers": "1/3 of a clip", "rate": None, "per_clip": 3}
    assert second.model_dump() == {"size": 16, "covers": "20 ms", "rate": 50}
    assert CodebookRecord(**first.model_dump()) == first


def test_padding_is_not_counted() -> None:
    use = CodebookUse(codebooks=BOOKS)
    use.update(batch(codes()))
    found = use.compute()
    assert found["codebook_utilization_level_0"].value == 2 / 16  # 9 is padding
    assert found["codebook_utilization_level_0"].note.startswith("15 tokens")
    assert found["codebook_utilization_joint"].value is None  # the levels share no grid
    counts = torch.tensor([8, 7]), torch.tensor([8, 8, 7, 7])
    bits = sum(float(n.sum()) * -sum(p * math.log2(p) for p in (n / n.sum()).tolist()) for n in counts)
    assert value(EntropyBitrate(codebooks=BOOKS), batch(codes())) == pytest.approx(bits / 0.3 / 1000)


def test_joint_codes_of_equal_rates_leave_padding_out() -> None:
    books = (BOOKS[0], BOOKS[0])
    code = codes().codes[0]
    tokens = Tokens((code, code), lengths=(torch.tensor([10, 5]),) * 2)
    use = CodebookUse(codebooks=books)
    use.update(batch(tokens))
    assert use.compute()["codebook_utilization_joint"].value == 2 / 16**2


def test_a_codecs_rates_are_its_setting_and_its_bytes() -> None:
    tokens = Tokens(payload=(b"x" * 30, b"x" * 30))
    assert value(Bitrate(), batch(tokens, bitrate=1600)) == 1.6
    assert value(Bitrate(), batch(tokens)) is None
    assert value(FileBitrate(), batch(tokens)) == pytest.approx(60 * 8 / 0.3 / 1000)
    assert value(TokensPerSecond(), batch(tokens)) is None
    assert value(FileBitrate(codebooks=BOOKS), batch(codes())) is None


def test_continuous_tokens_are_counted() -> None:
    latents = Tokens(latents=torch.zeros(2, 20, 8), lengths=(torch.tensor([20, 10]),))
    assert value(TokensPerSecond(), batch(latents)) == pytest.approx(30 / 0.3)
    assert value(Bitrate(), batch(latents)) is None


def test_real_time_factor_by_hand() -> None:
    metric = RealTimeFactor()
    metric.update(batch(codes()))
    found = metric.compute()
    assert found["encode_rtf"].value == pytest.approx(0.03 / 0.3)
    assert found["decode_rtf"].value == pytest.approx(0.06 / 0.3)
    single = batch(codes(), seconds=0.9)
    metric.update(single)
    found = metric.compute()
    assert found["encode_rtf"].value == pytest.approx(0.93 / 0.6)
    assert found["encode_rtf_clip_mean"].value == pytest.approx((0.1 + 3) / 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: Tokens((t.codes[1],) * 2, lengths=(t.lengths[1],) * 2, **side(t)), "declares 50 per second"),
        (lambda t: Tokens(t.codes, lengths=(t.lengths[0],), **side(t)), "1 lengths for 2"),
        (lambda t: Tokens(t.codes, lengths=(t.lengths[0], t.lengths[1] * 2), **side(t)), "for 20 positions"),
        (lambda t: Tokens(t.codes[:1], **side(t)), "1 levels of codes for 2 declared"),
    ],
)
def test_codes_that_disagree_with_the_declaration_are_refused(change, message) -> None:  # type: ignore[no-untyped-def]
    long = codes()
    with pytest.raises(TokenError, match=message):
        wrong = change(long)
        wrong.check(BOOKS)
        wrong.check_rates(BOOKS)
    long.check(BOOKS)
    long.check_rates(BOOKS)


def side(tokens: Tokens) -> dict[str, Any]:
    return {"signal_rate": tokens.signal_rate, "signal_lengths": tokens.signal_lengths}
