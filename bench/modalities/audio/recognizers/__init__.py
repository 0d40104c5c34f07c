"""Speech recognizers, a file each; ``bench/modalities/audio/lines/recognizers.py`` has their registry lines."""
