"""Registry lines of the metrics that serve every modality."""

from bench.registry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "codebook",
        "bench.metrics.codebook:CodebookUse",
        "Utilization, perplexity and entropy of the codebooks, each level and joint",
    ),
    Entry("peak_memory", "bench.metrics.cost:PeakMemory", "Peak memory of encode and decode, weights included"),
)
