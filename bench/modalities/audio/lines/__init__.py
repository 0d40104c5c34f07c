"""Registry lines, a module per kind; importing them imports nothing else."""
