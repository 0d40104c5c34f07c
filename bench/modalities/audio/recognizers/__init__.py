"""Speech recognizers, one module each; ``bench/modalities/audio/lines/recognizers.py`` has their registry lines."""
