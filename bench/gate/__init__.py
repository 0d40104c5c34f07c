"""The gate: what moved between two results on disk, by how much, and whether that is beyond chance."""
