"""The static site: tables, plots and kept samples of runs, read from disk and never recomputed."""
