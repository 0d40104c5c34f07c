"""The throughput suite: how fast systems are at every setting, what that takes, and what is left of the quality."""
