"""The built-in registry lines, a module a kind; importing them imports nothing else."""
