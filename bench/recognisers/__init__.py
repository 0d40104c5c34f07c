"""Speech recognisers, a file each; ``bench/entries/recognisers.py`` has their registry lines."""
