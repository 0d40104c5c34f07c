"""Lines of the values that link prediction gives."""

from __future__ import annotations

import math
from functools import partial

from bench.values import FROM_ZERO, Value

_share = partial(Value, higher_is_better=True, bounds=(0.0, 1.0))
# The worst ranking has a negative index, by an amount that depends on the number of candidates.
_index = partial(Value, higher_is_better=True, bounds=(-math.inf, 1.0))

MRR = _share("link_mrr", "MRR")
HITS = {k: _share(f"link_hits_at_{k}", f"Hits@{k}", percent=True) for k in (1, 3, 10)}
MEAN_RANK = Value("link_mean_rank", "Mean rank", "", False, (1.0, math.inf), default=False)
MEAN_RANK_INDEX = _index("link_amri", "AMRI")
MRR_INDEX = _index("link_adjusted_mrr", "Adjusted MRR", default=False)
WEIGHTS = Value("link_weights", "Weights", "", None, FROM_ZERO, section="cost")

VALUES: tuple[Value, ...] = (MRR, *HITS.values(), MEAN_RANK_INDEX, MRR_INDEX, MEAN_RANK, WEIGHTS)
