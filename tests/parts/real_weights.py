"""Published weights, which tests use where they are at hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from places import ROOT

VARIABLE = "BENCH_REAL_WEIGHTS"


def real_weights(name: str) -> Path:
    """Return the folder with the published files of a system; skip the test if it is not on this machine.

    It is looked for in the folder that ``$BENCH_REAL_WEIGHTS`` names, or else in ``shared/data`` beside the checkout
    and beside the folders that hold it.
    """
    given = os.environ.get(VARIABLE)
    places = [Path(given)] if given else [parent / "shared" / "data" for parent in ROOT.parents]
    found = next((place / name for place in places if (place / name).is_dir()), None)
    if found is None:
        where = given or "../shared/data"
        pytest.skip(
            f"the published weights of {name} are not in {where}; set {VARIABLE} to the folder that holds {name}"
        )
    return found
