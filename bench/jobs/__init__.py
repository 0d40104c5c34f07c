"""Cells as jobs of a cluster: submitted through submitit, and what has become of them."""
