"""Several calls of ``bench`` in one process, so that what all of them import is imported once."""

from __future__ import annotations

import json
import sys

from click.testing import CliRunner

from bench.cli import main

if __name__ == "__main__":
    calls = json.loads(sys.argv[1])
    done = [CliRunner().invoke(main, words) for words in calls]
    sys.stdout.write(f"\n{json.dumps([(result.exit_code, result.output) for result in done])}")
