"""What the contract does for every metric: intervals stay where values can lie."""

from __future__ import annotations

import pytest

from bench.contracts.stats import Estimate
from bench.errors import BenchError
from bench.metrics.codebook import CodebookUse
from bench.metrics.sets.frechet import bias_note
from bench.modalities.image.tokenizers.codecs import Codec


def test_an_interval_stays_within_the_bounds_of_its_value():
    estimate = Estimate(value=0.9, stderr=0.1, interval=(0.6, 1.2))
    assert CodebookUse.describe("codebook_utilization", estimate).interval == (0.6, 1.0)
    wide = Estimate(value=100.0, stderr=50.0, interval=(-79.0, 279.0))
    assert CodebookUse.describe("codebook_perplexity_level_1", wide).interval == (1.0, 279.0)


def test_a_frechet_distance_of_few_samples_says_that_it_is_biased():
    assert "29 samples in 1280 dimensions" in bias_note(29, 1280)
    assert bias_note(50_000, 2048) == bias_note(50_000, 2048, 50_000) == ""
    assert "50000 samples, 2 references in 2048 dimensions" in bias_note(50_000, 2048, 2)


@pytest.mark.parametrize("quality", [-1, 101, "abc", 5.5])
def test_a_quality_that_no_codec_has_is_refused(quality):
    with pytest.raises(BenchError, match="whole number from 0 to 100"):
        Codec("JPEG", quality)
